package notification

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/daybook-billing/daybook/collector"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/jsondoc"
	"github.com/daybook-billing/daybook/internal/limit"
	"github.com/daybook-billing/daybook/internal/redact"
)

// Normalise turns one notification into a fact of the foundation. The fields and their drift over
// the releases are those of openstack/trove, trove/taskmanager/models.py and trove/extensions/mgmt.
//
// Sizes are RAM in MiB and volumes in GiB. Time is created_at of a create, modify_at of a
// modification, deleted_at of a delete, and the notification's own timestamp where there is none
// and for the other events; a time without a zone is UTC. For an exists it is the time when the
// instance was seen last (see audit). Raw is the notification without its envelope, without white
// space between tokens, and with nothing but message_id, publisher_id, event_type, priority,
// timestamp and a payload without secrets: the request's context (_context_*), addresses and
// tracebacks never pass. The result shares no memory with raw.
//
// Errors are a *jsondoc.SyntaxError, a *jsondoc.FieldError with the path, or wrap
// collector.ErrIgnored.
//
// d is parsed anew when it is an envelope.
func Normalise(foundation string, d *jsondoc.Document) (events.Usage, error) {
	return fromDocument(nil, foundation, d)
}

// NormaliseText is Normalise for a text; it appends Raw to the empty room.
func NormaliseText(room []byte, foundation string, raw []byte) (events.Usage, error) {
	d := jsondoc.Borrow()
	defer d.Return()
	if err := d.Parse(raw); err != nil {
		return events.Usage{}, err
	}
	return fromDocument(room, foundation, d)
}

func fromDocument(room []byte, foundation string, d *jsondoc.Document) (events.Usage, error) {
	if inner := d.Root().Get("oslo.message"); inner.Exists() {
		if inner.Kind() != jsondoc.String {
			return events.Usage{}, &jsondoc.FieldError{
				Path: "oslo.message", Found: jsondoc.Describe(inner),
				Want: "a string that holds the notification",
			}
		}
		if err := d.ParseText(inner); err != nil {
			return events.Usage{}, fmt.Errorf("in oslo.message: %w", err)
		}
	}
	n := reader{root: d.Root()}
	eventType := n.NeedText(n.root, "", "event_type")
	if err := n.Err(); err != nil {
		return events.Usage{}, err
	}
	event, err := eventOf(eventType)
	if err != nil {
		return events.Usage{}, err
	}
	n.payload = n.Object(n.root, "", "payload")
	u := n.usage(foundation, event)
	if err := n.Err(); err != nil {
		return events.Usage{}, err
	}
	u.Raw = n.raw(slices.Grow(room, len(d.Bytes())))
	id := n.ID(n.root, "", "message_id")
	if id == "" {
		// The bus gives every notification an id. One without is known by its content.
		sum := sha256.Sum256(u.Raw)
		id = "sha256:" + hex.EncodeToString(sum[:])
	}
	u.ID = events.ID("usage", events.SourceTrove, foundation, id)
	if _, long := limit.Usage(&u); long != "" {
		return u, jsondoc.TooLong(long)
	}
	return u, n.Err()
}

// eventOf is the event of an event type. reddwarf was Trove's name until 2013. From
// Victoria on a volume's resize shows only as dbaas.instance_resize_volume.end.
func eventOf(eventType string) (string, error) {
	name, ok := strings.CutPrefix(eventType, "trove.instance.")
	if !ok {
		name, ok = strings.CutPrefix(eventType, "reddwarf.instance.")
	}
	if ok {
		switch name {
		case events.EventTroveCreate:
			return events.EventTroveCreate, nil
		case events.EventTroveModifyVolume:
			return events.EventTroveModifyVolume, nil
		case events.EventTroveModifyFlavor:
			return events.EventTroveModifyFlavor, nil
		case events.EventTroveDelete:
			return events.EventTroveDelete, nil
		case events.EventTroveExists:
			return events.EventTroveExists, nil
		}
	}
	switch eventType {
	case "dbaas.instance_resize_volume.end":
		return events.EventTroveResizeVolume, nil
	case ResizeStarted, ResizeFailed:
		return "", &collector.IgnoredError{EventType: eventType}
	}
	return "", &collector.IgnoredError{EventType: redact.URLs(Clip(eventType))}
}

