package main

import (
	"context"
	"time"
)

// roomEvery is the time between two looks of room.
const roomEvery = time.Second

// room ends --once when an append has waited for room as long as it may.
func (s *system) room(ctx context.Context) error {
	ticks := time.NewTicker(roomEvery)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticks.C:
			if err := s.bus.RoomOver(); err != nil {
				return err
			}
		}
	}
}

func (s *system) close() {
	if s.cf != nil {
		s.cf.Close()
	}
	if s.reconcile != nil {
		s.reconcile.Close()
	}
	if s.books != nil {
		s.books.close()
	}
	if s.bus != nil {
		s.bus.Close()
	}
	if s.server != nil {
		s.server.Shutdown()
	}
}
