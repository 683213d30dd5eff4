package wire

import (
	"fmt"
	"time"

	"golang.org/x/net/http2"

	"grpcbench/loadgen/transport"
)

// keepAlive asks a server that has been silent for so long whether it is there,
// and ends the session where it does not answer in as much time again: its calls
// would wait for their deadlines, or for ever. A server that speaks is not asked,
// as over grpc-go: to some, pings are an attack.
func (ss *session) keepAlive(every time.Duration) {
	c := ss.conn
	var asked int64 // a reading of Now, 0 while no answer is due
	t := time.NewTimer(every)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ss.gone:
			return
		}
		c.mu.Lock()
		silent := transport.Now() - ss.heard
		switch {
		case silent < int64(every):
			asked = 0
			t.Reset(every - time.Duration(silent))
		case asked > ss.heard:
			ss.writeErr = fmt.Errorf("the server answered no PING within %v (-keepalive)", every)
			ss.close() // its reader will know, and tell
			c.mu.Unlock()
			return
		default:
			asked = transport.Now()
			ss.out = appendFrame(ss.out, frame{length: 8, kind: http2.FramePing})
			ss.out = append(ss.out, "grpcbnch"...)
			t.Reset(every)
		}
		c.mu.Unlock()
		c.deliver(nil)
	}
}
