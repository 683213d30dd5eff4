package conformance

import (
	"fmt"
	"testing"
)

// fields leaves out those whose value is missing.
func fields(all ...string) (kept []string) {
	for i := 0; i < len(all); i += 2 {
		if all[i+1] != missing {
			kept = append(kept, all[i], all[i+1])
		}
	}
	return kept
}

// missing stands for a header that is not there, which one may be that is empty.
const missing = "(missing)"

var (
	httpStatuses = []string{"200", "204", "301", "400", "401", "403", "404", "429", "500", "502", "503", "504"}
	grpcStatuses = []string{missing, "0", "5", "14", "17", "999", "abc", ""}
	contentTypes = []string{"application/grpc", "application/grpc+proto", "text/html", missing}
)

// statusRows are the product of what may say how a call ended, in each place where it may say so; with -short
// a quarter of it, which has each pair of values still.
func statusRows() (rows []row) {
	for n, shape := range []struct {
		name  string
		write func(p *peer, id uint32, http, grpc, content string)
	}{
		{"trailers only", func(p *peer, id uint32, http, grpc, content string) {
			p.headers(id, true, fields(":status", http, "content-type", content, "grpc-status", grpc, "grpc-message",
				text)...)
		}},
		{"headers, message, trailers", func(p *peer, id uint32, http, grpc, content string) {
			p.headers(id, false, fields(":status", http, "content-type", content)...)
			p.payload(id, false, message(0, "yes"))
			p.headers(id, true, fields("grpc-status", grpc, "grpc-message", text)...)
		}},
		{"headers, trailers", func(p *peer, id uint32, http, grpc, content string) {
			p.headers(id, false, fields(":status", http, "content-type", content)...)
			p.headers(id, true, fields("grpc-status", grpc, "grpc-message", text)...)
		}},
		{"a page", func(p *peer, id uint32, http, grpc, content string) {
			p.headers(id, false, fields(":status", http, "content-type", content, "grpc-status", grpc, "grpc-message",
				text)...)
			p.payload(id, false, "<html>")
			p.payload(id, true, "</html>")
		}},
		{"an empty page", func(p *peer, id uint32, http, grpc, content string) {
			p.headers(id, false, fields(":status", http, "content-type", content, "grpc-status", grpc, "grpc-message",
				text)...)
			p.payload(id, true, "")
		}},
	} {
		for i, http := range httpStatuses {
			for j, grpc := range grpcStatuses {
				for k, content := range contentTypes {
					if testing.Short() && (n+i+j+k)%4 > 0 {
						continue
					}
					rows = append(rows, row{
						name: fmt.Sprintf("%s: :status=%s grpc-status=%q content-type=%s", shape.name, http, grpc,
							content),
						says:   text,
						script: func(p *peer, id uint32, _ int) { shape.write(p, id, http, grpc, content) },
					})
				}
			}
		}
	}
	return rows
}

// text is what a grpc-message says.
const text = "as it says"

// spellingRows are ways to write a status, its message and its details.
func spellingRows() (rows []row) {
	for _, grpc := range []string{
		"00", "05", "+5", "-1", " 5", "5 ", "0x5", "1e1", "5,6", "16", "2147483647",
		"2147483648", "4294967295", "4294967296", "99999999999999999999",
	} {
		rows = append(rows, spelled("grpc-status", grpc))
	}
	for _, m := range []struct{ raw, says string }{
		{"100%25 %e2%82%AC", "100% €"},
		{"a%2", "a%2"},
		{"%zz%", "%zz%"},
		{"%ff", "\ufffd"},
		{"\xff", "\ufffd"},
		{"", ""},
		{"%00", "\x00"},
		{"€", "€"},
		{" both ", " both "},
	} {
		rows = append(rows, row{
			name: fmt.Sprintf("grpc-message=%q", m.raw), says: m.says,
			script: func(p *peer, id uint32, _ int) {
				p.begin(id)
				p.headers(id, true, "grpc-status", "5", "grpc-message", m.raw)
			},
		})
	}
	for _, status := range []string{"0", "5"} {
		// {5}, the same padded, {10}, no base64, no message, none, {5} cut off
		for _, details := range []string{"CAU", "CAU=", "CAo", "!", "/w", "", "CAUaA0VvRg"} {
			rows = append(rows, row{
				name: fmt.Sprintf("grpc-status=%s grpc-status-details-bin=%q", status, details), says: text,
				script: func(p *peer, id uint32, _ int) {
					p.begin(id)
					p.payload(id, false, message(0, "yes"))
					p.headers(id, true, "grpc-status", status, "grpc-message", text, "grpc-status-details-bin", details)
				},
			})
		}
	}
	for name, twice := range map[string][2]string{
		"the same": {"5", "5"}, "good first": {"0", "5"},
		"good last": {"5", "0"},
	} {
		rows = append(rows, row{
			name: "grpc-status twice, " + name,
			script: func(p *peer, id uint32, _ int) {
				p.begin(id)
				p.payload(id, false, message(0, "yes"))
				p.headers(id, true, "grpc-status", twice[0], "grpc-status", twice[1])
			},
		})
	}
	for _, http := range []string{missing, "", "abc", "99", "600", "0200", "2000", "-200"} {
		for _, content := range []string{"application/grpc", "text/html"} {
			rows = append(rows, row{
				name: fmt.Sprintf(":status=%q content-type=%s", http, content),
				script: func(p *peer, id uint32, _ int) {
					p.headers(id, false, fields(":status", http, "content-type", content)...)
					p.payload(id, false, message(0, "yes"))
					p.end(id)
				},
			})
		}
	}
	for _, content := range []string{
		"Application/gRPC", "application/grpc;charset=utf-8", "application/grpc ; x",
		"application/grpc-web", "application/grpcx", "application/grpc+", " application/grpc",
		"application/grpc,application/grpc",
	} {
		rows = append(rows, spelled("content-type", content))
	}
	return rows
}

// spelled is an answer that is good but for one header.
func spelled(name, value string) row {
	return row{
		name: fmt.Sprintf("%s=%q", name, value),
		script: func(p *peer, id uint32, _ int) {
			content, status := "application/grpc", "0"
			if name == "content-type" {
				content = value
			} else {
				status = value
			}
			p.headers(id, false, ":status", "200", "content-type", content)
			p.payload(id, false, message(0, "yes"))
			p.headers(id, true, "grpc-status", status)
		},
	}
}
