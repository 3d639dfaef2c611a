package rabbit_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestRabbittest(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "RabbitMQ for tests")
}
