package trove

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/collector/internal/appender"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/redact"
)

// verdict is the fate of one notification.
type verdict int

const (
	isFact verdict = iota
	isKnown
	isIgnored
	isQuarantined
)

// message is a notification after normalisation, with its output.
type message struct {
	verdict   verdict
	id        string    // of the fact, or of the quarantined input
	eventType string    // of an ignored notification
	where     string    // it came from
	reason    string    // why it is quarantined
	syntax    bool      // because it is no JSON
	unread    bool      // because its compression is not read
	observed  time.Time // its own timestamp

	key      appender.Key
	subject  string
	header   []events.Header
	from, to int // of the body in the batch's buffer

	refused *quarantine.Input // of a quarantined notification
}

// batch is a number of notifications to store together. It is for one goroutine at a time.
type batch struct {
	cfg      *Config
	region   *region
	origin   string
	now      func() time.Time
	decoder  notification.Decoder
	messages []message
	buffer   []byte          // the bodies to store, one after the other
	headers  []events.Header // of the messages, one after the other
	raw      []byte          // room for one notification
	refused  int             // bytes of quarantined text
}

func newBatch(r *region, now func() time.Time) *batch {
	return &batch{cfg: r.cfg, region: r, origin: r.cfg.origin(), now: now}
}

// size is the number of bytes to store.
func (b *batch) size() int { return len(b.buffer) + b.refused }

func (b *batch) clear() {
	clear(b.messages)
	clear(b.headers)
	b.messages, b.buffer, b.headers, b.refused = b.messages[:0], b.buffer[:0], b.headers[:0], 0
}

// add reads a notification. Nothing of body is kept.
func (b *batch) add(where string, body []byte, compression string) {
	m := message{where: where}
	text, err := b.decoder.Text(body, compression)
	if err != nil {
		b.reject(m, body, textless(body, err), err)
		return
	}
	u, err := b.normalise(text)
	if err == nil {
		err = b.region.check(&u)
	}
	var ignored *collector.IgnoredError
	switch {
	case errors.As(err, &ignored):
		m.verdict, m.eventType = isIgnored, ignored.EventType
		b.messages = append(b.messages, m)
		return
	case err != nil:
		b.reject(m, text, input(text), err)
		return
	}
	m.from = len(b.buffer)
	b.buffer = u.AppendJSON(b.buffer)
	m.to = len(b.buffer)
	if size := m.to - m.from; size > appender.MaxMessage {
		b.buffer = b.buffer[:m.from]
		b.reject(m, text, input(text), fmt.Errorf("the fact has %d bytes: a message holds at most %d", size,
			appender.MaxMessage))
		return
	}
	m.id, m.observed, m.key = u.ID, u.Observed, appender.KeyOf(u.ID)
	m.subject = events.UsageSubject(u.Source, u.Foundation, u.Tenant, u.Kind, u.SubjectResource())
	m.header = b.header(u.ID, events.TypeUsage)
	b.messages = append(b.messages, m)
}

// reject adds quarantined input.
func (b *batch) reject(m message, body []byte, input string, reason error) {
	sum := sha256.Sum256(body)
	var syntax *jsondoc.SyntaxError
	var compression *notification.CompressionError
	m.unread, m.syntax = errors.As(reason, &compression), errors.As(reason, &syntax)
	reason = &collector.InputError{Source: events.SourceTrove, Err: reason}
	m.verdict, m.reason = isQuarantined, redact.Text(reason.Error())
	m.id = events.ID("quarantine", b.cfg.Foundation, events.SourceTrove, hex.EncodeToString(sum[:]))
	m.refused = &quarantine.Input{
		ID: m.id, File: m.where, Reason: reason, Text: input, At: b.now(), Level: slog.LevelWarn,
		Attrs: []slog.Attr{slog.String("from", m.where)},
	}
	b.refused += len(input)
	b.messages = append(b.messages, m)
}

// header makes a message's headers.
func (b *batch) header(id, kind string) []events.Header {
	from := len(b.headers)
	b.headers = events.AppendHeaders(b.headers, id, kind, b.origin)
	return b.headers[from:len(b.headers):len(b.headers)]
}

// normalise normalises a notification, and makes an error of a panic: one notification must not end
// this collector, and after its redelivery the next one. Raw is valid until the next call.
func (b *batch) normalise(text []byte) (u events.Usage, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the collector failed on it, which is a mistake in Daybook: please report it: %v", p)
		}
	}()
	u, err = notification.NormaliseText(b.raw[:0], b.cfg.Foundation, text)
	if err == nil {
		b.raw = u.Raw
	}
	return u, err
}

// textless stands for an unreadable body: nobody can find the secrets in it.
func textless(body []byte, err error) string {
	var large *notification.TooLargeError
	if errors.As(err, &large) && len(body) > redact.MaxText && notification.LooksLikeJSON(body) {
		return redact.Cut(string(body[:redact.MaxText]), len(body)-redact.MaxText)
	}
	return fmt.Sprintf("[%d bytes that begin with %x; not kept, because what cannot be read cannot be searched for "+
		"secrets]", len(body), body[:min(len(body), 8)])
}
