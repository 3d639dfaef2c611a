package jet

import (
	"encoding/json"
	"strings"
	"time"
)

const api = "$JS.API."

// request carries out a request to the JetStream API; false: nobody listens. The lock is held.
func (s *Server) request(subject string, f *frame) bool {
	group, rest, _ := strings.Cut(subject, ".")
	switch group {
	case "INFO":
		s.tell(f, s.account())
		return true
	case "DIRECT":
		return s.directRequest(rest, f)
	case "STREAM":
		return s.streamRequest(rest, f)
	case "CONSUMER":
		return s.consumerRequest(rest, f)
	}
	return false
}

// tell answers a request.
func (s *Server) tell(f *frame, body any) {
	if f.reply != "" {
		s.deliver(f.reply, "", nil, must(json.Marshal(body)))
	}
}

func (s *Server) account() any {
	limits := map[string]any{
		"max_memory": -1, "max_storage": -1, "max_streams": -1, "max_consumers": -1, "max_ack_pending": -1,
		"memory_max_stream_bytes": -1, "storage_max_stream_bytes": -1, "max_bytes_required": false,
	}
	return map[string]any{
		"type": kindOf("account_info"), "memory": 0, "storage": 0, "streams": len(s.streams), "limits": limits,
		"api": map[string]any{"total": 0, "errors": 0, "level": 2},
	}
}

// streamRequest carries out $JS.API.STREAM.<request>.
func (s *Server) streamRequest(subject string, f *frame) bool {
	request, name, _ := strings.Cut(subject, ".")
	if request == "MSG" {
		var what string
		what, name, _ = strings.Cut(name, ".")
		request += "." + what
	}
	kind := map[string]string{
		"CREATE": "stream_create", "INFO": "stream_info", "UPDATE": "stream_update", "DELETE": "stream_delete",
		"PURGE": "stream_purge", "MSG.GET": "stream_msg_get", "MSG.DELETE": "stream_msg_delete",
	}[request]
	if kind == "" {
		return false
	}
	if s.leaderless() {
		s.tell(f, failure(kind, errNoLeader()))
		return true
	}
	if request == "CREATE" {
		s.tell(f, s.createStream(name, f.data))
		return true
	}
	st := s.streams[name]
	if st == nil {
		s.tell(f, failure(kind, errNoStream()))
		return true
	}
	switch request {
	case "INFO":
		s.tell(f, st.info(kind, f.data))
	case "UPDATE":
		s.tell(f, st.updateStream(f.data))
	case "DELETE":
		st.forget(true)
		delete(s.streams, name)
		s.names = remove(s.names, name)
		s.tell(f, map[string]any{"type": kindOf(kind), "success": true})
	case "PURGE":
		s.tell(f, st.purgeRequest(f.data))
	case "MSG.GET":
		s.tell(f, st.get(f.data))
	case "MSG.DELETE":
		s.tell(f, st.deleteMessage(f.data))
	}
	return true
}

func remove(names []string, name string) []string {
	var kept []string
	for _, other := range names {
		if other != name {
			kept = append(kept, other)
		}
	}
	return kept
}

// query asks for one message.
type query struct {
	Sequence uint64 `json:"seq"`
	LastOn   string `json:"last_by_subj"`
	NextOn   string `json:"next_by_subj"`
	Batch    int    `json:"batch"`
}

// find is the message of a query, nil if there is none that can be delivered.
func (st *stream) find(q *query) *message {
	switch {
	case q.NextOn != "":
		return st.nextOn([]string{q.NextOn}, q.Sequence)
	case q.Sequence > 0:
		return st.load(q.Sequence)
	}
	if m := st.lastOn(q.LastOn, st.seen()); m != nil && !m.damaged {
		return m
	}
	return nil
}

// get answers from the leader.
func (st *stream) get(body []byte) any {
	const kind = "stream_msg_get"
	var q query
	if len(body) == 0 {
		return failure(kind, errBadRequest())
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return failure(kind, &apiError{400, 10025, "invalid JSON: " + err.Error()})
	}
	if q.Sequence > 0 && q.LastOn != "" || q.Sequence == 0 && q.LastOn == "" && q.NextOn == "" ||
		q.LastOn != "" && q.NextOn != "" || q.Batch > 0 {
		return failure(kind, errBadRequest())
	}
	m := st.find(&q)
	if m == nil {
		return failure(kind, errNoMessage())
	}
	stored := struct {
		Subject  string    `json:"subject"`
		Sequence uint64    `json:"seq"`
		Header   []byte    `json:"hdrs,omitempty"`
		Data     []byte    `json:"data,omitempty"`
		Time     time.Time `json:"time"`
	}{m.subject, m.sequence, m.header, m.data, m.at}
	return map[string]any{"type": kindOf(kind), "message": stored}
}

// directRequest carries out $JS.API.DIRECT.GET.<stream>[.<subject>].
func (s *Server) directRequest(subject string, f *frame) bool {
	rest, ok := strings.CutPrefix(subject, "GET.")
	name, last, bySubject := strings.Cut(rest, ".")
	st := s.streams[name]
	if !ok || st == nil || !st.cfg.AllowDirect || s.leaderless() {
		return false
	}
	status := func(text string) {
		s.deliver(f.reply, "", []byte("NATS/1.0 "+text+"\r\n\r\n"), nil)
	}
	if f.reply == "" {
		return true
	}
	var q query
	if bySubject {
		q.LastOn = last
	} else {
		if len(f.data) == 0 {
			status("408 Empty Request")
			return true
		}
		if json.Unmarshal(f.data, &q) != nil {
			status("408 Malformed Request")
			return true
		}
	}
	switch {
	case q.Sequence == 0 && q.LastOn == "" && q.NextOn == "":
		status("408 Empty Request")
	case q.Sequence > 0 && q.LastOn != "", q.LastOn != "" && q.NextOn != "", q.Batch > 0:
		status("408 Bad Request")
	default:
		m := st.find(&q)
		if m == nil {
			status("404 Message Not Found")
			return true
		}
		s.deliver(f.reply, "", withHeaders(m.header, "Nats-Stream", name, "Nats-Subject", m.subject,
			"Nats-Sequence", number(m.sequence), "Nats-Time-Stamp", m.at.Format(time.RFC3339Nano)), m.data)
	}
	return true
}
