package jet_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestJet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Jet")
}
