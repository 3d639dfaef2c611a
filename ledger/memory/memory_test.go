package memory_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/ledgertest"
	"github.com/daybook-billing/daybook/ledger/memory"
)

func TestMemory(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Ledger in memory")
}

var _ = Describe("The ledger in memory", func() {
	ledgertest.Specs(func() ledger.Ledger { return memory.New() })
})
