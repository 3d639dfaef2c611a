package shell

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// Env is the world of a command.
type Env struct {
	Ctx    context.Context
	Stdin  io.Reader
	Stdout io.Writer
	Stderr io.Writer
}

// Now is the time of an act.
func Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Reachable is the address for a client on this machine.
func Reachable(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if ok && tcp.IP.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", fmt.Sprint(tcp.Port))
	}
	return addr.String()
}
