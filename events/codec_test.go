package events_test

import (
	"errors"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/events/wire"
)

var _ = Describe("A message on the wire", func() {
	It("leaves out what is absent", func() {
		Expect(string((&events.Usage{ID: "a"}).AppendJSON(nil))).To(Equal(`{"id":"a"}`))
		Expect(string((&events.Marker{}).AppendJSON(nil))).To(Equal(`{}`))
	})

	It("says an absent count and a count of 0 apart", func() {
		x := events.Usage{Footprint: events.Footprint{Instances: events.Some(0)}}
		Expect(string(x.AppendJSON(nil))).To(Equal(`{"footprint":{"instances":0}}`))
	})

	It("always says an amount, also of 0", func() {
		x := events.Billing{Charges: []events.Charge{{ID: "c"}}}
		Expect(string(x.AppendJSON(nil))).To(Equal(`{"charges":[{"id":"c","seconds":"0","quantity":"0","amount":"0","vat":"0"}]}`))
	})

	It("keeps the upstream's JSON byte for byte, as the last field", func() {
		raw := `{ "z" : 1.50, "a": "é\u00e9" }`
		x := events.Usage{ID: "a", Raw: []byte(raw)}
		text := x.AppendJSON([]byte("before "))
		Expect(string(text)).To(Equal(`before {"id":"a","raw":` + raw + `}`))

		var back events.Usage
		Expect(back.DecodeJSON(text[len("before "):])).To(Succeed())
		Expect(string(back.Raw)).To(Equal(raw))
	})

	It("escapes what JSON demands, and replaces what is not UTF-8", func() {
		x := events.Horizon{Source: "a\"b\\c\n\r\t\x01", Foundation: "bad \xff, whole €"}
		Expect(string(x.AppendJSON(nil))).To(Equal(`{"source":"a\"b\\c\n\r\t\u0001","foundation":"bad ` + "\uFFFD" +
			`, whole €"}`))
	})

	DescribeTable("is read in every form that the proto3 JSON mapping allows",
		func(text string, want events.Usage) {
			var x events.Usage
			Expect(x.DecodeJSON([]byte(text))).To(Succeed())
			Expect(difference(&want, &x)).To(BeEmpty())
		},
		Entry("fields that are not known are left alone",
			`{"new":{"a":[1,-2.5e+3,true,null,{"b":[]},{}],"c":"\""},"id":"a","newer":"x"}`, events.Usage{ID: "a"}),
		Entry("null is absent", `{"id":null,"time":null,"footprint":null,"old_volume_gb":null,"raw":null}`,
			events.Usage{}),
		Entry("white space", " {\n\t\"id\" : \"a\" ,\r\n \"old_volume_gb\" : 3 } \n", events.Usage{
			ID:          "a",
			OldVolumeGB: events.Some(3),
		}),
		Entry("a number in quotes", `{"old_volume_gb":"3"}`, events.Usage{OldVolumeGB: events.Some(3)}),
		Entry("a time with an offset", `{"time":"2026-11-01T01:00:00+01:00"}`, events.Usage{Time: time.Date(2026, 11, 1,
			0, 0, 0, 0, time.UTC)}),
		Entry("escapes in values and names", `{"\u0069d":"\ud83d\ude00\/\b\f\u00e9","name":"é\\"}`,
			events.Usage{ID: "😀/\b\fé", Name: `é\`}),
		Entry("the last of two equal names wins, as a whole",
			`{"footprint":{"instances":1},"footprint":{"memory_mb":2}}`,
			events.Usage{Footprint: events.Footprint{MemoryMB: events.Some(2)}}),
		Entry("fields in any order, raw first", `{"raw":{"a":"}\"{"},"id":"a"}`, events.Usage{
			ID:  "a",
			Raw: []byte(`{"a":"}\"{"}`),
		}),
	)

	DescribeTable("is refused with the field, the byte and the reason when it is",
		func(text, path string, offset int, problem string) {
			var x events.Usage
			var e *wire.DecodeError
			Expect(errors.As(x.DecodeJSON([]byte(text)), &e)).To(BeTrue(), "it was read")
			Expect(e.Type).To(Equal("usage"))
			Expect(e.Path).To(Equal(path))
			Expect(e.Offset).To(Equal(offset))
			Expect(e.Problem).To(ContainSubstring(problem))
		},
		Entry("empty", ``, "", 0, "want an object, but the text ends"),
		Entry("null", `null`, "", 0, "want an object"),
		Entry("a list", `[]`, "", 0, "want an object, not '['"),
		Entry("cut off after a brace", `{`, "", 1, "but the text ends"),
		Entry("cut off in a name", `{"id`, "", 1, "without an end"),
		Entry("cut off in a value", `{"id":"a`, "id", 6, "without an end"),
		Entry("cut off after a value", `{"id":"a"`, "id", 9, "want ',' or '}'"),
		Entry("without a colon", `{"id" "a"}`, "id", 6, "want ':'"),
		Entry("without a comma", `{"id":"a" "app":"b"}`, "id", 10, "want ',' or '}'"),
		Entry("with a comma too many", `{"id":"a",}`, "id", 10, "a field name in quotes"),
		Entry("followed by something", `{"id":"a"} x`, "", 11, "want nothing more"),
		Entry("followed by a zero byte", "{}\x00", "", 2, "nothing more"),
		Entry("a number where a text belongs", `{"id":1}`, "id", 6, "want a string, not '1'"),
		Entry("a text where an object belongs", `{"footprint":"big"}`, "footprint", 13, "want an object"),
		Entry("a negative count", `{"footprint":{"memory_mb":-1}}`, "footprint.memory_mb", 26, "whole number from 0 "+
			"to 4294967295"),
		Entry("a count that is too big", `{"old_volume_gb":4294967296}`, "old_volume_gb", 17, "whole number from 0 "+
			"to 4294967295"),
		Entry("a fraction of a count", `{"old_volume_gb":1.5}`, "old_volume_gb", 17, "whole number"),
		Entry("NaN", `{"old_volume_gb":NaN}`, "old_volume_gb", 17, "whole number"),
		Entry("NaN in quotes", `{"old_volume_gb":"NaN"}`, "old_volume_gb", 17, "whole number"),
		Entry("NaN in a field that is not known", `{"new":NaN}`, "new", 7, "want a value"),
		Entry("a number with a leading zero", `{"new":01}`, "new", 7, "wrong number"),
		Entry("no time", `{"time":"yesterday"}`, "time", 8, "not an RFC 3339 time"),
		Entry("a day that does not exist", `{"time":"2026-02-30T00:00:00Z"}`, "time", 8, "not an RFC 3339 time"),
		Entry("a year that does not fit", `{"time":"0000-01-01T00:00:00Z"}`, "time", 8, "not an RFC 3339 time"),
		Entry("a text that is not UTF-8", "{\"name\":\"a\xffb\"}", "name", 8, "not UTF-8"),
		Entry("a text that is not UTF-8 after an escape", "{\"name\":\"\\n\xff\"}", "name", 8, "not UTF-8"),
		Entry("half a surrogate pair", `{"name":"a\ud83d"}`, "name", 10, "wrong escape"),
		Entry("an escape that does not exist", `{"name":"\x41"}`, "name", 9, "wrong escape"),
		Entry("a control character", "{\"name\":\"a\nb\"}", "name", 10, "control character"),
		Entry("a raw that is no object", `{"raw":[]}`, "raw", 7, "want an object"),
		Entry("a raw with an error deep inside", `{"raw":{"a":[{"b":tru}]}}`, "raw", 18, "want a value"),
		Entry("nested without end", `{"raw":{"a":`+strings.Repeat("[", 500), "raw", 7+5+199, "nested too deep"),
	)

	DescribeTable("names the element of a list that is wrong",
		func(m message, text, want string) {
			Expect(m.DecodeJSON([]byte(text))).To(MatchError(ContainSubstring(want)))
		},
		Entry("a span", &events.Metered{}, `{"closed":[{"id":"a"},{"footprint":{"plan":3}}]}`,
			"metered.closed[1].footprint.plan, byte 43: want a string"),
		Entry("an evidence", &events.Metered{}, `{"closed":[{"evidence":["1","x"]}]}`,
			"metered.closed[0].evidence[1], byte 28: want a whole number"),
		Entry("null for a span", &events.Metered{}, `{"running":[null]}`, "metered.running[0], byte 12: null in "+
			"a list"),
		Entry("an amount", &events.Billing{}, `{"charges":[{"amount":"1e9"}]}`, "billing.charges[0].amount"),
		Entry("an amount that is not in quotes", &events.Billing{}, `{"charges":[{"amount":1.5}]}`,
			"want a decimal number in quotes"),
		Entry("a sequence that is too big", &events.Marker{}, `{"input_sequence":"18446744073709551616"}`,
			"marker.input_sequence, byte 18: want a whole number from 0 to 18446744073709551615"),
		Entry("a flag", &events.Billing{}, `{"charges":[{"flags":[1]}]}`, "billing.charges[0].flags[0], byte 22: "+
			"want a string"),
	)

	It("reads a number with 20 digits, and flags from a later version as none", func() {
		var m events.Metered
		Expect(m.DecodeJSON([]byte(`{"cause":{"sequence":"18446744073709551615"},"closed":[{"flags":["inferred_end","from_the_future"]}]}`))).To(Succeed())
		Expect(m.Cause.Sequence).To(Equal(^uint64(0)))
		Expect(m.Closed[0].Flags).To(Equal(events.InferredEnd))
	})
})

var _ = Describe("Decoding into a value that is used again", func() {
	It("leaves nothing of the message before", func() {
		var m events.Metered
		Expect(m.DecodeJSON([]byte(benchMetered))).To(Succeed())
		Expect(m.DecodeJSON([]byte(`{"id":"b","closed":[{"kind":"app"}]}`))).To(Succeed())
		want := &events.Metered{ID: "b", Closed: []events.Span{{Kind: "app"}}}
		Expect(difference(want, &m)).To(BeEmpty())
	})

	It("does not change a span that was copied before, and keeps nothing of the buffer", func() {
		text := []byte(benchMetered)
		var m, want events.Metered
		Expect(m.DecodeJSON(text)).To(Succeed())
		Expect(want.DecodeJSON([]byte(benchMetered))).To(Succeed())
		kept := m.Closed[0]
		for i := range text {
			text[i] = 'x'
		}
		Expect(m.DecodeJSON([]byte(`{"closed":[{"evidence":["7","8"]}]}`))).To(Succeed())
		Expect(difference(want.Closed[0], kept)).To(BeEmpty())
	})

	It("shares strings through an Interner, with the same result", func() {
		in := events.NewInterner(1) // two places only: strings drive each other out
		for _, text := range []string{benchUsage, `{"tenant":"` + strings.Repeat("long", 100) + `"}`, benchUsage} {
			var want, got events.Usage
			Expect(want.DecodeFact([]byte(text))).To(Succeed())
			Expect(in.DecodeFact(&got, []byte(text))).To(Succeed())
			Expect(difference(&want, &got)).To(BeEmpty())
		}
	})
})
