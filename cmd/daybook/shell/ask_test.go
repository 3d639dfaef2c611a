package shell_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

func TestAnswers(t *testing.T) {
	for answer, want := range map[string]bool{
		"y\n": true, "Yes\n": true, " y \r\n": true, "n\n": false, "\n": false, "yesterday\n": false,
	} {
		var asked strings.Builder
		yes, err := (&shell.Env{Stdin: strings.NewReader(answer), Stderr: &asked}).Ask("Publish?")
		if err != nil || yes != want || asked.String() != "Publish? [y/N] " {
			t.Errorf("%q is %t, %v: %q", answer, yes, err, asked.String())
		}
	}
	for _, none := range []string{"", "y", strings.Repeat("y", 2000) + "\n"} {
		if yes, err := (&shell.Env{Stdin: strings.NewReader(none), Stderr: io.Discard}).Ask("?"); yes || err == nil {
			t.Errorf("%.9q is an answer", none)
		}
	}
}

func TestATerminalIsNoPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	for _, input := range []io.Reader{strings.NewReader(""), reader} {
		if (&shell.Env{Stdin: input}).Terminal() {
			t.Errorf("%T is a terminal", input)
		}
	}
	device, err := os.Open(os.DevNull) // a character device, as a terminal is
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if !(&shell.Env{Stdin: device}).Terminal() {
		t.Error("a device is none")
	}
}
