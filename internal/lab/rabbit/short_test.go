package rabbit_test

import (
	. "github.com/onsi/ginkgo/v2"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

var _ = BeforeEach(func() {
	scale.Long(Skip)
})
