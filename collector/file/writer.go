package file

import (
	"fmt"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

// idSet holds ids in 16 bytes each.
type idSet struct {
	ids map[appender.Key]struct{}
	max int
}

func (s *idSet) has(k appender.Key) bool { _, ok := s.ids[k]; return ok }

func (s *idSet) add(k appender.Key) error {
	if len(s.ids) >= s.max && !s.has(k) {
		return fmt.Errorf("the foundation has more than %d messages: their ids do not fit in the memory that the "+
			"limit on known ids allows; raise it", s.max)
	}
	s.ids[k] = struct{}{}
	return nil
}

// writer is a stream that the collector appends to, and the ids of all that the stream holds or the
// batch will add.
type writer struct {
	*appender.Appender
	known idSet
}

func newWriter(o appender.Options, maxKnown int) *writer {
	w := &writer{known: idSet{ids: map[appender.Key]struct{}{}, max: maxKnown}}
	o.Seen = func(k appender.Key, _ uint64) error { return w.known.add(k) }
	w.Appender = appender.New(o)
	return w
}
