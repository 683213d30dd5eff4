package meet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// Config is one shard's part in a meeting.
type Config struct {
	Hello Hello
	// Meet is host:port, or a folder where Folder says so. Token secures the first; empty is plaintext.
	Meet   string
	Folder bool
	Token  string
	// Offer is what the host tells each guest with its welcome.
	Offer json.RawMessage
	// Timeout bounds the wait for the others.
	Timeout time.Duration
	// Now reads the run's clock, in nanoseconds.
	Now func() int64
	// Say, where set, is told what people should know, a line each. It may be called concurrently.
	Say func(format string, args ...any)
}

func (c *Config) logf(format string, args ...any) {
	if c.Say != nil {
		c.Say(format, args...)
	}
}

func (c *Config) dir() string { return filepath.Join(c.Meet, c.Hello.Run) }

// begun says whether the run has begun: from then on each side writes every second.
type begun struct{ atomic.Bool }

func (b *begun) patience() time.Duration {
	if !b.Load() {
		return 0
	}
	return deaf
}

// Guest is a shard other than 0, once shard 0 has taken it. Its methods may be called concurrently.
type Guest struct {
	cfg   Config
	link  link
	begun *begun
	start chan int64
	bye   chan struct{}
	over  chan struct{} // closed when nothing is heard any more
	stop  func(reason string)
	// closed once End begins: from then on a lost link stops nothing: what is heard no more is no loss
	ended chan struct{}

	mu  sync.Mutex // of what is sent
	err error      // why nothing is heard any more; set before over is closed
}

// Join meets shard 0, for as long as the timeout. Stop is called where shard 0 says that the run is to stop, or is
// lost. Its errors say why it was refused ([ErrRefused]), or that there is nobody.
func Join(ctx context.Context, cfg Config, stop func(reason string)) (*Guest, error) {
	deadline := fmt.Errorf("shard 0 is not at %s, or does not answer, within %v", cfg.Meet, cfg.Timeout)
	joining, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, deadline)
	defer cancel()
	// The link outlives the wait for it.
	living, end := context.WithCancelCause(context.WithoutCancel(ctx))
	unhook := context.AfterFunc(joining, func() { end(context.Cause(joining)) })
	var begun begun
	l, offer, err := dialHost(joining, living, &cfg, begun.patience)
	for errors.Is(err, errLater) {
		select {
		case <-joining.Done():
			err = context.Cause(joining)
		case <-time.After(comeAgain): //nolint:forbidigo // it is short
			l, offer, err = dialHost(joining, living, &cfg, begun.patience)
		}
	}
	cfg.Offer = offer
	if !unhook() && err == nil {
		err = context.Cause(living)
	}
	if err != nil {
		end(nil)
		if cause := context.Cause(joining); cause != nil && !errors.Is(err, ErrRefused) {
			err = cfg.explainTimeout(cause)
		}
		if l != nil {
			err = errors.Join(err, l.Close())
		}
		return nil, fmt.Errorf("meet the other shards: %w", err)
	}
	g := &Guest{
		cfg: cfg, link: l, stop: stop, start: make(chan int64, 1), bye: make(chan struct{}), over: make(chan struct{}),
		ended: make(chan struct{}), begun: &begun,
	}
	go func() {
		defer close(g.over)
		g.err = g.listen()
		select {
		case <-g.ended:
		default:
			if errors.Is(g.err, ErrRefused) {
				stop(g.err.Error())
			} else {
				stop(fmt.Sprintf("shard 0 is lost: %v", g.err))
			}
		}
	}()
	return g, nil
}

// comeAgain is how long a guest waits where the host still makes the round before.
const comeAgain = 20 * time.Millisecond

var errLater = errors.New("shard 0 still makes the round before")

