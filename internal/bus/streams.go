package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus/setting"
)

// StreamsConfig is an operator's choice about the streams.
type StreamsConfig struct {
	Replicas int   // of each stream; 0: the connection's Config.Replicas
	MaxBytes int64 // of each stream; 0: no limit. A full stream refuses appends, it never drops a message
}

// streamKind is what a stream is to Daybook.
type streamKind int

const (
	plain    streamKind = iota
	original            // the book of original entry: nobody may delete from it
	deduced             // derived from it: its end may be lost, and is derived again
)

// streamTable is all streams of Daybook's.
var streamTable = []struct {
	name        string
	description string
	subjects    []string
	kind        streamKind
}{
	{events.StreamUsage, "What the platforms reported", []string{events.SubjectsUsage}, original},
	{events.StreamMetered, "What ran, and the catalogue versions", []string{events.SubjectsMetered}, deduced},
	{events.StreamBilling, "What it costs", []string{events.SubjectsBilling}, deduced},
	{events.StreamQuarantine, "Input that could not be understood", []string{events.SubjectsQuarantine}, plain},
}

// derived reports whether a stream is one of those that are derived.
func derived(name string) bool {
	for i := range streamTable {
		if streamTable[i].name == name {
			return streamTable[i].kind == deduced
		}
	}
	return false
}

// streamConfigs is streamTable with the operator's choices.
func streamConfigs(cfg StreamsConfig) []jetstream.StreamConfig {
	var configs []jetstream.StreamConfig
	for _, s := range streamTable {
		// A replica that was killed cuts its last block back when it starts. nats-server 2.15 fails
		// to with a compressed one, and the stream has no quorum once two replicas have failed.
		compression := jetstream.S2Compression
		if cfg.Replicas > 1 {
			compression = jetstream.NoCompression
		}
		persist := jetstream.DefaultPersistMode
		if s.kind == deduced && cfg.Replicas <= 1 {
			persist = jetstream.AsyncPersistMode
		}
		configs = append(configs, jetstream.StreamConfig{
			Name: s.name, Description: s.description, Subjects: s.subjects,
			Storage: jetstream.FileStorage, Retention: jetstream.LimitsPolicy, Discard: jetstream.DiscardNew,
			MaxMsgs: -1, MaxBytes: cmp.Or(cfg.MaxBytes, -1), MaxMsgsPerSubject: -1, MaxMsgSize: -1,
			Replicas: cfg.Replicas, DenyDelete: s.kind == original, DenyPurge: s.kind == original,
			AllowAtomicPublish: s.kind != deduced, AllowBatchPublish: s.kind == deduced, PersistMode: persist,
			AllowDirect: true, Compression: compression,
		})
	}
	return configs
}

// Difference is a setting of an existing stream against Daybook's needs.
type Difference struct {
	Stream, Setting, Found, Wanted string
	Fix                            string // flags for nats stream edit; "" if it cannot be edited
}

// StreamsError lists the differences between the existing streams and the needed ones.
type StreamsError struct{ Differences []Difference }

func (e *StreamsError) Error() string {
	var b strings.Builder
	b.WriteString("streams exist with other settings:")
	for _, d := range e.Differences {
		b.WriteString("\n  " + d.String())
	}
	return b.String()
}

// String is the difference, with the command to mend it.
func (d Difference) String() string {
	text := fmt.Sprintf("%s: %s is %s, wanted %s: ", d.Stream, d.Setting, d.Found, d.Wanted)
	if d.Fix == "" && derived(d.Stream) {
		return text + fmt.Sprintf("cannot be changed. The stream is derived: stop the services, remove it (nats "+
			"stream rm %s) and start them, which derives it again", d.Stream)
	}
	if d.Fix == "" {
		return text + fmt.Sprintf("cannot be changed; nats stream backup %s DIR, delete the stream and let Daybook "+
			"create it, or connect to another account", d.Stream)
	}
	return text + fmt.Sprintf("nats stream edit %s %s", d.Stream, d.Fix)
}

// EnsureStreams creates the missing streams. The others are never changed: if they
// differ, the error is a *StreamsError with every difference. It may be repeated, and run by
// several processes at once.
func (b *Bus) EnsureStreams(ctx context.Context, cfg StreamsConfig) error {
	cfg.Replicas = cmp.Or(cfg.Replicas, b.cfg.Replicas)
	var differences []Difference
	for _, want := range streamConfigs(cfg) {
		info, err := b.streamInfo(ctx, want.Name)
		if errors.Is(err, ErrNotFound) {
			err = b.awaitRoom(ctx, want.Name, func() (err error) {
				info, err = b.createStream(ctx, want)
				return err
			})
		}
		if err != nil {
			return err
		}
		differences = append(differences, compare(info.Config, want)...)
	}
	if len(differences) > 0 {
		return &StreamsError{Differences: differences}
	}
	return nil
}

// losing are the settings with which a stream removes messages, or with which somebody may.
var losing = []string{
	"storage", "retention", "discard", "max_age", "max_msgs", "max_msgs_per_subject", "deny_delete", "deny_purge",
}

// CheckStreams is a *StreamsError with every setting of the existing streams that loses messages.
// An operator may change a stream while services run.
func (b *Bus) CheckStreams(ctx context.Context) error {
	var differences []Difference
	for _, want := range streamConfigs(StreamsConfig{}) {
		info, err := b.streamInfo(ctx, want.Name)
		if err != nil {
			return err
		}
		for _, d := range compare(info.Config, want) {
			if slices.Contains(losing, d.Setting) {
				differences = append(differences, d)
			}
		}
	}
	if len(differences) > 0 {
		return &StreamsError{Differences: differences}
	}
	return nil
}

