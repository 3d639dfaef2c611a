package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gexec"
)

// natsServerProgram is the path of nats-server, at the version of go.mod, built for the first spec
// that asks for it.
var natsServerProgram = sync.OnceValues(func() (string, error) {
	path := filepath.Join(filepath.Dir(daybook), "nats-server")
	build := exec.Command("go", "build", "-o", path, "github.com/nats-io/nats-server/v2")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build nats-server: %w\n%s", err, out)
	}
	return path, nil
})

// natsServer is a nats-server in a process of its own, which always has the same address.
type natsServer struct {
	file, data    string
	address, url  string
	session       *gexec.Session
	configuration func(storeLimit string) string
}

// noLimit is a limit of the store that no test reaches. Without one a server takes a share of what
// is free at its start.
const noLimit = "1TB"

// newNATSServer is a server on a data folder, before its start.
func newNATSServer(data string) *natsServer {
	GinkgoHelper()
	address := vacant()
	s := &natsServer{
		file: file("nats.conf", ""), data: data, address: address, url: "nats://" + address,
	}
	s.configuration = func(limit string) string {
		return fmt.Sprintf("server_name: single\nlisten: %q\nmax_payload: 8MB\n"+
			"jetstream { store_dir: %q, sync_interval: always, max_file_store: %s }\n", address, data, limit)
	}
	s.limit(noLimit)
	return s
}

// startNATSServer starts a server without a limit.
func startNATSServer() *natsServer {
	GinkgoHelper()
	s := newNATSServer(GinkgoT().TempDir())
	s.start()
	return s
}

// limit writes the configuration, for the next start or reload.
func (s *natsServer) limit(store string) {
	GinkgoHelper()
	Expect(os.WriteFile(s.file, []byte(s.configuration(store)), 0o600)).To(Succeed())
}

// begin starts the process; the end of the spec kills it.
func (s *natsServer) begin() {
	GinkgoHelper()
	program, err := natsServerProgram()
	Expect(err).NotTo(HaveOccurred())
	s.session, err = gexec.Start(command(program, "--config", s.file), GinkgoWriter, GinkgoWriter)
	Expect(err).NotTo(HaveOccurred())
	session := s.session
	DeferCleanup(func() { session.Kill().Wait(patience) })
}

// start starts the process and returns when clients can connect.
func (s *natsServer) start() {
	GinkgoHelper()
	s.begin()
	Expect(awaitOutput(s.session, s.session.Err, `(Server is ready)`)).NotTo(BeEmpty(), "nats-server")
}

// reload has the process read its configuration again.
func (s *natsServer) reload() { s.session.Signal(syscall.SIGHUP) }

// kill ends the process as the loss of its machine does.
func (s *natsServer) kill() { s.session.Kill().Wait(patience) }