// Events of a volume resize. Its beginning or failure changes no volume: Trove bills
// the old size until the end. Both are counted by name, so that resizes without an end show.
const (
	ResizeStarted = "dbaas.instance_resize_volume.start"
	ResizeFailed  = "dbaas.instance_resize_volume.error"
)

type reader struct {
	jsondoc.Reader
	root, payload jsondoc.Value
}

func (n *reader) usage(foundation, event string) events.Usage {
	p := n.payload
	u := events.Usage{
		Source:     events.SourceTrove,
		Foundation: foundation,
		Tenant:     n.NeedID(p, "payload", "tenant_id"),
		Kind:       events.KindInstance,
		Resource:   n.NeedID(p, "payload", "instance_id"),
		Event:      event,
		Observed:   n.time(n.root, "", "timestamp"),
		Created:    n.time(p, "payload", "created_at"),
		Name:       n.name(),
		State:      strings.ToLower(n.Text(p, "payload", "state")),
		Footprint: events.Footprint{
			Flavor:   redact.URLs(n.Text(p, "payload", "instance_type")),
			FlavorID: n.ID(p, "payload", "instance_type_id"),
			MemoryMB: n.size("instance_size"),
			VolumeGB: n.size("volume_size"),

			Region:           redact.URLs(n.Text(p, "payload", "region")),
			AvailabilityZone: redact.URLs(n.Text(p, "payload", "availability_zone")),
		},
		OldVolumeGB: n.size("old_volume_size"),
		Publisher:   n.publisher(),
	}
	u.Footprint.Datastore, u.Footprint.DatastoreID = datastore(redact.URLs(n.ID(p, "payload", "service_id")))
	switch event {
	case events.EventTroveCreate:
		u.Time = u.Created
		n.needFlavor(&u)
		u.VolumeUnknown = n.volumeUnknown(&u)
	case events.EventTroveModifyFlavor:
		u.Time = n.time(p, "payload", "modify_at")
		if old := n.size("old_instance_size"); old != u.Footprint.MemoryMB {
			u.PreviousMemoryMB = old
		}
		n.needFlavor(&u)
		u.VolumeUnknown = n.volumeUnknown(&u)
	case events.EventTroveModifyVolume:
		u.Time = n.time(p, "payload", "modify_at")
		n.needSize("volume_size")
	case events.EventTroveResizeVolume:
		u.Footprint.VolumeGB = n.needSize("new_size")
	case events.EventTroveDelete:
		u.Time = n.time(p, "payload", "deleted_at")
		u.NoServer = n.noServer()
		u.VolumeUnknown = n.volumeUnknown(&u)
	case events.EventTroveExists:
		n.audit(&u)
		u.NoServer = n.noServer()
	}
	if u.Time.IsZero() {
		u.Time = u.Observed
	}
	if u.Time.IsZero() {
		n.Fail(n.root.Get("timestamp"), "", "timestamp", wantTime)
	}
	return u
}

// size returns a size of the payload, absent for null or nothing. It may be digits in a string: the
// API takes them, and Trove repeats the request. Source: trove/common/apischema.py
// and Instance.resize_volume in trove/instance/models.py.
func (n *reader) size(key string) events.Count {
	if v := n.payload.Get(key); v.Kind() == jsondoc.String {
		if size, err := strconv.ParseUint(v.Text(), 10, 31); err == nil {
			return events.Some(uint32(size))
		}
	}
	return n.Count(n.payload, "payload", key)
}

// needSize is size for a required member.
func (n *reader) needSize(key string) events.Count {
	size := n.size(key)
	if !size.Known() {
		n.NeedCount(n.payload, "payload", key)
	}
	return size
}

// publisher names the region and the task manager of a report. It is not needed to understand the
// notification, and another form is passed over.
func (n *reader) publisher() string {
	publisher := n.root.Get("publisher_id")
	if publisher.Kind() != jsondoc.String || publisher.Text() == "" {
		return ""
	}
	region := n.payload.Get("region")
	if region.Kind() != jsondoc.String {
		return "/" + redact.URLs(publisher.Text())
	}
	return redact.URLs(region.Text()) + "/" + redact.URLs(publisher.Text())
}

