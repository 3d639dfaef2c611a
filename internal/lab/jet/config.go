package jet

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// streamConfig is the part of a stream's configuration that the model knows. Other settings are
// refused, so that no test rests on one that has no effect.
type streamConfig struct {
	Name          string            `json:"name"`
	Description   string            `json:"description,omitempty"`
	Subjects      []string          `json:"subjects,omitempty"`
	Retention     string            `json:"retention"`
	MaxConsumers  int               `json:"max_consumers"`
	MaxMsgs       int64             `json:"max_msgs"`
	MaxBytes      int64             `json:"max_bytes"`
	MaxAge        time.Duration     `json:"max_age"`
	MaxMsgsPer    int64             `json:"max_msgs_per_subject"`
	MaxMsgSize    int32             `json:"max_msg_size"`
	Discard       string            `json:"discard"`
	Storage       string            `json:"storage"`
	Replicas      int               `json:"num_replicas"`
	Duplicates    time.Duration     `json:"duplicate_window,omitempty"`
	Compression   string            `json:"compression"`
	AllowDirect   bool              `json:"allow_direct"`
	MirrorDirect  bool              `json:"mirror_direct"`
	Sealed        bool              `json:"sealed"`
	DenyDelete    bool              `json:"deny_delete"`
	DenyPurge     bool              `json:"deny_purge"`
	AllowRollup   bool              `json:"allow_rollup_hdrs"`
	Limits        struct{}          `json:"consumer_limits"`
	AllowTTL      bool              `json:"allow_msg_ttl"`
	AllowAtomic   bool              `json:"allow_atomic,omitempty"`
	AllowBatched  bool              `json:"allow_batched,omitempty"`
	PersistMode   string            `json:"persist_mode,omitempty"`
	AllowSchedule bool              `json:"allow_msg_schedules,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

const dedupeWindow = 2 * time.Minute

// parseConfig reads a configuration and fills in the server's defaults.
func parseConfig(data []byte) (cfg streamConfig, err *apiError) {
	if e := json.Unmarshal(data, &cfg); e != nil {
		return cfg, &apiError{400, 10025, "invalid JSON: " + e.Error()}
	}
	if cfg.Retention == "" {
		cfg.Retention = "limits"
	}
	if cfg.Discard == "" {
		cfg.Discard = "old"
	}
	if cfg.Storage == "" {
		cfg.Storage = "file"
	}
	if cfg.Compression == "" {
		cfg.Compression = "none"
	}
	if cfg.Duplicates == 0 {
		cfg.Duplicates = dedupeWindow
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = 1
	}
	if len(cfg.Subjects) == 0 {
		cfg.Subjects = []string{cfg.Name}
	}
	for _, limit := range []*int64{&cfg.MaxMsgs, &cfg.MaxBytes, &cfg.MaxMsgsPer} {
		if *limit == 0 {
			*limit = -1
		}
	}
	if cfg.MaxMsgSize == 0 {
		cfg.MaxMsgSize = -1
	}
	if cfg.MaxConsumers == 0 {
		cfg.MaxConsumers = -1
	}
	switch {
	case cfg.Replicas > 1:
		return cfg, errReplicas()
	case cfg.PersistMode == "async" && cfg.AllowAtomic:
		return cfg, errConfig("async persist mode is not supported with atomic batch publish")
	case cfg.Retention != "limits", cfg.MaxAge != 0, cfg.MaxMsgsPer > 0, cfg.AllowTTL, cfg.AllowSchedule:
		return cfg, errConfig("the model has no such setting")
	}
	return cfg, nil
}

// createStream makes a stream, or finds it with the same configuration.
func (s *Server) createStream(name string, body []byte) any {
	const kind = "stream_create"
	cfg, err := parseConfig(body)
	switch {
	case err != nil:
		return failure(kind, err)
	case cfg.Name != name:
		return failure(kind, &apiError{400, 10056, "stream name in subject does not match request"})
	}
	if st := s.streams[name]; st != nil {
		if !reflect.DeepEqual(st.cfg, cfg) {
			return failure(kind, &apiError{400, 10058, "stream name already in use with a different configuration"})
		}
		return st.info(kind, nil)
	}
	for _, other := range s.names {
		for _, mine := range cfg.Subjects {
			if slices.ContainsFunc(s.streams[other].cfg.Subjects, func(t string) bool { return collide(mine, t) }) {
				return failure(kind, &apiError{400, 10065, "subjects overlap with an existing stream"})
			}
		}
	}
	st := newStream(s, cfg)
	s.streams[name] = st
	s.names = append(s.names, name)
	slices.Sort(s.names)
	return st.info(kind, nil)
}

// updateStream changes settings.
func (st *stream) updateStream(body []byte) any {
	const kind = "stream_update"
	cfg, err := parseConfig(body)
	switch {
	case err != nil:
		return failure(kind, err)
	case cfg.Name != st.cfg.Name:
		return failure(kind, &apiError{400, 10056, "stream name in subject does not match request"})
	case cfg.PersistMode != st.cfg.PersistMode:
		return failure(kind, errConfig("stream configuration update can not change persist mode"))
	case cfg.Storage != st.cfg.Storage:
		return failure(kind, errConfig("stream configuration update can not change storage type"))
	}
	st.cfg = cfg
	return st.info(kind, nil)
}

func kindOf(kind string) string { return "io.nats.jetstream.api.v1." + kind + "_response" }

func failure(kind string, err *apiError) any {
	return map[string]any{"type": kindOf(kind), "error": err}
}

// info describes a stream to readers.
func (st *stream) info(kind string, body []byte) any {
	var options struct {
		DeletedDetails bool   `json:"deleted_details"`
		SubjectsFilter string `json:"subjects_filter"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &options); err != nil {
			return failure(kind, &apiError{400, 10025, "invalid JSON: " + err.Error()})
		}
	}
	first, last := st.first(), st.seen()
	state := map[string]any{
		"messages": st.count, "bytes": st.bytes, "first_seq": min(first, last+1), "last_seq": last,
		"consumer_count": len(st.consumers), "first_ts": timeOf(st.at(first)), "last_ts": timeOf(st.at(last)),
	}
	if st.last() == 0 && !st.purged {
		state["first_seq"] = 0
	}
	if n := st.subjects(); n > 0 {
		state["num_subjects"] = n
	}
	if unseen := st.last() - last; unseen > 0 {
		state["messages"] = st.count - unseen
	}
	if deleted := st.deleted(); len(deleted) > 0 {
		state["num_deleted"] = len(deleted)
		if options.DeletedDetails {
			state["deleted"] = deleted
		}
	}
	if options.SubjectsFilter != "" {
		subjects := map[string]uint64{}
		for _, m := range st.log {
			if m != nil && matches(options.SubjectsFilter, m.subject) {
				subjects[m.subject]++
			}
		}
		if len(subjects) > 0 {
			state["subjects"] = subjects
		}
	}
	return map[string]any{
		"type": kindOf(kind), "config": st.cfg, "created": st.created, "state": state, "ts": time.Now().UTC(),
	}
}

