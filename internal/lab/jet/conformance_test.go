package jet_test

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/jet"
)

var update = flag.Bool("update", false, "write what nats-server answers into the transcripts")

// silence is how long -update waits for another answer.
const silence = 300 * time.Millisecond

// realServer is a nats-server with its own data.
func realServer() net.Conn {
	GinkgoHelper()
	server, err := bus.StartServer(bus.ServerConfig{DataDir: GinkgoT().TempDir(), Listen: "127.0.0.1:0"})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Shutdown)
	conn, err := (&net.Dialer{}).DialContext(GinkgoT().Context(), "tcp", strings.TrimPrefix(server.URL(), "nats://"))
	Expect(err).NotTo(HaveOccurred())
	return conn
}

func model() net.Conn {
	GinkgoHelper()
	server := jet.New(jet.Config{MaxPayload: 8 << 20})
	DeferCleanup(server.Close)
	conn, err := server.InProcessConn()
	Expect(err).NotTo(HaveOccurred())
	return conn
}

// step is one message to a server in a transcript, and the answers, sorted: an acknowledgement and
// a delivery come in no order. Deliveries are numbered.
type step struct {
	line    int
	text    string
	answers []string
}

// parse reads a transcript: a line for each message, and its answers behind "< ". Empty lines and
// lines with # are for people.
func parse(text string) (steps []step) {
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(line, "< "):
			last := &steps[len(steps)-1]
			last.answers = append(last.answers, strings.TrimPrefix(line, "< "))
		case line != "" && !strings.HasPrefix(line, "#"):
			steps = append(steps, step{line: i + 1, text: line})
		}
	}
	return steps
}

// say sends the message of a step. Its forms:
//
//	api REQUEST [body]
//	pub SUBJECT [Header=value]… [| data]
//	batch ID SEQUENCE[!|eob] SUBJECT [Header=value]… [| data]    ! commits
//	fast ID FLOW GAP SEQUENCE OPERATION SUBJECT [Header=value]… [| data]
//	until STREAM CONSUMER waits    until the server has taken a request for messages
//	until STREAM CONSUMER has N    until the server has counted so many messages to come
func (w *wire) say(text string) error {
	left, data, _ := strings.Cut(text, " | ")
	words := strings.Fields(left)
	var headers []string
	with := func(words []string) []string {
		for _, word := range words {
			key, value, _ := strings.Cut(word, "=")
			headers = append(headers, key+": "+value)
		}
		return headers
	}
	data = expand(data)
	switch words[0] {
	case "until":
		if words[3] == "has" {
			pending := `"num_pending":` + words[4] + ","
			return w.until(words[1], words[2], func(info string) bool { return strings.Contains(info, pending) })
		}
		return w.until(words[1], words[2], func(info string) bool { return !strings.Contains(info, `"num_waiting":0`) })
	case "api":
		_, rest, _ := strings.Cut(text, " ")
		request, body, _ := strings.Cut(rest, " ")
		return w.publish("$JS.API."+request, nil, body, "")
	case "pub":
		return w.publish(words[1], with(words[2:]), data, "")
	case "batch":
		sequence, commit := strings.CutSuffix(words[2], "!")
		sequence, eob := strings.CutSuffix(sequence, "eob")
		headers = []string{"Nats-Batch-Id: " + words[1], "Nats-Batch-Sequence: " + sequence}
		if commit {
			headers = append(headers, "Nats-Batch-Commit: 1")
		}
		if eob {
			headers = append(headers, "Nats-Batch-Commit: eob")
		}
		return w.publish(words[3], with(words[4:]), data, "")
	case "fast":
		return w.publish(words[6], with(words[7:]), data, "."+strings.Join(words[1:6], ".")+".$FI")
	}
	return fmt.Errorf("no such step: %s", text)
}

// until asks for a consumer until its state is as wanted.
func (w *wire) until(stream, consumer string, wanted func(info string) bool) error {
	for {
		if err := w.publish("$JS.API.CONSUMER.INFO."+stream+"."+consumer, nil, "", ""); err != nil {
			return err
		}
		a, err := w.next(patience)
		if err != nil || wanted(a) {
			return err
		}
	}
}

// expand writes data of the form 1000*x out.
func expand(data string) string {
	var n int
	var text string
	if _, err := fmt.Sscanf(data, "%d*%s", &n, &text); err == nil {
		return strings.Repeat(text, n)
	}
	return data
}

// converse has the conversation of a transcript, and returns the first difference.
func (w *wire) converse(steps []step) error {
	for i := range steps {
		s := &steps[i]
		if err := w.say(s.text); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
		var got []string
		for range s.answers {
			a, err := w.next(patience)
			if err != nil {
				return fmt.Errorf("line %d: %s: after %q: %w", s.line, s.text, got, err)
			}
			got = append(got, a)
		}
		slices.Sort(got)
		if !slices.Equal(got, s.answers) {
			return fmt.Errorf("line %d: %s\ngot  %s\nwant %s", s.line, s.text, strings.Join(got, "\n     "),
				strings.Join(s.answers, "\n     "))
		}
	}
	if err := w.say("api INFO"); err != nil {
		return err
	}
	got, err := w.next(patience)
	if err == nil && !strings.Contains(got, "account_info_response") {
		err = fmt.Errorf("an answer too many: %s", got)
	}
	return err
}

// record asks a server for the answers.
func (w *wire) record(steps []step) error {
	for i := range steps {
		steps[i].answers = nil
		if err := w.say(steps[i].text); err != nil {
			return err
		}
		for {
			got, err := w.next(silence)
			if errors.Is(err, errSilent) {
				break
			}
			if err != nil {
				return err
			}
			steps[i].answers = append(steps[i].answers, got)
		}
		slices.Sort(steps[i].answers)
	}
	return nil
}

// rewrite puts the answers into a transcript.
func rewrite(text string, steps []step) string {
	answers := map[int][]string{}
	for _, s := range steps {
		answers[s.line] = s.answers
	}
	var out []string
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "< ") {
			continue
		}
		out = append(out, line)
		for _, a := range answers[i+1] {
			out = append(out, "< "+a)
		}
	}
	return strings.Join(out, "\n")
}

var _ = Describe("The conformance suite", func() {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		panic("no transcripts")
	}
	servers := map[string]func() net.Conn{"nats-server": realServer, "the model": model}
	for _, name := range []string{"nats-server", "the model"} {
		for _, file := range files {
			It(name+" answers as "+filepath.Base(file)+" says", func() {
				text, err := os.ReadFile(file)
				Expect(err).NotTo(HaveOccurred())
				steps := parse(string(text))
				w, err := dial(servers[name]())
				Expect(err).NotTo(HaveOccurred())
				DeferCleanup(w.close)
				if *update && name == "nats-server" {
					Expect(w.record(steps)).To(Succeed())
					Expect(os.WriteFile(file, []byte(rewrite(string(text), steps)), 0o600)).To(Succeed())
					return
				}
				Expect(w.converse(steps)).To(Succeed())
			})
		}
	}
})