// noServer reports whether the notification names an empty server: none was made.
func (n *reader) noServer() bool {
	switch v := n.payload.Get("nova_instance_id"); v.Kind() {
	case jsondoc.Null:
		return true
	case jsondoc.String:
		return v.Text() == ""
	default:
		return false
	}
}

// volumeUnknown reports whether the notification names a volume and not its size. A datastore
// without volumes has neither: nova_volume_id and volume_size come with volume_support only.
func (n *reader) volumeUnknown(u *events.Usage) bool {
	if u.Footprint.VolumeGB.Known() {
		return false
	}
	switch v := n.payload.Get("nova_volume_id"); v.Kind() {
	case jsondoc.Missing, jsondoc.Null:
		return false
	case jsondoc.String:
		return v.Text() != ""
	default:
		return true
	}
}

// zoneShift is less than any host's difference from UTC, and more than the time of a round of
// reports.
const zoneShift = 25 * time.Minute

// audit reads the audit period of an exists: its width, and the time when the instance was seen
// last. The latter is the period's end, or the timestamp if it is earlier: up to Liberty the period
// lies in the future (fixed in Mitaka, bug 1469860). Up to Pike the period was in the host's local
// time with a Z behind it (bug 1532120). An end long before the timestamp comes from the host's
// zone; the timestamp is always in UTC.
func (n *reader) audit(u *events.Usage) {
	from, to := n.time(n.payload, "payload", "audit_period_beginning"), n.time(n.payload, "payload",
		"audit_period_ending")
	if width := to.Sub(from); !from.IsZero() && width > 0 && width < 366*24*time.Hour {
		u.AuditSeconds = events.Some(uint32((width + time.Second - 1) / time.Second))
	}
	u.Time = u.Observed
	if !to.IsZero() && (u.Time.IsZero() || to.Before(u.Time) && u.Time.Sub(to) < zoneShift) {
		u.Time = to
	}
}

// needFlavor refuses a create or a change of flavour without the flavour: it could not be priced.
func (n *reader) needFlavor(u *events.Usage) {
	if u.Footprint.Flavor == "" && u.Footprint.FlavorID == "" {
		n.Fail(n.payload.Get("instance_type"), "payload", "instance_type", "the name of a flavour, or its id in "+
			"instance_type_id")
	}
}

func (n *reader) name() string {
	for _, key := range []string{"instance_name", "name", "display_name"} {
		if s := n.Text(n.payload, "payload", key); s != "" {
			return redact.URLs(s)
		}
	}
	return ""
}

// time returns a time, and the zero time for null or nothing.
func (n *reader) time(of jsondoc.Value, in, key string) time.Time {
	v := of.Get(key)
	if v.Kind() == jsondoc.Missing || v.Kind() == jsondoc.Null {
		return time.Time{}
	}
	t, ok := parseTime(v.Text())
	if !ok {
		n.Fail(v, in, key, wantTime)
	}
	return t
}

// raw appends the notification, written from its harmless members, to the empty b.
func (n *reader) raw(b []byte) []byte {
	edit := jsondoc.Edit{Drop: dropped}
	if redact.MayHoldSecret(n.payload.Raw()) {
		edit.Text = redact.URLs
	}
	b = append(b, '{')
	n.root.Each(func(key []byte, member jsondoc.Value) {
		switch string(key) {
		case "message_id", "publisher_id", "event_type", "priority", "timestamp", "payload":
		default:
			return
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, key...)
		b = append(b, '"', ':')
		b = member.Append(b, edit)
	})
	return append(b, '}')
}

// dropped tells whether a member of the payload is left out, at every depth: only the known members
// of Trove's usage payloads stay, because an unknown one may be a secret.
func dropped(key []byte) bool {
	switch string(key) {
	case "audit_period_beginning", "audit_period_ending", "availability_zone", "created_at", "deleted_at",
		"display_name",
		"instance_id", "instance_name", "instance_size", "instance_type", "instance_type_id", "launched_at",
		"modify_at",
		"name", "new_size", "nova_instance_id", "nova_volume_id", "old_instance_size", "old_volume_size", "region",
		"request_id",
		"server_type", "service_id", "state", "state_description", "tenant_id", "user_id", "volume_size":
		return false
	}
	return true
}