func timeOf(m *message) time.Time {
	if m == nil {
		return time.Time{}
	}
	return m.at
}

// purgeRequest removes messages.
func (st *stream) purgeRequest(body []byte) any {
	const kind = "stream_purge"
	var options struct {
		Filter   string `json:"filter"`
		Sequence uint64 `json:"seq"`
		Keep     uint64 `json:"keep"`
	}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &options); err != nil {
			return failure(kind, &apiError{400, 10025, "invalid JSON: " + err.Error()})
		}
	}
	switch {
	case st.cfg.DenyPurge:
		return failure(kind, &apiError{500, 10110, "stream purge not permitted"})
	case options.Keep > 0:
		return failure(kind, errConfig("the model has no purge that keeps messages"))
	case options.Sequence == 0:
		options.Sequence = st.last() + 1
	}
	if filter := options.Filter; filter == "" || filter == ">" {
		st.purged = true
	}
	return map[string]any{
		"type": kindOf(kind), "success": true, "purged": st.purge(strings.Trim(options.Filter, " "), options.Sequence),
	}
}

// deleteMessage removes one message.
func (st *stream) deleteMessage(body []byte) any {
	const kind = "stream_msg_delete"
	var request struct {
		Sequence uint64 `json:"seq"`
	}
	switch err := json.Unmarshal(body, &request); {
	case err != nil:
		return failure(kind, &apiError{400, 10025, "invalid JSON: " + err.Error()})
	case st.cfg.DenyDelete:
		return failure(kind, &apiError{500, 10057, "message delete not permitted"})
	case request.Sequence > st.last() && st.cfg.Storage == "file":
		return failure(kind, &apiError{500, 10057, "stream store EOF"})
	case st.at(request.Sequence) == nil:
		return failure(kind, &apiError{400, 10043, fmt.Sprintf("sequence %d not found", request.Sequence)})
	}
	st.remove(request.Sequence)
	return map[string]any{"type": kindOf(kind), "success": true}
}
