package main

import (
	"bytes"
	"fmt"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"golang.org/x/sys/unix"
)

// terminal is a terminal, and the keyboard in front of it.
func terminal() (screen, keyboard *os.File) {
	GinkgoHelper()
	keyboard = must(os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0))
	DeferCleanup(keyboard.Close)
	fd := int(keyboard.Fd())
	number := must(unix.IoctlGetInt(fd, unix.TIOCGPTN))
	Expect(unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)).To(Succeed())
	screen = must(os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0))
	DeferCleanup(screen.Close)
	return screen, keyboard
}

var _ = Describe("A catalogue that is published on a terminal", func() {
	It("is published after a yes alone", func(ctx SpecContext) {
		_, _, prices := month(10)
		s := newSite(ctx)
		for _, answer := range []struct {
			text   string
			status int
			list   string
		}{{"n\n", 1, "No catalogue was ever published"}, {"y\n", 0, "in force"}} {
			screen, keyboard := terminal()
			must(keyboard.WriteString(answer.text))
			var out, errs bytes.Buffer
			Expect(run([]string{"catalogue", "publish", prices, "--name", "A", "--nats", s.url}, screen, &out,
				&errs)).To(Equal(answer.status), errs.String())
			Expect(errs.String()).To(Equal("Put catalogue A in force? [y/N] "))
			Expect(out.String()).To(ContainSubstring("Nothing is metered in an open month: none changes."))
			Expect(s.ran("catalogue", "list")).To(ContainSubstring(answer.list))
		}
	})
})
