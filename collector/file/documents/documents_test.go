package documents_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/collector/file/documents"
)

func TestSuite(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Documents")
}

// cut lists the documents of an input, each with its place, as "line[.item] text".
func cut(src io.Reader) []string {
	found := []string{}
	r := documents.NewReader(src)
	for {
		d, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			return append(found, "error: "+err.Error())
		}
		text := fmt.Sprintf("%d", d.Line)
		if d.Item > 0 {
			text += fmt.Sprintf(".%d", d.Item)
		}
		switch {
		case d.Err != nil:
			text += " " + d.Err.Error()
		case d.Excess > 0:
			text += fmt.Sprintf(" %d bytes and %d more", len(d.Data), d.Excess)
		default:
			text += " " + string(d.Data)
		}
		found = append(found, text)
	}
}

var _ = Describe("An input", func() {
	DescribeTable("is cut into its documents", func(input string, want ...string) {
		want = append([]string{}, want...)
		Expect(cut(strings.NewReader(input))).To(Equal(want))
		Expect(cut(iotest.OneByteReader(strings.NewReader(input)))).To(Equal(want), "byte for byte")
	},
		Entry("nothing", ""),
		Entry("white space", " \n\t\r\n"),
		Entry("lines", "{\"a\":1}\n{\"b\":2}\n", `1 {"a":1}`, `2 {"b":2}`),
		Entry("lines of Windows, and blank ones", "\xef\xbb\xbf{\"a\":1}\r\n\r\n \n{\"b\":2}", `1 {"a":1}`,
			`4 {"b":2}`),
		Entry("one behind the other", `{"a":1}{"b":2} {"c":3}`, `1 {"a":1}`, `1 {"b":2}`, `1 {"c":3}`),
		Entry("commas between them", "{\"a\":1},\n{\"b\":2},\n", `1 {"a":1}`, `2 {"b":2}`),
		Entry("a text sequence", "\x1e{\"a\":1}\n\x1e{\"b\":2}\n", `1 {"a":1}`, `2 {"b":2}`),
		Entry("several lines each", "{\n  \"a\": 1\n}\n{\n  \"b\": [\n    2\n  ]\n}\n", "1 {\n  \"a\": 1\n}",
			"4 {\n  \"b\": [\n    2\n  ]\n}"),
		Entry("an array", "[{\"a\":1},\n {\"b\":[]}]\n{\"c\":3}", `1.1 {"a":1}`, `2.2 {"b":[]}`, `3 {"c":3}`),
		Entry("an empty array", `[]`),
		Entry("a page",
			`{"pagination":{"next":null},"resources":[{"a":1},{"b":{"resources":[1]}}],"included":{"x":[]}}`,
			`1.1 {"a":1}`, `1.2 {"b":{"resources":[1]}}`),
		Entry("a page with its resources first", `{ "resources" : [ {"a":1} ] , "pagination":{} }{"b":2}`,
			`1.1 {"a":1}`,
			`1 {"b":2}`),
		Entry("a page with two lists", `{"resources":[{"a":1}],"x":"]}","resources":[{"b":2}]}`, `1.1 {"a":1}`,
			`1.2 {"b":2}`),
		Entry("an empty page", `{"pagination":{},"resources":[]}`),
		Entry("pages behind each other", "{\"resources\":[{\"a\":1}]}\n{\"resources\":[{\"b\":2}]}", `1.1 {"a":1}`,
			`2.1 {"b":2}`),
		Entry("an array of pages", `[{"resources":[{"a":1},{"b":2}]},{"resources":[{"c":3}]},{"d":4}]`, `1.1 {"a":1}`,
			`1.2 {"b":2}`, `1.1 {"c":3}`, `1.1 {"d":4}`),
		Entry("strings with everything in them", `{"a":"}]{[\"\\","b\"":"\u007d"}{"c":3}`,
			`1 {"a":"}]{[\"\\","b\"":"\u007d"}`, `1 {"c":3}`),
		Entry("resources that are no list", `{"resources":{"a":1}}`, `1 {"resources":{"a":1}}`),
	)

	DescribeTable("with something else in it is cut around that", func(input string, want ...string) {
		want = append([]string{}, want...)
		Expect(cut(strings.NewReader(input))).To(Equal(want))
		Expect(cut(iotest.OneByteReader(strings.NewReader(input)))).To(Equal(want), "byte for byte")
	},
		Entry("a text, as one document", "hello\nworld\n\nbye\n", "1 hello\nworld\n\nbye"),
		Entry("a text in front", "HTTP/1.1 200 OK\n\n{\"a\":1}\n", "1 HTTP/1.1 200 OK", `3 {"a":1}`),
		Entry("half a line", "{\"a\":1}\n{\"guid\":\"\n{\"b\":2}\n", `1 {"a":1}`, `2 {"guid":"`, `3 {"b":2}`),
		Entry("half a line that opens something", "{\"a\":[\n{\"b\":2}\n{\"c\":3}\n", `1 {"a":[`, `2 {"b":2}`,
			`3 {"c":3}`),
		Entry("lines of one brace each", "{\n{\n{\n", "1 {", "2 {", "3 {"),
		Entry("half a document over several lines, as one", "{\n  \"a\": 1,\n  \"b\": {\n{\n  \"c\": 3\n}\n",
			"1 {\n  \"a\": 1,\n  \"b\": {", "4 {\n  \"c\": 3\n}"),
		Entry("a wrong one over several lines, as one", "{\n  \"a\": 1\n  \"b\": 2\n}\n{\"c\":3}",
			"1 {\n  \"a\": 1\n  \"b\": 2\n}", `5 {"c":3}`),
		Entry("a brace too many", "{\"a\":1}}\n{\"b\":2}\n", `1 {"a":1}`, `1 }`, `2 {"b":2}`),
		Entry("brackets that do not match", "{\"a\":[1}]\n{\"b\":2}\n", `1 {"a":[1}]`, `2 {"b":2}`),
		Entry("nonsense for numbers, which others find", `{"a":01,"b":nul}`, `1 {"a":01,"b":nul}`),
		Entry("numbers in an array", `[1,2,3]`, "1.1 1,2,3]"),
		Entry("a page that ends in its middle", `{"resources":[{"a":1},{"b":2}`, `1.1 {"a":1}`, `1.2 {"b":2}`,
			"1 the page ends in its middle, after 2 documents: the rest is missing"),
		Entry("a page that ends in a document", `{"resources":[{"a":1},{"b":`, `1.1 {"a":1}`, `1.2 {"b":`),
		Entry("a page that ends behind its documents", "{\n\"resources\":[{\"a\":1}],\"x\":{", `2.1 {"a":1}`,
			"1 the page ends in its middle, after 1 documents: the rest is missing"),
		Entry("an array that ends in its middle", "\n[{\"a\":1},", `2.1 {"a":1}`,
			"2 the array ends in its middle, after 1 documents: the rest is missing"),
		Entry("half a page, and a whole one", "{\"resources\":[{\"a\":1},{\"b\":\n{\"resources\":[{\"c\":3}]}\n",
			`1.1 {"a":1}`, `1.2 {"b":`, `2.1 {"c":3}`),
	)

	It("has documents of 1 MiB at most; the rest of a longer one is counted", func() {
		long := `{"a":"` + strings.Repeat("x", 3<<20) + `"}`
		Expect(cut(strings.NewReader(long + "{\"b\":2}\n" + long))).To(Equal([]string{
			"1 1048576 bytes and 2097160 more", `1 {"b":2}`, "2 1048576 bytes and 2097160 more",
		}))
		Expect(cut(strings.NewReader("no JSON\n" + strings.Repeat(" x\n", 1<<20) + "{\"b\":2}"))).To(Equal([]string{
			"1 1048576 bytes and 2097159 more", `1048578 {"b":2}`,
		}))
	})

	It("is nested up to 64 levels", func() {
		deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
		Expect(cut(strings.NewReader(deep(64) + "\n{}"))).To(Equal([]string{"1 " + deep(64), "2 {}"}))
		Expect(cut(strings.NewReader(deep(65) + "\n{}"))).To(Equal([]string{"1 " + deep(65), "2 {}"}))
		Expect(cut(strings.NewReader(strings.Repeat("[", 9) + "{}" + strings.Repeat("]", 9)))).To(
			Equal([]string{"1.1 [{}]" + strings.Repeat("]", 8)}))
	})

	It("goes on behind an error of its source", func() {
		silent := errors.New("nothing more yet")
		src := &stuttering{parts: []string{`{"resources":[{"a"`, "", `:1},`, "", "", `{"b":2}]`, "", `}`}, err: silent}
		r := documents.NewReader(src)
		var got []string
		for {
			d, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				Expect(err).To(MatchError(silent))
				got = append(got, "…")
				continue
			}
			got = append(got, string(d.Data))
		}
		Expect(got).To(Equal([]string{"…", `{"a":1}`, "…", "…", `{"b":2}`, "…"}))
	})
})

