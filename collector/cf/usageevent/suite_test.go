package usageevent_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestUsageEvent(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "collector/cf/usageevent")
}
