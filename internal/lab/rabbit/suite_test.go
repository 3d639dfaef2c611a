package rabbit_test

import (
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// TestMain is the process to kill of kill_test.go, too.
func TestMain(m *testing.M) {
	if situation := os.Getenv(situationVariable); situation != "" {
		runVictim(situation)
		return
	}
	os.Exit(m.Run())
}

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "RabbitMQ for tests")
}
