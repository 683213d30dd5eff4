//go:build unix

package main

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// -q means it: net/http's own words about a server are not the program's to say.
func TestQuietAboutHTTP(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { lis.Close() })
	go func() {
		for {
			conn, err := lis.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for line := "x"; strings.TrimSpace(line) != ""; {
					if line, err = in.ReadString('\n'); err != nil {
						return
					}
				}
				// What comes after the answer nobody asked for.
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
				time.Sleep(50 * time.Millisecond)
				_, _ = io.WriteString(conn, "HTTP/1.1 500 Too late\r\n\r\n")
				time.Sleep(50 * time.Millisecond)
			}()
		}
	}()
	p := loadgen(t, "-rpc=Search", "-transport=rest", "-addr="+lis.Addr().String(), "-c=1", "-n=3", "-rate=5",
		"-warmup=0s", "-q")
	p.wantExit(t, 1, 10*time.Second)
	for line := range strings.Lines(p.stderr.String()) {
		if !strings.HasPrefix(line, "loadgen: ") {
			t.Errorf("it says %q", line)
		}
	}
}
