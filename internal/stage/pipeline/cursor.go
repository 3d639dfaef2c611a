package pipeline

// Cursor walks over the values of chunks.
type Cursor[T any] struct {
	p      *Pipeline
	chunks <-chan []T
	chunk  []T
}

// NewCursor returns a cursor before the first value.
func NewCursor[T any](p *Pipeline, chunks <-chan []T) *Cursor[T] {
	return &Cursor[T]{p: p, chunks: chunks}
}

// Next returns the next value, nil after the last one.
func (c *Cursor[T]) Next() (*T, error) {
	for len(c.chunk) == 0 {
		chunk, more, err := Receive(c.p, c.chunks)
		if err != nil || !more {
			return nil, err
		}
		c.chunk = chunk
	}
	v := &c.chunk[0]
	c.chunk = c.chunk[1:]
	return v, nil
}
