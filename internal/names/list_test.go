package names_test

import (
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/names"
)

func at(hour int) time.Time { return time.Date(2026, 10, 1, hour, 0, 0, 0, time.UTC) }

// observe is a list after observations, each with whether it changes anything.
func observe(l names.List, changes bool, o names.Observation) names.List {
	GinkgoHelper()
	next, changed := l.Observe(o)
	Expect(changed).To(Equal(changes))
	return next
}

var _ = Describe("The names of an organisation", func() {
	It("begin with its birth, and each ends where the next begins", func() {
		l := observe(nil, true, names.Observation{Name: "acme", Born: at(1), Since: at(3), Seen: at(9)})
		l = observe(l, false, names.Observation{Name: "acme", Born: at(1), Since: at(5), Seen: at(10)})
		l = observe(l, true, names.Observation{Name: "acme-eu", Born: at(1), Since: at(6), Seen: at(11)})
		Expect(l).To(Equal(names.List{{Name: "acme", From: at(1), Until: at(6)}, {Name: "acme-eu", From: at(6)}}))
		Expect([]string{l.At(at(0)), l.At(at(5)), l.At(at(6)), l.Latest()}).To(Equal(
			[]string{"acme", "acme", "acme-eu", "acme-eu"}))
	})

	It("change when it was seen, where its last change is no later than the name before", func() {
		l := observe(nil, true, names.Observation{Name: "acme", Born: at(1), Since: at(1), Seen: at(9)})
		l = observe(l, true, names.Observation{Name: "other", Born: at(1), Since: at(1), Seen: at(10)})
		Expect(l).To(Equal(names.List{{Name: "acme", From: at(1), Until: at(10)}, {Name: "other", From: at(10)}}))
	})

	It("end when it is gone, and the last one stays its name", func() {
		l := observe(nil, true, names.Observation{Name: "acme", Born: at(1), Seen: at(9)})
		l = observe(l, true, names.Observation{Seen: at(12)})
		l = observe(l, false, names.Observation{Seen: at(13)})
		Expect(l).To(Equal(names.List{{Name: "acme", From: at(1), Until: at(12)}}))
		Expect(l.Latest()).To(Equal("acme"))
		l = observe(l, true, names.Observation{Name: "acme", Seen: at(20)})
		Expect(l).To(HaveLen(2))
	})

	It("are not changed by what was read before the last change", func() {
		l := observe(nil, true, names.Observation{Name: "acme", Born: at(1), Seen: at(9)})
		l = observe(l, true, names.Observation{Name: "new", Born: at(1), Since: at(10), Seen: at(12)})
		observe(l, false, names.Observation{Name: "acme", Born: at(1), Since: at(1), Seen: at(9)})
		observe(nil, false, names.Observation{Seen: at(9)})
	})
})

func TestList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.SampledFrom([]string{"", "acme", "acme-eu", strings.Repeat("é", 600)}),
			rapid.StringN(0, 3000, 3000))
		var l names.List
		for range rapid.IntRange(0, 60).Draw(t, "observations") {
			o := names.Observation{
				Name: name.Draw(t, "name"), Since: at(rapid.IntRange(0, 400).Draw(t, "since")),
				Seen: at(rapid.IntRange(0, 800).Draw(t, "seen")),
			}
			before := append(names.List{}, l...)
			next, changed := l.Observe(o)
			if again, twice := next.Observe(o); twice || len(again) != len(next) {
				t.Fatalf("the same observation changes %v twice", next)
			}
			if len(before) != len(l) || !changed && len(next) != len(l) {
				t.Fatalf("%v became %v", before, l)
			}
			if changed && next.Latest() != limit.Label(o.Name) && o.Name != "" {
				t.Fatalf("after %q the name is %q", o.Name, next.Latest())
			}
			l = next
		}
		for i, n := range l {
			last := i == len(l)-1
			if len(n.Name) > limit.MaxLabel || n.Name == "" ||
				!last && (n.Until.IsZero() || l[i+1].From.Before(n.Until)) ||
				!n.Until.IsZero() && !n.From.Before(n.Until) {
				t.Fatalf("name %d of %v", i, l)
			}
			if l.At(n.From) != n.Name {
				t.Fatalf("at %s the name is %q, not %q", n.From, l.At(n.From), n.Name)
			}
		}
		text := l.AppendJSON(nil)
		var read names.List
		if err := read.DecodeJSON(text); err != nil || string(read.AppendJSON(nil)) != string(text) {
			t.Fatalf("%s is read as %v: %v", text, read, err)
		}
		if len(text) > 64<<10 || len(l) > 32 {
			t.Fatalf("%d names have %d bytes", len(l), len(text))
		}
	})
}

func TestForeignLists(t *testing.T) {
	for _, text := range []string{
		`{`, `{}`, `[{"name":"a","from":"yesterday"}]`, `[{"name":"a","from":"2026-10-02T00:00:00Z","until":"2026-10-01T00:00:00Z"}]`,
		`[{"name":"a","from":"2026-10-01T00:00:00Z"},{"name":"b","from":"2026-10-02T00:00:00Z"}]`,
		`[{"name":"a","from":"2026-10-01T00:00:00Z","until":"2026-10-03T00:00:00Z"},{"name":"b","from":"2026-10-02T00:00:00Z"}]`,
	} {
		var l names.List
		if err := l.DecodeJSON([]byte(text)); err == nil {
			t.Errorf("%s is read as %v", text, l)
		}
	}
}
