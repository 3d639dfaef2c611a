package rating_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

func TestRating(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Rating")
}
