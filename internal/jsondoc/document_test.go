package jsondoc_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

func parse(s string) (*jsondoc.Document, error) {
	d := new(jsondoc.Document)
	return d, d.Parse([]byte(s))
}

var _ = Describe("a document", func() {
	It("gives members, decoded and verbatim", func() {
		d,
			err := parse(` {"a" : {"b\u0063": "x\n\u00e9\ud83d\ude00\/"}, "n": -1.50e+3, "l":[1, {"k":null}], "t":true} `)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Root().Get("a").Get("bc").Text()).To(Equal("x\né😀/"))
		Expect(string(d.Root().Get("n").Raw())).To(Equal("-1.50e+3"))
		Expect(string(d.Root().Get("l").Raw())).To(Equal(`[1, {"k":null}]`))
		Expect(d.Root().Get("t").Kind()).To(Equal(jsondoc.Bool))
		Expect(d.Root().Get("none").Kind()).To(Equal(jsondoc.Missing))
		Expect(d.Root().Get("none").Get("deeper").Exists()).To(BeFalse())
		Expect(d.Bytes()[0]).To(Equal(byte('{')))
	})

	DescribeTable("is refused, with the column", func(in, message string) {
		_, err := parse(in)
		Expect(err).To(MatchError(ContainSubstring(message)))
	},
		Entry("half an object", `{"a":{"b":1`, "column 12: the line ends"),
		Entry("half a string", `{"a":"b`, "column 8: the line ends"),
		Entry("half an escape", `{"a":"b\`, "column 9: the line ends"),
		Entry("nothing", ``, "column 1: the line ends"),
		Entry("a list", `[1]`, "column 1: found '[', expected a JSON object"),
		Entry("two objects", `{} {}`, "column 4: found '{', expected the end"),
		Entry("a key twice", `{"a":1,"b":2,"a":3}`, `column 14: found the key "a" twice`),
		Entry("a key twice, once escaped", `{"a":1,"\u0061":3}`, `twice`),
		Entry("a key twice, deep down", `{"x":[{"a":1,"a":3}]}`, `twice`),
		Entry("a comma too many", `{"a":1,}`, "expected a key"),
		Entry("a number with a leading zero", `{"a":01}`, "column 7"),
		Entry("a bare minus", `{"a":-}`, "expected a digit"),
		Entry("a wrong literal", `{"a":nul}`, "expected null"),
		Entry("a control character", "{\"a\":\"x\ty\"}", "control character 0x09"),
		Entry("a control character after eight others", "{\"a\":\"0123456789\x01\"}", "control character 0x01"),
		Entry("a byte that is not UTF-8", "{\"a\":\"\xff\"}", "column 7: found a byte that is not UTF-8"),
		Entry("half a surrogate pair", `{"a":"\ud83d"}`, "surrogate"),
		Entry("NUL", `{"a":"\u0000"}`, `\u0000`),
		Entry("an unknown escape", `{"a":"\x"}`, "escape"),
		Entry("too much nesting", strings.Repeat(`{"a":`, 100), "more than 64 levels"),
		Entry("too many values", `{"a":[1`+strings.Repeat(",1", 100_000)+`]}`, "more than 100000 values"),
	)

	It("sees duplicates among many keys", func() {
		var b strings.Builder
		for i := range 300 {
			b.WriteString(`"k` + string(rune('A'+i%26)) + strings.Repeat("x", i/26) + `":1,`)
		}
		_, err := parse("{" + b.String() + `"z":1}`)
		Expect(err).NotTo(HaveOccurred())
		_, err = parse("{" + b.String() + `"kCxxx":1}`)
		Expect(err).To(MatchError(ContainSubstring("twice")))
	})

	It("replaces only the strings that change, and leaves every other byte", func() {
		d, err := parse(`{ "a" :"x",  "b": ["y", "x"] , "x":1}`)
		Expect(err).NotTo(HaveOccurred())
		out, changed := d.ReplaceTexts(func(s string) string { return strings.ReplaceAll(s, "x", `"`) })
		Expect(changed).To(BeTrue())
		Expect(string(out)).To(Equal(`{ "a" :"\"",  "b": ["y", "\""] , "x":1}`))
		out, changed = d.ReplaceTexts(strings.Clone)
		Expect(changed).To(BeFalse())
		Expect(string(out)).To(Equal(string(d.Bytes())))
	})

	DescribeTable("is parsed from the text of a string in another, and in that one's", func(text string) {
		inner, err := json.Marshal(text)
		Expect(err).NotTo(HaveOccurred())
		outer, err := json.Marshal(`{"in":` + string(inner) + `}`)
		Expect(err).NotTo(HaveOccurred())
		d := new(jsondoc.Document)
		for range 3 { // a document is used again
			Expect(d.Parse([]byte(`{"x":[1],"out":` + string(outer) + `}`))).To(Succeed())
			Expect(d.ParseText(d.Root().Get("out"))).To(Succeed())
			Expect(d.Root().Get("in").Text()).To(Equal(text))
			err := d.ParseText(d.Root().Get("in"))
			alone, want := parse(text)
			if want != nil {
				Expect(err).To(MatchError(want.Error()))
				continue
			}
			Expect(err).NotTo(HaveOccurred())
			Expect(string(d.Bytes())).To(Equal(string(alone.Bytes())))
			Expect(d.Root().Get("a").Text()).To(Equal(alone.Root().Get("a").Text()))
		}
	},
		Entry("an object", `{"a":"b","c":[{"d":null}]}`),
		Entry("escapes", `{"a":"é\"\\\/\n\u00e9\ud83d\ude00","k\u0065y":""}`),
		Entry("nothing to escape", ` {} `),
		Entry("no object", `[]`),
		Entry("nothing", ``),
		Entry("half an object", `{"a":`),
	)

	It("is not parsed from what is no string", func() {
		d, err := parse(`{"a":{}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.ParseText(d.Root().Get("a"))).NotTo(Succeed())
		d, err = parse(`{"a":{}}`)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.ParseText(d.Root().Get("b"))).NotTo(Succeed())
	})

	It("decodes a string wherever its escapes stand", func() {
		rapid.Check(GinkgoT(), func(t *rapid.T) {
			text := rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("\"\\/\n\té😀")),
				rapid.Rune())).Filter(func(s string) bool {
				return utf8.ValidString(s) && !strings.ContainsRune(s, 0)
			}).Draw(t, "text")
			quoted, err := json.Marshal(map[string]string{"a": text})
			if err != nil {
				t.Fatal(err)
			}
			d, err := parse(string(quoted))
			if err != nil {
				t.Fatal(err)
			}
			if got := d.Root().Get("a").Text(); got != text {
				t.Fatalf("%s: %q", quoted, got)
			}
		})
	})

	It("stands on one line, verbatim if it did", func() {
		for in, want := range map[string]string{`{"a": 1}`: `{"a": 1}`, "{\"a\":\n 1.0, \"b\": [ " +
			"]}": `{"a":1.0,"b":[]}`} {
			d, err := parse(in)
			Expect(err).NotTo(HaveOccurred())
			Expect(string(d.OneLine())).To(Equal(want))
		}
	})
})

var _ = DescribeTable("a field that is not what it has to be names its path, what was found and what is expected",
	func(value, message string, read func(r *jsondoc.Reader, o jsondoc.Value)) {
		d, err := parse(`{"o":{"f":` + value + `}}`)
		Expect(err).NotTo(HaveOccurred())
		var r jsondoc.Reader
		read(&r, r.Object(d.Root(), "", "o"))
		if message == "" {
			Expect(r.Err()).NotTo(HaveOccurred())
		} else {
			Expect(r.Err()).To(MatchError(message))
		}
	},
	Entry("negative", `-1`, "o.f: found the number -1, expected a whole number from 0 to 2147483647", count),
	Entry("fractional", `1.5`, "o.f: found the number 1.5, expected a whole number from 0 to 2147483647", count),
	Entry("with an exponent", `1e3`, "o.f: found the number 1e3, expected a whole number from 0 to 2147483647", count),
	Entry("huge", `2147483648`, "o.f: found the number 2147483648, expected a whole number from 0 to 2147483647",
		count),
	Entry("the largest", `2147483647`, "", count),
	Entry("a count in a string", `"1"`, `o.f: found the string "1", expected a whole number from 0 to 2147483647`,
		count),
	Entry("an absent count", `null`, "", count),
	Entry("an absent count that is needed", `null`, `o.f: found null, expected a whole number from 0 to 2147483647`,
		needCount),
	Entry("a string", `"x"`, "", text),
	Entry("an empty string", `""`, "o.f: found an empty string, expected a string that is not empty", text),
	Entry("a list", `[]`, "o.f: found an array, expected a string that is not empty", text),
	Entry("a numeric id", `12`, "", id),
	Entry("a fractional id", `1.0`, "o.f: found the number 1.0, expected a string or a whole number", id),
)

func count(r *jsondoc.Reader, o jsondoc.Value)     { r.Count(o, "o", "f") }
func needCount(r *jsondoc.Reader, o jsondoc.Value) { r.NeedCount(o, "o", "f") }
func text(r *jsondoc.Reader, o jsondoc.Value)      { r.NeedText(o, "o", "f") }
func id(r *jsondoc.Reader, o jsondoc.Value)        { r.NeedID(o, "o", "f") }

// FuzzParse holds the scanner against encoding/json: what it takes is JSON, and says the same; what
// it refuses although it is JSON has one of the documented reasons.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`{}`, `{"a":[1,2.5e-3,true,null,"\u00e9\\\""]}`, `{"a":{"b":{}}}`, `{"a":1,"a":2}`,
		`{"":"\ud83d\ude00"}`, `{"01234567\\":"\t"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		d := new(jsondoc.Document)
		err := d.Parse(in)
		var want map[string]any
		valid := json.Unmarshal(in, &want) == nil && want != nil
		if err == nil && !valid {
			t.Fatalf("%q was taken", in)
		}
		if err != nil {
			m := err.Error()
			for _, known := range []string{"twice", "surrogate", `\u0000`, "nesting", "UTF-8", "values"} {
				if strings.Contains(m, known) {
					return
				}
			}
			if valid && utf8.Valid(in) {
				t.Fatalf("%q was refused: %v", in, err)
			}
			return
		}
		for k, v := range want {
			if s, ok := v.(string); ok && d.Root().Get(k).Text() != s {
				t.Fatalf("%q: %q is %q, not %q", in, k, d.Root().Get(k).Text(), s)
			}
		}
		quoted, err := json.Marshal(map[string]string{"text": string(in)})
		if err != nil || d.Parse(quoted) != nil || d.ParseText(d.Root().Get("text")) != nil {
			t.Fatalf("%q was refused in a string", in)
		}
		var again map[string]any
		if err := json.Unmarshal(d.Root().Append(nil, jsondoc.Edit{Text: strings.Clone}), &again); err != nil ||
			len(again) != len(want) {
			t.Fatalf("%q: written anew: %v", in, err)
		}
	})
}
