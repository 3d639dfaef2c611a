package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// patience is how long anything may take before a test gives up. Nothing is expected to come near
// it.
const patience = 5 * time.Minute

// daybook is the program, built by TestMain.
var daybook string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	folder, err := os.MkdirTemp("", "daybook-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	daybook = filepath.Join(folder, "daybook")
	build := exec.Command("go", "build", "-o", daybook, "../../../cmd/daybook")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build ./cmd/daybook: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// notShort leaves a spec out with -short.
func notShort() {
	GinkgoHelper()
	if scale.Short() {
		Skip(scale.NotShort)
	}
}

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	RunSpecs(t, "End to end")
}
