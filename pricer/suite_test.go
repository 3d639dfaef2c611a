package pricer_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestPricer(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Pricer")
}
