package bustest

import (
	"errors"

	"github.com/nats-io/nats-server/v2/server"
)

// Server is a server with the configuration of a file as it stands.
type Server struct{ s *server.Server }

// Run starts a server with the configuration of a file, which names the address and the data
// folder, too.
func Run(file string) (*Server, error) {
	options, err := server.ProcessConfigFile(file)
	if err != nil {
		return nil, err
	}
	options.NoLog, options.NoSigs = true, true
	s, err := server.NewServer(options)
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(answerTime) {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, errors.New("the server did not get ready")
	}
	return &Server{s}, nil
}

// URL is where clients connect.
func (s *Server) URL() string { return s.s.ClientURL() }

// Reload reads the file again, as after a SIGHUP.
func (s *Server) Reload() error { return s.s.Reload() }

// Stop ends the server. It may be repeated.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}
