package transport

import (
	"context"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Pool runs each worker as a goroutine, for transports whose calls block. It is
// most of a [Conn]: what is left to the transport is to make one call.
type Pool struct {
	// NewWorker prepares a worker, once, and returns what makes one call with c and fills it in. ctx
	// ends when the pool is closed.
	NewWorker func(ctx context.Context, c *Call) func()
	// CloseConn releases the connection below, after the last worker ended.
	CloseConn func() error

	ctx       context.Context //nolint:containedctx // the workers' life, ended by Close
	cut       context.CancelFunc
	group     errgroup.Group
	finish    chan struct{}
	finishing sync.Once
	mu        sync.Mutex // guards closed against a worker's first Start
	closed    bool
}

type poolWorker struct{ start chan struct{} }

// Init makes the pool ready.
func (p *Pool) Init() {
	p.ctx, p.cut = context.WithCancel(context.Background())
	p.finish = make(chan struct{})
}

// Start implements [Conn].
func (p *Pool) Start(c *Call) error {
	if p.ctx.Err() != nil {
		return ErrClosed
	}
	w, ok := c.Bound.(*poolWorker)
	if !ok {
		w = &poolWorker{start: make(chan struct{}, 1)} // room for the one call a worker has in flight
		c.Bound = w
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.closed {
			return ErrClosed
		}
		call := p.NewWorker(p.ctx, c)
		p.group.Go(func() error { p.work(w, c, call); return nil })
	}
	w.start <- struct{}{}
	return nil
}

func (p *Pool) work(w *poolWorker, c *Call, call func()) {
	for {
		select { // a Done that started the next call left it here: no need to look at ctx, which all workers share
		case <-w.start:
			call()
			c.Owner.Done(c)
			continue
		default:
		}
		select {
		case <-w.start:
			w.start <- struct{}{}
		case <-p.ctx.Done():
			if len(w.start) == 0 { // what was started before the cut still comes to Done
				return
			}
		}
	}
}

// Flush implements [Conn]: a worker sends what it starts.
func (p *Pool) Flush() {}

// Finish implements [Conn].
func (p *Pool) Finish() { p.finishing.Do(func() { close(p.finish) }) }

// Finishing is closed by Finish.
func (p *Pool) Finishing() <-chan struct{} { return p.finish }

// Close implements [Conn].
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cut() // before Finish: who hears of both was cut off
	p.Finish()
	_ = p.group.Wait() // workers return no error: failures are data
	return p.CloseConn()
}
