package wire

import "fmt"

// DecodeError says why and where a message could not be read.
type DecodeError struct {
	Type    string // the message, such as "usage"
	Path    string // the field, such as "footprint.memory_mb" or "charges[2].amount"; empty for the message as a whole
	Offset  int    // byte in the message, from 0
	Problem string
}

// Error names the field and the byte: "usage.footprint.memory_mb, byte 312: want a whole number
// from 0 to 4294967295".
func (e *DecodeError) Error() string {
	where := e.Type
	switch {
	case e.Path == "":
	case e.Path[0] == '[':
		where += e.Path
	default:
		where += "." + e.Path
	}
	return fmt.Sprintf("%s, byte %d: %s", where, e.Offset, e.Problem)
}