// dialHost opens a link, which lives as long as living, and says hello. The link is nil where there is none, and closed
// where the guest is to come again.
func dialHost(joining, living context.Context, cfg *Config, patience func() time.Duration) (l link,
	offer json.RawMessage,
	err error,
) {
	if cfg.Folder {
		l, err = dialFolder(joining, cfg.dir(), cfg.Hello.Index, patience)
	} else {
		l, err = dialStream(living, cfg.Meet, cfg)
	}
	if err == nil {
		offer, err = greet(joining, l, cfg)
	}
	// The server of the round before may end while it is asked: then the next is soon there.
	ending := cfg.Hello.Round > 1 && !cfg.Folder && joining.Err() == nil && !errors.Is(err, ErrRefused) &&
		!errors.Is(err, errToken)
	if errors.Is(err, errLater) || err != nil && ending {
		if l != nil {
			_ = l.Close() // nothing was said
		}
		return nil, nil, errLater
	}
	return l, offer, err
}

// explainTimeout adds to a wait that was too long what keeps the host from being reached.
func (c *Config) explainTimeout(cause error) error {
	if c.Folder {
		return cause
	}
	conn, err := (&net.Dialer{Timeout: time.Second}).Dial("tcp", c.Meet)
	if err != nil {
		return fmt.Errorf("%w: %w", cause, err)
	}
	_ = conn.Close() // somebody is there, who says nothing
	return cause
}

// Offer is what the host told with its welcome.
func (g *Guest) Offer() json.RawMessage { return g.cfg.Offer }

// greet says hello, and waits to be taken; it returns what the host offers.
func greet(ctx context.Context, l link, cfg *Config) (json.RawMessage, error) {
	if err := l.Send(&Message{Hello: &cfg.Hello}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrLost, unexpected(err))
	}
	type answer struct {
		m   *Message
		err error
	}
	heard := make(chan answer, 1)
	go func() { m, err := l.Recv(); heard <- answer{m, err} }()
	select {
	case a := <-heard:
		switch {
		case a.err != nil:
			return nil, fmt.Errorf("%w: %w", ErrLost, unexpected(a.err))
		case a.m.Refused != "":
			return nil, fmt.Errorf("%w: %s", ErrRefused, a.m.Refused)
		case a.m.Later:
			return nil, errLater
		case !a.m.Welcome:
			return nil, errors.New("shard 0 answers what is no welcome")
		}
		return a.m.Offer, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// listen does what the host says, until the link ends.
func (g *Guest) listen() error {
	for {
		m, err := g.link.Recv()
		if err != nil {
			return unexpected(err)
		}
		switch {
		case m.Ping != nil:
			if err := g.send(&Message{Pong: &Pong{At: m.Ping.At, Heard: g.cfg.Now()}}); err != nil {
				return err
			}
		case m.Start != nil:
			g.begun.Store(true)
			select {
			case g.start <- m.Start.At:
			default: // once is enough
			}
		case m.Stop != "":
			g.stop(m.Stop)
		case m.Refused != "":
			return fmt.Errorf("%w: %s", ErrRefused, m.Refused)
		case m.Bye:
			close(g.bye)
			return nil
		}
	}
}

func (g *Guest) send(m *Message) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.link.Send(m); err != nil {
		return fmt.Errorf("%w: %w", ErrLost, unexpected(err))
	}
	return nil
}

// Start says that this shard is ready, and waits to be told when all start: a reading of its own clock.
func (g *Guest) Start(ctx context.Context) (at int64, err error) {
	if err := g.send(&Message{Ready: true}); err != nil {
		return 0, err
	}
	select {
	case at := <-g.start:
		return at, nil
	case <-g.over:
		return 0, fmt.Errorf("before the start: %w", g.err)
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Second sends what was recorded in an interval, in encoded form.
func (g *Guest) Second(index int, snapshot json.RawMessage) error {
	return g.send(&Message{Second: &Second{Index: index, Snapshot: snapshot}})
}

// End sends the shard's report, waits until it is taken, and ends the link. A guest that made no report ends with nil.
func (g *Guest) End(report json.RawMessage, patience time.Duration) error {
	close(g.ended)
	var err error
	if report != nil {
		if err = g.send(&Message{Report: report}); err == nil {
			select {
			case <-g.bye:
			case <-g.over:
				select {
				case <-g.bye:
				default:
					err = fmt.Errorf("%w: %w", ErrLost, g.err)
				}
			case <-time.After(patience): //nolint:forbidigo // the last that a guest does
				err = fmt.Errorf("shard 0 did not take the report within %v", patience)
			}
		}
	}
	err = errors.Join(err, g.link.Close())
	<-g.over
	return err
}
