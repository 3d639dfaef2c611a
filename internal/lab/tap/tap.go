// Package tap is a proxy before a NATS server, which does something at the n-th message that its
// clients publish below a subject: before the server has it, or once it was passed on and no answer
// comes back. It takes plain connections.
//
// Reads and writes sockets alone. A crash ends the connections.
package tap

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
)

// Tap is a proxy. It is safe for concurrent use. Make it with Start.
type Tap struct {
	listener net.Listener
	target   string // host:port
	prefix   string // of subjects
	done     sync.WaitGroup

	mu     sync.Mutex
	count  int // messages below the subject since At
	at     int // 0: nothing is to be done
	passes bool
	act    func()
	cut    bool // the answers are held back
	links  map[net.Conn]struct{}
}

// Start begins to listen before a server, host:port, for messages below a subject.
func Start(ctx context.Context, target, prefix string) (*Tap, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	t := &Tap{listener: listener, target: target, prefix: prefix, links: map[net.Conn]struct{}{}}
	t.done.Go(t.accept)
	return t, nil
}

// URL is where clients connect.
func (t *Tap) URL() string { return "nats://" + t.listener.Addr().String() }

// At has something done at the n-th message from now on: where passes is set once the server has
// its bytes, with all later answers to all clients held back, else before. The client's connection
// ends behind it. Zero ends it.
func (t *Tap) At(n int, passes bool, act func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.count, t.at, t.passes, t.act, t.cut = 0, n, passes, act, false
}

// Count is how many messages came since At.
func (t *Tap) Count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// Close ends all connections, and takes no more.
func (t *Tap) Close() error {
	err := t.listener.Close()
	t.mu.Lock()
	for c := range t.links {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.done.Wait()
	return err
}

func (t *Tap) accept() {
	for {
		client, err := t.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", t.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		t.mu.Lock()
		t.links[client], t.links[server] = struct{}{}, struct{}{}
		t.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { t.forth(server, client) })
		both.Go(func() { t.back(client, server) })
		t.done.Go(func() {
			both.Wait()
			t.mu.Lock()
			delete(t.links, client)
			delete(t.links, server)
			t.mu.Unlock()
		})
	}
}

// forth passes a client's commands on, one by one.
func (t *Tap) forth(server, client net.Conn) {
	defer end(client, server)
	in := bufio.NewReader(client)
	for {
		command, subject, err := read(in)
		if err != nil {
			return
		}
		passes, act := t.met(subject)
		if act == nil || passes {
			if _, err := server.Write(command); err != nil {
				return
			}
		}
		if act != nil {
			act()
			return
		}
	}
}

// end closes both sides of a connection.
func end(client, server net.Conn) {
	_ = client.Close()
	_ = server.Close()
}

// met counts a message, and gives what is to be done at it.
func (t *Tap) met(subject string) (passes bool, act func()) {
	if subject == "" || !strings.HasPrefix(subject, t.prefix) {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count++; t.count != t.at {
		return false, nil
	}
	t.cut = t.passes
	return t.passes, t.act
}

// back passes the server's answers on.
func (t *Tap) back(client, server net.Conn) {
	defer end(client, server)
	buffer := make([]byte, 32<<10)
	for {
		n, err := server.Read(buffer)
		if err != nil {
			return
		}
		t.mu.Lock()
		cut := t.cut
		t.mu.Unlock()
		if cut {
			continue
		}
		if _, err := client.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// maxPayload is more than a server takes.
const maxPayload = 64 << 20

// read reads a command of a client with its payload, and the subject of one that publishes.
func read(in *bufio.Reader) (command []byte, subject string, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return nil, "", err
	}
	words := bytes.Fields(line)
	if len(words) < 3 || !bytes.EqualFold(words[0], []byte("PUB")) && !bytes.EqualFold(words[0], []byte("HPUB")) {
		return line, "", nil
	}
	size, err := strconv.Atoi(string(words[len(words)-1]))
	if err != nil || size < 0 || size > maxPayload {
		return nil, "", fmt.Errorf("%q is no command of NATS", line)
	}
	command = append(line, make([]byte, size+len("\r\n"))...)
	_, err = io.ReadFull(in, command[len(line):])
	return command, string(words[1]), err
}
