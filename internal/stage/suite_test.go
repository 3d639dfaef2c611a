package stage_test

import (
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.uber.org/goleak"
)

func TestStage(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Stage")
}

// server is shared by all specs; each has streams of its own on it.
var server *site

var _ = BeforeSuite(func() {
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(2 * time.Millisecond)
	before := goleak.IgnoreCurrent()
	// The client starts it with the first object that is put, and does not end it with the
	// connection.
	known := goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect")
	DeferCleanup(func() { Expect(goleak.Find(before, known)).To(Succeed()) })
	server = newSite(GinkgoT().TempDir())
	DeferCleanup(func() { server.close() })
	server.createStream(actsStream, "usage.act.>")
})
