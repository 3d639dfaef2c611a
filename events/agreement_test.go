package events_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"pgregory.net/rapid"

	"github.com/daybook-billing/daybook/events"
)

// TestAgreement holds Go struct, codec, proto3 JSON and JSON Schema together, for every type that
// travels.
func TestAgreement(t *testing.T) {
	for _, m := range messageTypes() {
		t.Run(m.schema, func(t *testing.T) {
			schema := compile(t, m.schema)
			t.Run("names", func(t *testing.T) {
				sameFields(t, reflect.TypeOf(m.empty).Elem(), m.proto.ProtoReflect().Descriptor())
			})
			t.Run("every field travels", func(t *testing.T) {
				full, seen := fresh(m.empty), map[protoreflect.FullName]bool{}
				rapid.Check(t, func(r *rapid.T) {
					fill(r, reflect.ValueOf(full).Elem(), true)
					allSet(r, reflect.ValueOf(full).Elem(), m.schema)
					agree(r, m, full, schema)
					p := proto.Clone(m.proto)
					if err := protojson.Unmarshal(full.AppendJSON(nil), p); err != nil {
						r.Fatal(err)
					}
					arrived(p.ProtoReflect(), seen)
				})
				allSeen(t, m.proto.ProtoReflect().Descriptor(), seen)
			})
			t.Run("any value travels", rapid.MakeCheck(func(r *rapid.T) {
				x := fresh(m.empty)
				fill(r, reflect.ValueOf(x).Elem(), false)
				agree(r, m, x, schema)
			}))
			t.Run("nothing travels", func(t *testing.T) { agree(t, m, fresh(m.empty), schema) })
		})
	}
}

// agree sends x through the codec, the schema, the proto message and back.
func agree(t rapid.TB, m messageType, x message, schema *jsonschema.Schema) {
	t.Helper()
	text := x.AppendJSON(nil)
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("the codec wrote no JSON: %v\n%s", err, text)
	}
	if err := schema.Validate(instance); err != nil {
		t.Fatalf("the schema refuses what the codec wrote: %v\n%s", err, text)
	}
	p := proto.Clone(m.proto)
	if err := protojson.Unmarshal(text, p); err != nil {
		t.Fatalf("proto3 JSON refuses what the codec wrote: %v\n%s", err, text)
	}
	again, err := protojson.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(parsed(text), parsed(again)) {
		t.Fatalf("the codec wrote\n%s\nand proto3 JSON\n%s", text, again)
	}
	for _, wire := range [][]byte{text, again} {
		back := fresh(m.empty)
		if err := back.DecodeJSON(wire); err != nil {
			t.Fatalf("%v\n%s", err, wire)
		}
		if d := difference(x, back); d != "" {
			t.Fatalf("came back changed (-sent +received):\n%s\n%s", d, wire)
		}
	}
}

func compile(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	schema, err := c.Compile("../schemas/" + name + ".schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// sameFields demands that a struct and a proto message have the same fields in the same order, by
// the snake_case of the Go names, down to every nested message.
func sameFields(t *testing.T, goType reflect.Type, d protoreflect.MessageDescriptor) {
	t.Helper()
	fields := fieldsOf(d)
	if goType.NumField() != len(fields) {
		t.Fatalf("%s has %d fields, %s has %d", goType, goType.NumField(), d.FullName(), len(fields))
	}
	for i := range goType.NumField() {
		f, field := goType.Field(i), fields[i]
		if want := snake(f.Name); string(field.Name()) != want || field.JSONName() != want {
			t.Errorf("%s.%s is %s, in JSON %s, in %s: want %s", goType, f.Name, field.Name(), field.JSONName(),
				d.FullName(), want)
		}
		nested := f.Type
		if nested.Kind() == reflect.Slice {
			nested = nested.Elem()
		}
		if field.Kind() == protoreflect.MessageKind && !strings.HasPrefix(string(field.Message().FullName()),
			"google.protobuf.") {
			sameFields(t, nested, field.Message())
		}
	}
}

// fieldsOf are the fields of a message that stand in its struct: the codec alone knows what the
// spans or charges of a message share.
func fieldsOf(d protoreflect.MessageDescriptor) (fields []protoreflect.FieldDescriptor) {
	for i := range d.Fields().Len() {
		if f := d.Fields().Get(i); f.Name() != "shared" {
			fields = append(fields, f)
		}
	}
	return fields
}

// snake is VATCode → vat_code.
func snake(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		begins := i > 0 && unicode.IsUpper(r) &&
			(unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if begins {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// fill draws a value for every field; a full one is never absent.
func fill(t *rapid.T, v reflect.Value, full bool) {
	least := 0
	if full {
		least = 1
	}
	if !full && v.Kind() != reflect.Slice && rapid.IntRange(0, 3).Draw(t, "absent") == 0 {
		return
	}
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(moments().Draw(t, "time")))
		return
	case events.Count:
		v.Set(reflect.ValueOf(events.Some(rapid.Uint32().Draw(t, "count"))))
		return
	case events.Decimal:
		d := events.NewDecimal(rapid.Int64().Filter(func(n int64) bool { return n != 0 }).Draw(t, "coefficient"),
			-rapid.Int32Range(0, 30).Draw(t, "places"))
		v.Set(reflect.ValueOf(d))
		return
	case events.Flags:
		v.Set(reflect.ValueOf(events.Flags(rapid.Uint8Range(uint8(least), 7).Draw(t, "flags"))))
		return
	case []byte:
		v.SetBytes(objects().Draw(t, "raw"))
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.StringN(least, 12, -1).Draw(t, "text"))
	case reflect.Bool:
		v.SetBool(full || rapid.Bool().Draw(t, "bool"))
	case reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32Min(uint32(least)).Draw(t, "uint32")))
	case reflect.Uint64:
		v.SetUint(rapid.Uint64Min(uint64(least)).Draw(t, "uint64"))
	case reflect.Slice:
		n := rapid.IntRange(least, 2).Draw(t, "length")
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), full)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i), full)
		}
		switch m := v.Addr().Interface().(type) {
		case *events.Metered:
			complete(m)
		case *events.Billing:
			completeCharges(m)
		case *events.UnratedNotice:
			completeUnrated(m)
		}
	default:
		t.Fatalf("teach fill to make a %s", v.Type())
	}
}

