package paas_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestPaas(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "prices of paas-billing")
}
