package file

import (
	"context"
	"io"
)

// pump reads standard input in a goroutine of its own, because reads of it cannot be interrupted.
// The goroutine ends with the input, or with the first read to return after the context has ended.
type pump struct {
	ctx    context.Context //nolint:containedctx // io.Reader has no place for it
	chunks chan []byte
	err    error // why chunks was closed
	rest   []byte
	poll   bool // errDry instead of waiting
}

func newPump(ctx context.Context, r io.Reader, poll bool) *pump {
	p := &pump{ctx: ctx, chunks: make(chan []byte, 1), poll: poll}
	go func() {
		defer close(p.chunks)
		for {
			b := make([]byte, bufferSize)
			n, err := r.Read(b)
			if n > 0 {
				select {
				case p.chunks <- b[:n]:
				case <-ctx.Done():
					p.err = ctx.Err()
					return
				}
			}
			if err != nil {
				p.err = err
				return
			}
		}
	}()
	return p
}

// wait makes reads wait for the input from here on.
func (p *pump) wait() { p.poll = false }

// Read implements io.Reader.
func (p *pump) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		chunk, ok, err := p.receive()
		if err != nil {
			return 0, err
		}
		if !ok {
			return 0, p.err
		}
		p.rest = chunk
	}
	n := copy(b, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func (p *pump) receive() (chunk []byte, ok bool, err error) {
	if p.poll {
		select {
		case chunk, ok = <-p.chunks:
			return chunk, ok, nil
		default:
			return nil, false, errDry
		}
	}
	select {
	case chunk, ok = <-p.chunks:
		return chunk, ok, nil
	case <-p.ctx.Done():
		return nil, false, p.ctx.Err()
	}
}
