package rest_test

import (
	"fmt"
	"net/http"
	"testing"

	"grpcbench/loadgen/transport"
)

// Connections that a server closes after each answer are made anew; those that are kept are not.
func TestReconnects(t *testing.T) {
	for _, tt := range []struct {
		reason string
		closes bool
		want   int64
	}{{"kept", false, 0}, {"closed after each answer", true, 4}} {
		addr := plain(t, func(w http.ResponseWriter, _ *http.Request) {
			if tt.closes {
				w.Header().Set("Connection", "close")
			}
			fmt.Fprint(w, `{}`)
		})
		l := newLedger()
		conn := dial(t, dialer, addr, post, source{})
		l.next = func(c *transport.Call) {
			if seq := c.Seq + 1; seq < 5 {
				c.Reset()
				c.Seq = seq
				begin(t, conn, c)
			}
		}
		begin(t, conn, &transport.Call{Owner: l})
		l.wait(t, 5)
		if got := conn.(transport.Reconnecter).Reconnects(); got != tt.want {
			t.Errorf("%s: %d reconnects, want %d", tt.reason, got, tt.want)
		}
	}
}
