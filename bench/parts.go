package bench

import (
	"testing"

	"google.golang.org/grpc/codes"

	"grpcbench/loadgen/recorder"
	"grpcbench/loadgen/requestid"
	"grpcbench/loadgen/scenario"
	"grpcbench/loadgen/series"
	"grpcbench/loadgen/transport"
)

// parts measures what loadgen adds to each call of any transport.
func parts(b *testing.B) {
	b.Run("part=requestid.Append", func(b *testing.B) {
		b.ReportAllocs()
		dst := make([]byte, 0, requestid.Len)
		var seq uint64
		for b.Loop() {
			seq++
			dst = requestid.ID{Run: 1, Worker: 2, Seq: seq}.Append(dst[:0])
		}
	})
	for _, loop := range []struct {
		name string
		cfg  recorder.Config
	}{{"closed", recorder.Config{}}, {"open", recorder.Config{OpenLoop: true}}} {
		b.Run("part=recorder.Call/loop="+loop.name, func(b *testing.B) {
			b.ReportAllocs()
			s := recorder.New(loop.cfg).NewLane()
			sample := recorder.Sample{
				Worker: 1, Code: codes.OK, MessagesSent: 1, MessagesReceived: 1, BytesSent: 20,
				BytesReceived: 20,
			}
			for b.Loop() {
				sample.Seq++
				sample.Intended += 1000
				sample.Sent = sample.Intended + 50
				sample.Done = sample.Sent + 60_000 + int64(sample.Seq*7919%40_000)
				s.Call(&sample)
			}
		})
	}
	b.Run("part=recorder.Message", func(b *testing.B) {
		b.ReportAllocs()
		s := recorder.New(recorder.Config{Messages: []series.Series{series.MessageRTT}}).NewLane()
		var n int64
		for b.Loop() {
			n++
			s.Message(0, series.MessageRTT, 60_000+n*7919%40_000)
		}
	})
	for _, name := range []string{"Search", "CreateRepo"} {
		def, err := scenario.Find(name)
		if err != nil {
			b.Fatal(err)
		}
		_, src, err := def.Build(scenario.Options{Transport: transport.GRPC, Messages: 10})
		if err != nil {
			b.Fatal(err)
		}
		b.Run("part=message.Append/rpc="+name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			var seq uint64
			for b.Loop() {
				seq++
				if dst, err = src.Append(dst[:0], seq, 1); err != nil {
					b.Fatal(err)
				}
			}
			b.SetBytes(int64(len(dst)))
		})
	}
}