// stuttering gives its parts one by one, and an error for an empty one.
type stuttering struct {
	parts []string
	err   error
}

func (s *stuttering) Read(b []byte) (int, error) {
	if len(s.parts) == 0 {
		return 0, io.EOF
	}
	part := s.parts[0]
	s.parts = s.parts[1:]
	if part == "" {
		return 0, s.err
	}
	return copy(b, part), nil
}

// value draws an object that is no page.
func value() *rapid.Generator[map[string]any] {
	leaf := rapid.OneOf(rapid.Just[any](nil), rapid.Map(rapid.Int(), func(n int) any { return n }),
		rapid.Map(rapid.String(), func(s string) any { return s }), rapid.Just[any]([]any{}),
		rapid.Just[any](map[string]any{"resources": []any{1}}))
	return rapid.MapOfN(rapid.StringMatching(`[a-q "\\{}\[\]]{0,9}`), leaf, 0, 5)
}

func TestFormsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(value(), 0, 8).Draw(t, "values")
		var want []string
		var input bytes.Buffer
		for rest := values; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "part")
			form(t, &input, rest[:n])
			input.WriteString(rapid.SampledFrom([]string{"", "\n", " ", ",\n", "\r\n\r\n"}).Draw(t, "between"))
			rest = rest[n:]
		}
		for _, v := range values {
			want = append(want, compact(t, marshal(t, v)))
		}
		r := documents.NewReader(iotest.OneByteReader(&input))
		if rapid.Bool().Draw(t, "at once") {
			r = documents.NewReader(&input)
		}
		var got []string
		for {
			d, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || d.Err != nil {
				t.Fatal(err, d.Err)
			}
			got = append(got, compact(t, d.Data))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

// form writes documents in one of the forms of an input.
func form(t *rapid.T, out *bytes.Buffer, values []map[string]any) {
	list := map[bool]any{false: values, true: map[string]any{
		"pagination": map[string]any{"next": nil}, "resources": values, "total": 7,
	}}
	pretty := func(v any) {
		text, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	page := rapid.Bool().Draw(t, "page")
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		for _, v := range values {
			out.Write(append(marshal(t, v), '\n'))
		}
	case 1:
		for _, v := range values {
			pretty(v)
		}
	case 2:
		out.Write(marshal(t, list[page]))
	case 3:
		pretty([]any{list[page]})
	}
}

func marshal(t *rapid.T, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func compact(t *rapid.T, text []byte) string {
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return out.String()
}

func BenchmarkLines(b *testing.B) {
	line := `{"guid":"5b1b7f9e-4a4b-4f9f-9c58-6fd2a5ba6f7c","created_at":"2026-10-01T08:00:00Z","state":{"current":"STARTED",` +
		`"previous":"STOPPED"},"app":{"guid":"A","name":"shop"},"process":{"guid":"P","type":"web"},"space":{"guid":"S"}}` + "\n"
	input := strings.Repeat(line, 10_000)
	b.SetBytes(int64(len(input)))
	for b.Loop() {
		r := documents.NewReader(strings.NewReader(input))
		for {
			if _, err := r.Next(); err != nil {
				break
			}
		}
	}
}
