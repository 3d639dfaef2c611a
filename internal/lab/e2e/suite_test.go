package e2e_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/scale"
)

// patience is how long anything may take before a test gives up. Nothing is expected to come near
// it.
const patience = scale.Patience

// daybook is the program, built by TestMain.
var daybook string

// folderPrefix is the name of a test's folder for temporary files, before its process id.
const folderPrefix = "daybook-e2e-"

// removeAbandoned removes the folders of killed tests.
func removeAbandoned() {
	folders, err := filepath.Glob(filepath.Join(os.TempDir(), folderPrefix+"*"))
	if err != nil {
		return // a temporary folder with brackets in its name: nothing is removed
	}
	for _, folder := range folders {
		id, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(folder), folderPrefix))
		if err == nil && errors.Is(syscall.Kill(id, 0), syscall.ESRCH) {
			_ = os.RemoveAll(folder) // another user's stays
		}
	}
}

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	flag.Parse()
	if scale.Short() {
		fmt.Println(scale.NotShort)
		return 0
	}
	removeAbandoned()
	folder := filepath.Join(os.TempDir(), folderPrefix+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(folder, 0o711); err != nil { // RabbitMQ's account passes through
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(folder)
	if err := os.Setenv("TMPDIR", folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
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
	scale.Long(Skip)
}

func TestE2E(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	RunSpecs(t, "End to end")
}
