package socket_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"grpcbench/loadgen/transport/socket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a connection over loopback.
func pair(t *testing.T) (client, server net.Conn) {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer lis.Close()
	if client, err = net.Dial("tcp", lis.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = lis.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return socket.Conn(client), server
}

// Whatever is written arrives, in order and whole, also where the peer reads slowly; the end is io.EOF.
func TestConnCarriesAll(t *testing.T) {
	client, server := pair(t)
	sent := make([]byte, 8<<20)
	for i := range sent {
		sent[i] = byte(rand.IntN(256))
	}
	written := make(chan error, 1)
	go func() {
		n, err := client.Write(sent)
		if err == nil && n != len(sent) {
			err = io.ErrShortWrite
		}
		written <- err
	}()
	time.Sleep(20 * time.Millisecond) // until the socket takes no more
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(server, got); err != nil || !bytes.Equal(got, sent) {
		t.Errorf("what arrives is not what was sent (%v)", err)
	}
	if err := <-written; err != nil {
		t.Error(err)
	}
	if _, err := server.Write(sent[:1000]); err != nil {
		t.Error(err)
	}
	server.Close()
	back, err := io.ReadAll(client)
	if err != nil || !bytes.Equal(back, sent[:1000]) {
		t.Errorf("%d bytes came back, %v", len(back), err)
	}
}

// Close and a deadline end what waits.
func TestConnEnds(t *testing.T) {
	client, _ := pair(t)
	if err := client.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("read past its deadline: %v", err)
	}
	_ = client.SetReadDeadline(time.Time{})
	ended := make(chan error, 2)
	go func() { _, err := client.Read(make([]byte, 1)); ended <- err }()
	go func() { _, err := client.Write(make([]byte, 64<<20)); ended <- err }()
	time.Sleep(50 * time.Millisecond)
	client.Close()
	for range 2 {
		select {
		case err := <-ended:
			if err == nil {
				t.Error("it ended without an error")
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Close ends nothing")
		}
	}
}

// Pieces arrive in their order and whole, more of them than one system call takes, also where the peer reads slowly.
func TestPiecesArrive(t *testing.T) {
	for _, n := range []int{1, 2, 5000} {
		lis, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		client, err := net.Dial("tcp", lis.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		server, err := lis.Accept()
		if err != nil {
			t.Fatal(err)
		}
		s := socket.New(client)
		if s == nil {
			t.Skip("this system's sockets cannot be written without waiting")
		}
		var pieces net.Buffers
		var sent []byte
		for i := range n {
			b := bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 1+rand.IntN(2000))
			pieces, sent = append(pieces, b), append(sent, b...)
		}
		read := make(chan []byte)
		go func() {
			time.Sleep(20 * time.Millisecond) // until the socket takes no more
			got, _ := io.ReadAll(server)
			read <- got
		}()
		for left := pieces; len(left) > 0; {
			n, err := s.Write(left)
			if err != nil {
				t.Fatal(err)
			}
			if n == 0 {
				time.Sleep(time.Millisecond)
			}
			for len(left) > 0 && n >= len(left[0]) {
				n, left = n-len(left[0]), left[1:]
			}
			if n > 0 {
				left[0] = left[0][n:]
			}
		}
		_ = client.Close()
		if got := <-read; !bytes.Equal(got, sent) {
			t.Errorf("%d pieces of %d bytes: %d others arrived", n, len(sent), len(got))
		}
		_, _ = server.Close(), lis.Close()
	}
}
