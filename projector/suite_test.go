package projector_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestProjector(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Projector")
}
