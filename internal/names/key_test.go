package names

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// keyForm is what every client of a bucket takes.
var keyForm = regexp.MustCompile(`^[-/_=.a-zA-Z0-9]+$`)

func TestKeys(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 12, 36)
		of := Tenant{text.Draw(t, "source"), text.Draw(t, "foundation"), text.Draw(t, "tenant")}
		k := Key{of, text.Draw(t, "space")}
		if !keyForm.MatchString(k.String()) {
			t.Fatalf("%+v is %s", k, k)
		}
		if read, err := parseKey(k.String()); err != nil || read != k {
			t.Fatalf("%+v is %s, and that is %+v: %v", k, k, read, err)
		}
	})
}

func TestForeignKeys(t *testing.T) {
	for _, text := range []string{
		"", "cf", "cf.eu.org", "cf.eu.org.space", "cf.eu.org.app", "cf.eu.org.space.", "cf.eu.org.space.a.b",
	} {
		if k, err := parseKey(text); err == nil {
			t.Errorf("%q is %+v", text, k)
		}
	}
}
