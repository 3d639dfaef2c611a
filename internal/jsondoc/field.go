package jsondoc

import (
	"fmt"
	"strconv"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/limit"
)

// MaxCount is the largest accepted count: Cloud Foundry's and Trove's columns are 32-bit
// signed integers.
const MaxCount = 1<<31 - 1

// FieldError is a missing or wrong field.
type FieldError struct {
	Path  string // as in state.current
	Found string
	Want  string
}

// Error implements error.
func (e *FieldError) Error() string {
	return fmt.Sprintf("%s: found %s, expected %s", e.Path, e.Found, e.Want)
}

// Reader reads fields and keeps the first error, and a caller asks for it once, at the end.
// Each method takes the object, the object's own path ("" for the root) and the key.
type Reader struct{ err error }

// Err returns the first error, a *FieldError.
func (r *Reader) Err() error { return r.err }

// Fail records a wrong field.
func (r *Reader) Fail(v Value, in, key, want string) {
	if r.err != nil {
		return
	}
	path := key
	if in != "" {
		path = in + "." + key
	}
	r.err = &FieldError{path, Describe(v), want}
}

// Object returns an object, and a missing Value for null or nothing.
func (r *Reader) Object(of Value, in, key string) Value {
	v := of.Get(key)
	switch v.Kind() {
	case Object:
		return v
	case Missing, Null:
	default:
		r.Fail(v, in, key, "an object")
	}
	return Value{}
}

// Text returns a string, and "" for null or nothing.
func (r *Reader) Text(of Value, in, key string) string {
	v := of.Get(key)
	switch v.Kind() {
	case String:
		return v.Text()
	case Missing, Null:
	default:
		r.Fail(v, in, key, "a string or null")
	}
	return ""
}

// NeedText returns a required string, not empty.
func (r *Reader) NeedText(of Value, in, key string) string {
	v := of.Get(key)
	s := v.Text()
	if s == "" {
		r.Fail(v, in, key, "a string that is not empty")
	}
	return s
}

// ID returns an identifier, a string or a whole number, and "" for null or nothing.
func (r *Reader) ID(of Value, in, key string) string {
	v := of.Get(key)
	switch v.Kind() {
	case String:
		return v.Text()
	case Number:
		if _, err := strconv.ParseUint(string(v.Raw()), 10, 64); err == nil {
			return string(v.Raw())
		}
	case Missing, Null:
		return ""
	default:
	}
	r.Fail(v, in, key, "a string or a whole number")
	return ""
}

// NeedID returns a required identifier.
func (r *Reader) NeedID(of Value, in, key string) string {
	s := r.ID(of, in, key)
	if s == "" {
		r.Fail(of.Get(key), in, key, "a string or a whole number")
	}
	return s
}

// Count returns a whole number from 0 to MaxCount, absent for null or nothing.
func (r *Reader) Count(of Value, in, key string) events.Count {
	v := of.Get(key)
	switch v.Kind() {
	case Number:
		if n, err := strconv.ParseUint(string(v.Raw()), 10, 31); err == nil {
			return events.Some(uint32(n))
		}
	case Missing, Null:
		return events.Count{}
	default:
	}
	r.Fail(v, in, key, wantCount)
	return events.Count{}
}

// NeedCount returns a required whole number from 0 to MaxCount.
func (r *Reader) NeedCount(of Value, in, key string) events.Count {
	c := r.Count(of, in, key)
	if !c.Known() {
		r.Fail(of.Get(key), in, key, wantCount)
	}
	return c
}

// WantShort is the expectation of an id.
var WantShort = fmt.Sprintf("at most %d bytes", limit.MaxID)

// TooLong is the error of an id that is longer than limit.MaxID.
func TooLong(path string) *FieldError {
	return &FieldError{Path: path, Found: "a longer string", Want: WantShort}
}

const wantCount = "a whole number from 0 to 2147483647"

// Describe describes a value for a person, in at most about 60 characters.
func Describe(v Value) string {
	switch v.Kind() {
	case Null, Bool:
		return string(v.Raw())
	case Number:
		return fmt.Sprintf("the number %.40s", v.Raw())
	case String:
		if v.Text() == "" {
			return "an empty string"
		}
		return fmt.Sprintf("the string %.40q", v.Text())
	case Object:
		return "an object"
	case Array:
		return "an array"
	default:
		return "nothing"
	}
}
