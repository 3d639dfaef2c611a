package bus

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/internal/bus/folder"
)

const (
	// roomToRestart is how many bytes the disk must take before the embedded server is restarted.
	roomToRestart = 4 << 20
	// mendEvery is the time between two looks at a full disk, and two attempts of a restart.
	mendEvery = time.Second
	// maxStore is the limit of the embedded server in bytes: the disk. A limit that a server sets
	// itself, of what is free at its start, does not rise with the disk.
	maxStore = 1 << 50
)

// mend restarts the server when its disk has been full and has room again: until then it answers
// reads, and no append.
func (s *Server) mend() {
	defer close(s.mended)
	for {
		select {
		case <-s.quit:
			return
		case <-s.log.Full():
		}
		s.cfg.Log.Error("the disk is full; the NATS server stores nothing until there is room, and restarts then by "+
			"itself", slog.String("data", s.cfg.DataDir), slog.String("do", "make room on the disk"))
		s.setFull(fmt.Errorf("the disk of data folder %s is full: make room; the NATS server then restarts by itself",
			s.cfg.DataDir))
		for folder.Takes(s.cfg.DataDir, roomToRestart) != nil || s.restart() != nil {
			select {
			case <-s.quit:
				return
			case <-time.After(mendEvery):
			}
		}
		s.setFull(nil)
		s.cfg.Log.Info("the disk has room; the NATS server has restarted", slog.String("url", s.URL()))
	}
}

// restart ends the server and starts another one at the same address.
func (s *Server) restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
	for len(s.log.Full()) > 0 { // of the one that ended
		<-s.log.Full()
	}
	ns, err := run(s.cfg, s.host, s.port, s.log)
	if err != nil {
		s.cfg.Log.Error("the NATS server does not restart yet", slog.Any("error", err))
		return err
	}
	s.ns = ns
	return nil
}

func (s *Server) setFull(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.full = err
}

// Ready tells that the disk is full. It is a readiness check.
func (s *Server) Ready() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}