// EnsureBucket creates a key-value bucket with one value a key, where there is none, with
// Config.Replicas. Its values are messages of the stream KV_<bucket> on $KV.<bucket>.<key>.
func (b *Bus) EnsureBucket(ctx context.Context, bucket string) error {
	name := "KV_" + bucket
	_, err := b.streamInfo(ctx, name)
	if errors.Is(err, ErrNotFound) {
		_, err = b.createStream(ctx, jetstream.StreamConfig{
			Name: name, Subjects: []string{"$KV." + bucket + ".>"}, Storage: jetstream.FileStorage,
			Discard: jetstream.DiscardNew, MaxMsgsPerSubject: 1, Replicas: b.cfg.Replicas, DenyDelete: true,
			AllowRollup: true, AllowDirect: true, AllowAtomicPublish: true,
		})
	}
	return err
}

func (b *Bus) createStream(ctx context.Context, want jetstream.StreamConfig) (*jetstream.StreamInfo, error) {
	bounded, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	bounded, release := b.asking(bounded, apiPrefix+"STREAM.CREATE."+want.Name)
	defer release()
	stream, err := b.js.CreateStream(bounded, want)
	if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // somebody else was faster
		return b.streamInfo(ctx, want.Name)
	}
	err = deniedOr(bounded, err)
	if errors.Is(err, ErrDenied) {
		return nil, fmt.Errorf("there is no stream %s, and this user may not create streams: %w. Let a user who may "+
			"do it run `daybook catalogue publish`, which creates them", want.Name, err)
	}
	if err != nil {
		return nil, requestError("creating stream "+want.Name, want.Name, err)
	}
	return stream.CachedInfo(), nil
}

// compare lists the differing settings. Those of no weight to Daybook (description,
// placement, compression, duplicate window, metadata) are the operator's.
func compare(found, want jetstream.StreamConfig) []Difference {
	var differences []Difference
	add := func(name, f, w, fix string) {
		if f != w {
			differences = append(differences, Difference{
				Stream: want.Name, Setting: name, Found: f, Wanted: w,
				Fix: fix,
			})
		}
	}
	flag := func(name string, f, w bool, fix string) {
		add(name, strconv.FormatBool(f), strconv.FormatBool(w), fix)
	}
	limit := func(name string, f, w int64, fix string) {
		add(name, setting.Limit(f), setting.Limit(w), fix)
	}
	add("subjects", setting.Subjects(found.Subjects), setting.Subjects(want.Subjects),
		"--subjects='"+strings.Join(want.Subjects, ",")+"'")
	add("storage", strings.ToLower(found.Storage.String()), strings.ToLower(want.Storage.String()), "")
	retentionFix := "--retention=limits"
	if found.Retention == jetstream.WorkQueuePolicy {
		retentionFix = ""
	}
	add("retention", strings.ToLower(found.Retention.String()), strings.ToLower(want.Retention.String()), retentionFix)
	add("discard", setting.Discard(found.Discard), setting.Discard(want.Discard), "--discard=new")
	add("replicas", strconv.Itoa(found.Replicas), strconv.Itoa(want.Replicas), fmt.Sprintf("--replicas=%d",
		want.Replicas))
	add("max_age", setting.Age(found.MaxAge), setting.Age(want.MaxAge), "--max-age=0s")
	if want.MaxBytes > 0 { // else it is the operator's: a full stream refuses appends, and they wait
		limit("max_bytes", found.MaxBytes, want.MaxBytes, fmt.Sprintf("--max-bytes=%d", want.MaxBytes))
	}
	limit("max_msgs", found.MaxMsgs, want.MaxMsgs, "--max-msgs=-1")
	limit("max_msgs_per_subject", found.MaxMsgsPerSubject, want.MaxMsgsPerSubject, "--max-msgs-per-subject=-1")
	limit("max_msg_size", int64(found.MaxMsgSize), int64(want.MaxMsgSize), "--max-msg-size=-1")
	if want.AllowAtomicPublish {
		flag("allow_atomic", found.AllowAtomicPublish, true, "--allow-batch")
	} else { // a stream of an older version
		flag("allow_atomic", found.AllowAtomicPublish, false, "")
		flag("allow_batched", found.AllowBatchPublish, want.AllowBatchPublish, "")
	}
	flag("allow_direct", found.AllowDirect, want.AllowDirect, "--allow-direct")
	flag("deny_delete", found.DenyDelete, want.DenyDelete, settable(want.DenyDelete, "--deny-delete"))
	flag("deny_purge", found.DenyPurge, want.DenyPurge, settable(want.DenyPurge, "--deny-purge"))
	flag("no_ack", found.NoAck, want.NoAck, "--ack")
	flag("sealed", found.Sealed, want.Sealed, "")
	flag("mirror or sources", found.Mirror != nil || len(found.Sources) > 0, false, "")
	flag("subject_transform", found.SubjectTransform != nil, false, "--no-transform")
	add("persist_mode", setting.Persist(found.PersistMode), setting.Persist(want.PersistMode), "")
	return differences
}

// settable is the fix for a setting to be switched on, but not off again.
func settable(want bool, fix string) string {
	if want {
		return fix
	}
	return ""
}
