package audit

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Base is the end of the last replay: later outputs are derived by its logic, from the state after
// its last input. The zero base belongs to outputs without a replay.
type Base struct {
	First  uint64 // first message of the input stream at that time
	Input  uint64 // last input of the replay
	Held   uint64 // messages that the input stream held up to Input
	Output uint64 // sequence of the replay's last message
	Count  uint64 // outputs up to Output
	Chain  Chain  // over them
}

// String is the form in the header.
func (b Base) String() string {
	return fmt.Sprintf("%d-%d/%d/%d/%d/%s", b.First, b.Input, b.Held, b.Output, b.Count, b.Chain)
}

// Due is how many messages the input stream must hold: those that the replay found, and every one
// since.
func (b *Base) Due(input *bus.StreamState) uint64 {
	if b.Output == 0 || input.Last < b.Input {
		return input.Last
	}
	return b.Held + input.Last - b.Input
}

// ParseBase reads String; "" is the zero base.
func ParseBase(text string) (b Base, err error) {
	if text == "" {
		return Base{}, nil
	}
	parts := strings.Split(text, "/")
	if len(parts) != 5 {
		return Base{}, errors.New("it has not five parts")
	}
	first, last, _ := strings.Cut(parts[0], "-")
	for _, number := range []struct {
		text string
		to   *uint64
	}{{first, &b.First}, {last, &b.Input}, {parts[1], &b.Held}, {parts[2], &b.Output}, {parts[3], &b.Count}} {
		if *number.to, err = strconv.ParseUint(number.text, 10, 64); err != nil {
			return Base{}, err
		}
	}
	digest, err := hex.DecodeString(parts[4])
	if err == nil && copy(b.Chain[:], digest) != len(b.Chain) {
		err = errors.New("its digest is too short")
	}
	return b, err
}
