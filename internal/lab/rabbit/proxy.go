package rabbit

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// Proxy passes connections on to a broker, and can swallow the clients' bytes. It is safe for
// concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu     sync.Mutex
	links  map[*link]struct{} // guarded by mu
	closed bool               // guarded by mu
}

// link is one connection through the proxy.
type link struct {
	client, broker net.Conn
	silenced       atomic.Bool
}

// StartProxy starts a proxy for the broker at an address such as Broker.Address's.
func StartProxy(ctx context.Context, target string) (*Proxy, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: listener, target: target, links: map[*link]struct{}{}}
	p.done.Go(p.accept)
	return p, nil
}

// URL is where clients connect, as the administrator guest.
func (p *Proxy) URL() string { return "amqp://guest:guest@" + p.listener.Addr().String() + "/" }

// Silence swallows all later bytes of the clients on the present connections: the broker gets no
// acknowledgement, and goes on delivering. New connections are not concerned.
func (p *Proxy) Silence() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.silenced.Store(true)
	}
}

// Cut ends the present connections.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		l.close()
	}
}

// Close ends all connections, and takes no more.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.Cut()
	p.done.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		broker, err := new(net.Dialer).DialContext(context.Background(), "tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{client: client, broker: broker}
		p.mu.Lock()
		p.links[l] = struct{}{}
		if p.closed {
			l.close()
		}
		p.mu.Unlock()
		p.done.Go(func() { p.pass(l) })
	}
}

// pass ends when either side does, and the other side with it.
func (p *Proxy) pass(l *link) {
	var back sync.WaitGroup
	back.Go(func() {
		_, _ = io.Copy(l.client, l.broker)
		l.close()
	})
	_, _ = io.Copy(l, l.client)
	l.close()
	back.Wait()
	p.mu.Lock()
	delete(p.links, l)
	p.mu.Unlock()
}

// Write sends to the broker.
func (l *link) Write(b []byte) (int, error) {
	if l.silenced.Load() {
		return len(b), nil
	}
	return l.broker.Write(b)
}

func (l *link) close() {
	_ = l.client.Close()
	_ = l.broker.Close()
}