// complete gives spans the kind, resource and tenant of their message where they have none. No span
// of Daybook's is without them, and proto3 JSON does not tell an empty text from an absent one.
func complete(m *events.Metered) {
	for _, spans := range [][]events.Span{m.Retracted, m.Closed, m.Running} {
		for i := range spans {
			s := &spans[i]
			s.Kind, s.Resource = cmp.Or(s.Kind, m.Kind), cmp.Or(s.Resource, m.Resource)
			s.Tenant = cmp.Or(s.Tenant, m.Tenant)
		}
	}
}

// completeCharges does it for charges.
func completeCharges(m *events.Billing) {
	for i := range m.Charges {
		c := &m.Charges[i]
		c.Kind, c.Resource = cmp.Or(c.Kind, m.Kind), cmp.Or(c.Resource, m.Resource)
		c.Tenant = cmp.Or(c.Tenant, m.Tenant)
	}
}

// completeUnrated does it for parts without a price.
func completeUnrated(m *events.UnratedNotice) {
	for i := range m.Unrated {
		u := &m.Unrated[i]
		u.Kind, u.Resource = cmp.Or(u.Kind, m.Kind), cmp.Or(u.Resource, m.Resource)
		u.Tenant = cmp.Or(u.Tenant, m.Tenant)
	}
}

func moments() *rapid.Generator[time.Time] {
	first, last := time.Date(1, 1, 1, 0, 0, 1, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	return rapid.Custom(func(t *rapid.T) time.Time {
		ns := rapid.SampledFrom([]int64{0, 5_000_000, 123_000_000, 7_000, 123_456_000, 1, 999_999_999}).Draw(t,
			"nanoseconds")
		return time.Unix(rapid.Int64Range(first.Unix(), last.Unix()).Draw(t, "seconds"), ns).UTC()
	})
}

// objects are JSON objects that survive a google.protobuf.Struct, whose numbers are doubles.
func objects() *rapid.Generator[[]byte] {
	value := rapid.OneOf(
		rapid.String().AsAny(), rapid.Bool().AsAny(), rapid.Just[any](nil), rapid.Int32().AsAny(),
		rapid.SliceOfN(rapid.String(), 0, 2).AsAny(), rapid.MapOfN(rapid.String(), rapid.String(), 0, 2).AsAny(),
	)
	return rapid.Custom(func(t *rapid.T) []byte {
		text, err := json.Marshal(rapid.MapOfN(rapid.String(), value, 0, 4).Draw(t, "object"))
		if err != nil {
			t.Fatal(err)
		}
		return text
	})
}

// allSet fails at a field that fill left at its zero value: such a field would pass every other
// test untried.
func allSet(t rapid.TB, v reflect.Value, path string) {
	t.Helper()
	if v.IsZero() {
		t.Fatalf("%s is not set", path)
	}
	switch v.Interface().(type) {
	case time.Time, events.Count, events.Decimal:
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			allSet(t, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		if v.Len() == 0 {
			t.Fatalf("%s is empty", path)
		}
		for i := range v.Len() {
			if v.Index(i).Kind() == reflect.Struct {
				allSet(t, v.Index(i), path+"[]")
			}
		}
	}
}

// arrived notes the fields that a proto message has: a value that a message says once for its parts
// is not in each of them.
func arrived(m protoreflect.Message, seen map[protoreflect.FullName]bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		seen[f.FullName()] = true
		switch {
		case !ours(f.Message()):
		case f.IsList():
			for i := range v.List().Len() {
				arrived(v.List().Get(i).Message(), seen)
			}
		default:
			arrived(v.Message(), seen)
		}
		return true
	})
}

// allSeen fails at a field that no message had.
func allSeen(t *testing.T, d protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) {
	t.Helper()
	for _, f := range fieldsOf(d) {
		if !seen[f.FullName()] {
			t.Errorf("%s did not arrive", f.FullName())
		} else if ours(f.Message()) {
			allSeen(t, f.Message(), seen)
		}
	}
}

// ours reports whether a field's message, if it is one, is of Daybook's making.
func ours(d protoreflect.MessageDescriptor) bool {
	return d != nil && !strings.HasPrefix(string(d.FullName()), "google.protobuf.")
}

// TestEverySchemaIsListed keeps the folder and its README complete.
func TestEverySchemaIsListed(t *testing.T) {
	readme, err := os.ReadFile("../schemas/README.md")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("../schemas/*.schema.json")
	if err != nil || len(files) != len(messageTypes()) {
		t.Fatalf("%d schemas for %d types that travel: %v", len(files), len(messageTypes()), err)
	}
	for _, file := range files {
		if !strings.Contains(string(readme), "("+filepath.Base(file)+")") {
			t.Errorf("schemas/README.md does not say which subject has %s", filepath.Base(file))
		}
	}
}
