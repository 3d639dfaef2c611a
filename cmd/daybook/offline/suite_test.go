package offline

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

func TestOffline(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(scale.Patience)
	RunSpecs(t, "commands without a server")
}
