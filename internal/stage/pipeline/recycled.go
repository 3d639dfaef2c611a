package pipeline

// Recycled is memory to be used again: of the chunks of a pipeline, and as many more.
type Recycled[T any] chan *T

// NewRecycled returns one without memory.
func NewRecycled[T any]() Recycled[T] { return make(Recycled[T], 2*ChunksAhead) }

// Take returns what was released, nil for nothing.
func (r Recycled[T]) Take() *T {
	select {
	case v := <-r:
		return v
	default:
		return nil
	}
}

// Release gives memory back.
func (r Recycled[T]) Release(v *T) {
	select {
	case r <- v:
	default:
	}
}
