package events_test

import (
	"testing"

	"github.com/daybook-billing/daybook/events"
)

const benchUsage = `{"id":"0b6c8c0e-7d1f-5e0a-9f3c-2f6f0a1b2c3d","source":"cf","foundation":"cf-eu-1","tenant":"5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59","kind":"app","resource":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","app":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","event":"STARTED","previous":"STOPPED","time":"2026-11-01T08:15:30Z","space":"c3d4e5f6-0718-4293-a4b5-c6d7e8f90a1b","space_name":"production","name":"checkout","footprint":{"instances":3,"memory_mb":512,"process_type":"web","buildpack":"java_buildpack","buildpack_guid":"77aa88bb-99cc-4ddd-8eee-ff0011223344"},"raw":{"guid":"a1b2c3d4-0000-4000-8000-00000000abcd","created_at":"2026-11-01T08:15:30Z","updated_at":"2026-11-01T08:15:30Z","state":{"current":"STARTED","previous":"STOPPED"},"app":{"guid":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","name":"checkout"},"process":{"guid":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","type":"web"},"memory_in_mb_per_instance":{"current":512,"previous":512},"instance_count":{"current":3,"previous":1}}}`

func benchDecode(b *testing.B, text string, decode func([]byte) error) {
	b.Helper()
	data := []byte(text)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if err := decode(data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecodeFact(b *testing.B) {
	b.Run("reused", func(b *testing.B) {
		var x events.Usage
		benchDecode(b, benchUsage, x.DecodeFact)
	})
	b.Run("new", func(b *testing.B) {
		benchDecode(b, benchUsage, func(data []byte) error {
			var x events.Usage
			return x.DecodeFact(data)
		})
	})
	b.Run("new interned", func(b *testing.B) {
		in := events.NewInterner(12)
		benchDecode(b, benchUsage, func(data []byte) error {
			var x events.Usage
			return in.DecodeFact(&x, data)
		})
	})
}

func BenchmarkDecodeUsage(b *testing.B) {
	var x events.Usage
	benchDecode(b, benchUsage, x.DecodeJSON)
}

func BenchmarkEncodeUsage(b *testing.B) {
	var x events.Usage
	if err := x.DecodeJSON([]byte(benchUsage)); err != nil {
		b.Fatal(err)
	}
	if got := string(x.AppendJSON(nil)); got != benchUsage {
		b.Fatal(got)
	}
	var sink []byte
	b.ReportAllocs()
	for b.Loop() {
		sink = x.AppendJSON(sink[:0])
	}
}

const benchSpan = `{"id":"0b6c8c0e-7d1f-5e0a-9f3c-2f6f0a1b2c3d","app":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","space":"c3d4e5f6-0718-4293-a4b5-c6d7e8f90a1b","space_name":"production","name":"checkout","start":"2026-11-01T08:15:30Z","end":"2026-11-02T09:00:00Z","since":"2026-11-01T08:15:30Z","footprint":{"instances":3,"memory_mb":512,"process_type":"web","buildpack":"java_buildpack","buildpack_guid":"77aa88bb-99cc-4ddd-8eee-ff0011223344"},"flags":["inferred_end"],"evidence":["1042","2077"]}`

const benchMetered = `{"id":"5d3ad0f7-8f0e-5b7c-8d4e-0a9b8c7d6e5f","source":"cf","foundation":"cf-eu-1","tenant":"5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59","kind":"app","resource":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","cause":{"id":"0b6c8c0e-7d1f-5e0a-9f3c-2f6f0a1b2c3d","sequence":"2077","event":"STOPPED","time":"2026-11-02T09:00:00Z"},"closed":[` + benchSpan + `]}`

const benchBilling = `{"id":"5d3ad0f7-8f0e-5b7c-8d4e-0a9b8c7d6e5f","source":"cf","foundation":"cf-eu-1","tenant":"5a7d1e0c-9c2e-4b7e-8f65-0d2f1c3b4a59","kind":"app","resource":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","cause":{"id":"0b6c8c0e-7d1f-5e0a-9f3c-2f6f0a1b2c3d","sequence":"2077","event":"STOPPED","time":"2026-11-02T09:00:00Z"},"charges":[{"id":"6e4be108-901f-5c8d-9e5f-1bac9d8e7f60","entry":"charge","period":"2026-11","span":"0b6c8c0e-7d1f-5e0a-9f3c-2f6f0a1b2c3d","app":"1f0c9b8a-7e6d-4c5b-a493-827160f5e4d3","space":"c3d4e5f6-0718-4293-a4b5-c6d7e8f90a1b","name":"checkout","plan":"app","catalogue":"2026-11","component":"memory","start":"2026-11-01T08:15:30Z","end":"2026-11-02T09:00:00Z","seconds":"89070","unit":"GiB-hour","vat_code":"standard","currency":"EUR","flags":["inferred_end"],"quantity":"37.1125","amount":"0.371125","vat":"0.2"}]}`

func BenchmarkMessages(b *testing.B) {
	for name, c := range map[string]struct {
		text string
		x    message
	}{"metered": {benchMetered, &events.Metered{}}, "billing": {benchBilling, &events.Billing{}}} {
		b.Run("decode "+name, func(b *testing.B) { benchDecode(b, c.text, c.x.DecodeJSON) })
		b.Run("encode "+name, func(b *testing.B) {
			if err := c.x.DecodeJSON([]byte(c.text)); err != nil {
				b.Fatal(err)
			}
			if got := string(c.x.AppendJSON(nil)); got != c.text {
				b.Fatalf("%s\nis not\n%s", got, c.text)
			}
			var sink []byte
			b.ReportAllocs()
			for b.Loop() {
				sink = c.x.AppendJSON(sink[:0])
			}
		})
	}
}
