package conformance

import (
	"fmt"

	"golang.org/x/net/http2"
)

// moments are how far an answer got when something else happens.
var moments = []struct {
	name  string
	write func(p *peer, id uint32)
}{
	{"before the headers", func(*peer, uint32) {}},
	{"after the headers", func(p *peer, id uint32) { p.begin(id) }},
	{"within a message", func(p *peer, id uint32) { p.begin(id); p.payload(id, false, message(0, "yes")[:6]) }},
	{"after the message", func(p *peer, id uint32) { p.begin(id); p.payload(id, false, message(0, "yes")) }},
	{"after the trailers", func(p *peer, id uint32) { p.good(id) }},
}

// streamEndRows end a stream, and only it, in an odd way.
func streamEndRows() (rows []row) {
	for _, at := range moments {
		for code := http2.ErrCode(0); code <= 15; code++ {
			if code == 15 {
				code = 0x1234 // one that is not assigned
			}
			rows = append(rows, row{
				name: fmt.Sprintf("RST_STREAM %v %s", code, at.name), kinds: everyKind,
				script: func(p *peer, id uint32, _ int) { at.write(p, id); p.rst(id, code) },
			})
		}
	}
	add := func(name string, write func(p *peer, id uint32)) {
		rows = append(rows, row{
			name: name, kinds: everyKind, says: text,
			script: func(p *peer, id uint32, _ int) { write(p, id) },
		})
	}
	rows = append(rows, row{
		name: "RST_STREAM REFUSED_STREAM, once", kinds: everyKind,
		script: func(p *peer, id uint32, attempt int) {
			if attempt == 1 {
				p.rst(id, http2.ErrCodeRefusedStream)
			} else {
				p.good(id)
			}
		},
	})
	add("a message after the trailers",
		func(p *peer, id uint32) { p.good(id); p.payload(id, false, message(0, "late")) })
	add("trailers after the trailers", func(p *peer, id uint32) { p.good(id); p.end(id) })
	add("trailers after END_STREAM on DATA",
		func(p *peer, id uint32) { p.begin(id); p.payload(id, true, message(0, "yes")); p.end(id) })
	add("END_STREAM on the message's DATA",
		func(p *peer, id uint32) { p.begin(id); p.payload(id, true, message(0, "yes")) })
	add("a second head", func(p *peer,
		id uint32,
	) {
		p.begin(id)
		p.begin(id)
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("trailers without END_STREAM", func(p *peer, id uint32) {
		p.begin(id)
		p.payload(id, false, message(0, "yes"))
		p.headers(id, false, "grpc-status", "0")
	})
	add("informational heads first", func(p *peer, id uint32) {
		p.headers(id, false, ":status", "103", "link", "x")
		p.headers(id, false, ":status", "100")
		p.good(id)
	})
	add("an informational head alone", func(p *peer, id uint32) { p.headers(id, true, ":status", "100") })
	add("an informational head of gRPC's type", func(p *peer, id uint32) {
		p.headers(id, false, ":status", "103", "content-type", "application/grpc")
		p.good(id)
	})
	add("an unknown frame", func(p *peer, id uint32) { p.raw(0x77, 0xff, id, "abc"); p.good(id) })
	add("PRIORITY", func(p *peer, id uint32) { p.raw(http2.FramePriority, 0, id, "\x00\x00\x00\x00\x10"); p.good(id) })
	add("no status at all", func(p *peer, id uint32) {
		p.begin(id)
		p.payload(id, false, message(0, "yes"))
		p.headers(id, true, "x", "y")
	})
	add("empty trailers", func(p *peer,
		id uint32,
	) {
		p.begin(id)
		p.payload(id, false, message(0, "yes"))
		p.headers(id, true)
	})
	add("DATA before the headers", func(p *peer, id uint32) { p.payload(id, false, message(0, "yes")); p.good(id) })
	add("DATA and no headers", func(p *peer, id uint32) { p.payload(id, true, message(0, "yes")) })
	add("a head of upper case", func(p *peer, id uint32) {
		p.begin(id, "X-Upper", "1")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("a pseudo-header after others", func(p *peer, id uint32) {
		p.headers(id, false, "content-type", "application/grpc", ":status", "200")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add(":status in the trailers", func(p *peer, id uint32) {
		p.begin(id)
		p.payload(id, false, message(0, "yes"))
		p.headers(id, true, ":status", "200", "grpc-status", "0")
	})
	add("a pseudo-header of requests", func(p *peer, id uint32) {
		p.headers(id, false, ":status", "200", ":path", "/", "content-type", "application/grpc")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add(":status twice", func(p *peer, id uint32) {
		p.headers(id, false, ":status", "200", ":status", "200", "content-type", "application/grpc")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("a header of a connection", func(p *peer, id uint32) {
		p.begin(id, "connection", "close")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("a value with a line's end", func(p *peer, id uint32) {
		p.begin(id, "x-lines", "a\r\nb")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("a name with a space", func(p *peer,
		id uint32,
	) {
		p.begin(id, "x y", "a")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("a name of no bytes", func(p *peer,
		id uint32,
	) {
		p.begin(id, "", "a")
		p.payload(id, false, message(0, "yes"))
		p.end(id)
	})
	add("WINDOW_UPDATE of 0 on the stream",
		func(p *peer, id uint32) { p.raw(http2.FrameWindowUpdate, 0, id, "\x00\x00\x00\x00"); p.good(id) })
	add("a window past 2^31-1 on the stream",
		func(p *peer, id uint32) { _ = p.fr.WriteWindowUpdate(id, 1<<31-1); p.good(id) })
	return rows
}

// connectionEndRows end the connection, or break a rule that holds for all of it.
func connectionEndRows() (rows []row) {
	add := func(alone bool, name string, write func(p *peer, id uint32)) {
		rows = append(rows, row{
			name: name, alone: alone, kinds: everyKind,
			script: func(p *peer, id uint32, attempt int) {
				if attempt > 1 {
					p.good(id)
					return
				}
				write(p, id)
			},
		})
	}
	for _, at := range moments {
		add(true, "the connection ends "+at.name, func(p *peer, id uint32) { at.write(p, id); p.hangUp() })
		for _, cut := range []struct{ name, bytes string }{
			{"half a frame's head", "\x00\x00\x08\x00"},
			{"half of DATA", "\x00\x00\x08\x00\x00\x00\x00\x00\x01\x00\x00\x00"},
			{"half of HEADERS", "\x00\x00\x08\x01\x04\x00\x00\x00\x01\x88"},
		} {
			add(true, fmt.Sprintf("the connection ends %s, with %s", at.name, cut.name), func(p *peer, id uint32) {
				at.write(p, id)
				_, _ = p.nc.Write([]byte(cut.bytes))
				p.hangUp()
			})
		}
	}
	rest := func(p *peer, id uint32, at int) { // what is left of a good answer
		if at < 1 {
			p.begin(id)
		}
		switch {
		case at == 2:
			p.payload(id, false, message(0, "yes")[6:])
		case at < 2:
			p.payload(id, false, message(0, "yes"))
		}
		if at < 4 {
			p.end(id)
		}
	}
	for i, at := range moments {
		for _, code := range []http2.ErrCode{http2.ErrCodeNo, http2.ErrCodeInternal, http2.ErrCodeEnhanceYourCalm} {
			add(false, fmt.Sprintf("GOAWAY %v %s, which is answered", code, at.name), func(p *peer, id uint32) {
				at.write(p, id)
				p.goAway(id, code)
				rest(p, id, i)
			})
			add(true, fmt.Sprintf("GOAWAY %v %s, and the connection ends", code, at.name), func(p *peer, id uint32) {
				at.write(p, id)
				p.goAway(id, code)
				p.hangUp()
			})
			add(false, fmt.Sprintf("GOAWAY %v %s, which is not answered", code, at.name), func(p *peer, id uint32) {
				at.write(p, id)
				p.goAway(0, code)
			})
		}
		add(false, "GOAWAY twice "+at.name+", the second for the call", func(p *peer, id uint32) {
			at.write(p, id)
			p.goAway(1<<31-1, http2.ErrCodeNo)
			p.goAway(0, http2.ErrCodeNo)
		})
	}
	rows = append(rows, row{
		name: "GOAWAY before the call, every time", kinds: everyKind,
		script: func(p *peer, _ uint32, _ int) { p.goAway(0, http2.ErrCodeNo) },
	})
	for _, broken := range []struct {
		name  string
		write func(p *peer, id uint32)
	}{
		{"a block that hpack cannot read", func(p *peer, id uint32) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, id, "\xff\xff\xff\xff\xff\xff")
		}},
		{"DATA on stream 0", func(p *peer, _ uint32) { p.raw(http2.FrameData, 0, 0, "abc") }},
		{"HEADERS on stream 0", func(p *peer,
			_ uint32,
		) {
			p.raw(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 0, "\x88")
		}},
		{"DATA on a stream that was never opened", func(p *peer, id uint32) { p.payload(id+100, false, "abc") }},
		{"a stream that the server opens", func(p *peer, _ uint32) { p.headers(2, true, ":status", "200") }},
		{"PUSH_PROMISE", func(p *peer, id uint32) {
			p.raw(http2.FramePushPromise, http2.FlagPushPromiseEndHeaders, id, "\x00\x00\x00\x02\x88")
		}},
		{
			"CONTINUATION without HEADERS",
			func(p *peer, id uint32) { p.raw(http2.FrameContinuation, http2.FlagContinuationEndHeaders, id, "\x88") },
		},
		{"a frame between HEADERS and CONTINUATION", func(p *peer, id uint32) {
			p.raw(http2.FrameHeaders, 0, id, p.block(":status", "200"))
			p.payload(id, false, "abc")
		}},
		{
			"a frame longer than it may be",
			func(p *peer, id uint32) { p.begin(id); p.payload(id, false, string(make([]byte, 1<<14+1))) },
		},
		{
			"padding longer than its frame",
			func(p *peer, id uint32) { p.begin(id); p.raw(http2.FrameData, http2.FlagDataPadded, id, "\xffabc") },
		},
		{"RST_STREAM of 3 bytes", func(p *peer, id uint32) { p.raw(http2.FrameRSTStream, 0, id, "abc") }},
		{"RST_STREAM on stream 0", func(p *peer, _ uint32) { p.rst(0, http2.ErrCodeNo) }},
		{"PING of 7 bytes", func(p *peer, _ uint32) { p.raw(http2.FramePing, 0, 0, "1234567") }},
		{"PING on a stream", func(p *peer, id uint32) { p.raw(http2.FramePing, 0, id, "12345678") }},
		{"SETTINGS of 5 bytes", func(p *peer, _ uint32) { p.raw(http2.FrameSettings, 0, 0, "12345") }},
		{"SETTINGS on a stream", func(p *peer, id uint32) { p.raw(http2.FrameSettings, 0, id, "") }},
		{"a window past 2^31-1 by SETTINGS", func(p *peer, _ uint32) {
			_ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 31})
		}},
		{"a frame size below 2^14 by SETTINGS", func(p *peer, _ uint32) {
			_ = p.fr.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 100})
		}},
		{"WINDOW_UPDATE of 0", func(p *peer, _ uint32) { p.raw(http2.FrameWindowUpdate, 0, 0, "\x00\x00\x00\x00") }},
		{"GOAWAY of 7 bytes", func(p *peer, _ uint32) { p.raw(http2.FrameGoAway, 0, 0, "1234567") }},
		{"GOAWAY on a stream", func(p *peer, id uint32) { p.raw(http2.FrameGoAway, 0, id, "12345678") }},
	} {
		add(true, broken.name+", before the answer", func(p *peer, id uint32) { broken.write(p, id); p.good(id) })
		add(true, broken.name+", within the answer", func(p *peer, id uint32) {
			p.begin(id)
			broken.write(p, id)
			p.payload(id, false, message(0, "yes"))
			p.end(id)
		})
	}
	return rows
}
