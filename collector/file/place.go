package file

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/daybook-billing/daybook/collector/internal/appender"
)

// maxFollowed is the most followed files: one header holds their places, of 125 bytes at most each,
// and a server takes 64 KiB of headers.
const maxFollowed = 500

// settling is the wait between two listings of a folder whose files are being renamed.
const settling = 20 * time.Millisecond

// place is where the collector was in a followed file. The first marker of a batch says it, and the
// next run knows the content by it. All that stood before that content is stored by then.
type place struct {
	File  string `json:"file"`  // digest of the absolute name
	First string `json:"first"` // digest of the first bytes
	Of    int    `json:"of"`    // how many they are
	Read  int64  `json:"read"`  // bytes

	sequence uint64
}

// placeName is the name of a followed file in a place.
func placeName(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("the folder of %s: %w", path, err)
	}
	return digest([]byte(abs)), nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:16])
}

// learnPlace takes the places in a marker of USAGE.
func (c *Collector) learnPlace(text string, sequence uint64) {
	var all []place
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		c.deps.Log.Warn("a marker has no place that can be read: it was not written by Daybook",
			slog.Uint64("sequence", sequence), slog.Any("error", err))
		return
	}
	for _, p := range all {
		if p.sequence = sequence; sequence >= c.places[p.File].sequence {
			c.places[p.File] = p
		}
	}
}

// mark puts the places of the followed files into the next batch, where they are others than those
// in USAGE, and returns how far each file was read. A content behind a gap that is not said yet, or
// behind half a document, has none: the next run is to find the way to it again.
func (c *Collector) mark() map[*input]int64 {
	if c.usage.empty() {
		return nil
	}
	marked := map[*input]int64{}
	var all []place
	for _, in := range c.inputs {
		t := in.tail
		if in.gap != "" || in.carried {
			continue
		}
		if in.followed() && t.regular && t.read > 0 && t.read != in.marked {
			all = append(all, place{File: in.key, First: digest(t.head), Of: len(t.head), Read: t.read})
			marked[in] = t.read
		}
	}
	if len(all) == 0 {
		c.usage.mark("")
		return nil
	}
	text, err := json.Marshal(all)
	if err != nil {
		panic(err) // texts and numbers
	}
	c.usage.mark(string(text))
	return marked
}

// isOf reports whether a content begins with what was read at the place.
func (p *place) isOf(first []byte) bool { return len(first) >= p.Of && digest(first[:p.Of]) == p.First }

// resume finds what became of a followed file while nobody followed it: from the content on that
// was read last, all is read.
func (c *Collector) resume(ctx context.Context, in *input) error {
	if !in.followed() || !in.tail.regular {
		return nil
	}
	var err error
	if in.key, err = placeName(in.name); err != nil {
		return err
	}
	last, known := c.places[in.key]
	if !known {
		return nil
	}
	in.reopen()
	t := in.tail
	size, first := t.first(last.Of)
	if last.isOf(first) {
		if size < last.Read {
			in.lose("it became shorter while nobody followed it")
		}
		return nil
	}
	var row chain
	var settled bool
	for range patience * tries {
		current, _ := t.stat() // nil where there is none
		row, settled = t.chain(current, func(_ *sibling, p *part) (found, short bool) {
			if p.err != nil {
				return false, false
			}
			b := make([]byte, last.Of)
			n := p.fill(b)
			found = last.isOf(b[:n])
			return found, found && errors.Is(p.from(last.Read), io.EOF)
		})
		if settled && row.found && row.hole == "" {
			break
		}
		if err := appender.Wait(ctx, settling); err != nil {
			row.close()
			return err
		}
		if settled && !t.misses.more() {
			break
		}
		row.close()
		row = chain{}
	}
	return c.resumeWith(in, &row)
}

// resumeWith puts the row of files in front of the content under the name.
func (c *Collector) resumeWith(in *input, row *chain) error {
	t := in.tail
	t.misses, t.beside = misses{}, row.all
	if !row.found {
		row.close()
		in.lose("what was read last is neither in it nor beside it")
		return nil
	}
	if err := row.own.again(); err != nil {
		return fmt.Errorf("%s: %w", row.own.name, err)
	}
	p := &passage{row.between, t}
	switch {
	case row.short:
		p.lose(shortCopy(row.own))
	case row.hole != "":
		p.lose(row.hole)
	}
	in.parts, in.goal = append([]*part{row.own}, row.between...), t
	if size, _ := t.first(0); size == 0 { // who writes it has not turned to it, perhaps
		row.between = in.parts
		if newest := row.writing(t.path); newest != nil {
			t.close()
			in.parts, in.goal = row.between, newest
		}
	}
	in.advance()
	c.deps.Log.Info("the followed file was rotated while nobody followed it", slog.String("file", in.name),
		slog.String("from", row.own.name))
	return nil
}
