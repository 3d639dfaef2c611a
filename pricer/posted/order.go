package posted

import (
	"bytes"
	"cmp"
	"slices"
)

// All gives the addresses of all spans, in no order that means anything.
func (s *Spans) All() []Address {
	list := make([]Address, 0, s.Len())
	for _, slot := range s.byID.slots {
		if slot != 0 {
			list = append(list, Address(slot&numberMask-1))
		}
	}
	return list
}

// Sorted gives the addresses of all spans in the order of Compare.
func (s *Spans) Sorted() []Address {
	type ranked struct {
		address Address
		place   int
	}
	list := make([]ranked, 0, s.Len())
	ranks := s.ranks()
	for _, address := range s.All() {
		list = append(list, ranked{address, ranks[s.placeAt(address)]})
	}
	slices.SortFunc(list, func(x, y ranked) int {
		if x.place != y.place {
			return cmp.Compare(x.place, y.place)
		}
		start, id := s.startAt(x.address)
		other, otherID := s.startAt(y.address)
		return cmp.Or(start.Compare(other), bytes.Compare(id, otherID))
	})
	sorted := make([]Address, len(list))
	for i := range list {
		sorted[i] = list[i].address
	}
	return sorted
}

// placeAt is the number of the place of a span.
func (s *Spans) placeAt(address Address) uint64 {
	r := s.reader(address)
	r.byte()
	r.byte()
	form := r.byte()
	skip := func(binary bool) {
		if binary {
			r.take(16)
		} else {
			r.text()
		}
	}
	skip(form&formID != 0)
	if form&formEarlier != 0 {
		r.uvarint()
	} else {
		skip(form&formCause != 0)
	}
	if form&formOwn != 0 {
		skip(form&formResource != 0)
	}
	return r.uvarint()
}

// ranks numbers the places of all spans in the order of their subjects; places of one subject have
// the same rank.
func (s *Spans) ranks() map[uint64]int {
	places := map[uint64]*place{}
	for _, address := range s.All() {
		number := s.placeAt(address)
		if places[number] == nil {
			r := reader{b: s.text(number)}
			places[number] = &place{}
			places[number].read(&r)
		}
	}
	numbers := make([]uint64, 0, len(places))
	for number := range places {
		numbers = append(numbers, number)
	}
	slices.SortFunc(numbers, func(x, y uint64) int { return places[x].compare(places[y]) })
	ranks, rank := make(map[uint64]int, len(numbers)), 0
	for i, number := range numbers {
		if i > 0 && places[numbers[i-1]].compare(places[number]) != 0 {
			rank++
		}
		ranks[number] = rank
	}
	return ranks
}
