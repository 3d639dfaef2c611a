package jet

import (
	"cmp"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// consumerConfig is the part of a consumer's configuration that the model knows.
type consumerConfig struct {
	Name              string        `json:"name,omitempty"`
	Durable           string        `json:"durable_name,omitempty"`
	DeliverPolicy     string        `json:"deliver_policy"`
	StartSequence     uint64        `json:"opt_start_seq,omitempty"`
	AckPolicy         string        `json:"ack_policy"`
	MaxDeliver        int           `json:"max_deliver,omitempty"`
	FilterSubject     string        `json:"filter_subject,omitempty"`
	FilterSubjects    []string      `json:"filter_subjects,omitempty"`
	ReplayPolicy      string        `json:"replay_policy"`
	MaxWaiting        int           `json:"max_waiting,omitempty"`
	HeadersOnly       bool          `json:"headers_only,omitempty"`
	InactiveThreshold time.Duration `json:"inactive_threshold,omitempty"`
	Replicas          int           `json:"num_replicas"`
	MemoryStorage     bool          `json:"mem_storage,omitempty"`
	AckWait           time.Duration `json:"ack_wait,omitempty"`
	DeliverSubject    string        `json:"deliver_subject,omitempty"`
}

// consumer is a pull consumer without acknowledgements.
type consumer struct {
	stream    *stream
	cfg       consumerConfig
	filters   []string
	created   time.Time
	next      uint64   // sequence to look at
	delivered uint64   // messages so far
	pending   int64    // messages to come
	latest    []uint64 // to be given first: the last message of each subject
	behind    uint64   // next, once these are given
	waiting   []*pullRequest
}

// pullRequest asks for messages.
type pullRequest struct {
	consumer  *consumer
	reply     string
	left      int
	bytes     int // 0: no limit
	noWait    bool
	expires   time.Time
	heartbeat time.Duration
	beat      time.Time // of the next heartbeat
	timer     *time.Timer
}

const (
	maxWaiting      = 512
	defaultInactive = 5 * time.Second
)

// consumerRequest carries out $JS.API.CONSUMER.<request>.
func (s *Server) consumerRequest(subject string, f *frame) bool {
	request, rest, _ := strings.Cut(subject, ".")
	if request == "MSG" {
		var ok bool
		if rest, ok = strings.CutPrefix(rest, "NEXT."); !ok {
			return false
		}
	}
	name, rest, _ := strings.Cut(rest, ".")
	consumerName, _, _ := strings.Cut(rest, ".")
	kind := map[string]string{
		"CREATE": "consumer_create", "INFO": "consumer_info",
		"DELETE": "consumer_delete",
	}[request]
	if kind == "" && request != "MSG" {
		return false
	}
	if request != "MSG" && s.leaderless() {
		s.tell(f, failure(kind, errNoLeader()))
		return true
	}
	st := s.streams[name]
	if st == nil && request != "MSG" {
		s.tell(f, failure(kind, errNoStream()))
		return true
	}
	if request == "CREATE" {
		s.tell(f, st.createConsumer(consumerName, f.data))
		return true
	}
	var c *consumer
	if st != nil {
		c = st.consumers[consumerName]
	}
	switch {
	case request == "MSG":
		if c == nil || s.leaderless() {
			return false
		}
		c.pull(f)
	case c == nil:
		s.tell(f, failure(kind, errNoConsumer()))
	case request == "INFO":
		s.tell(f, c.info(kind))
	default:
		c.drop()
		delete(st.consumers, consumerName)
		s.tell(f, map[string]any{"type": kindOf(kind), "success": true})
	}
	return true
}

func (st *stream) createConsumer(name string, body []byte) any {
	const kind = "consumer_create"
	var request struct {
		Config consumerConfig `json:"config"`
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return failure(kind, &apiError{400, 10025, "invalid JSON: " + err.Error()})
	}
	cfg := request.Config
	if cfg.AckPolicy != "none" || cfg.DeliverSubject != "" {
		return failure(kind, errConfig("the model has pull consumers without acknowledgements only"))
	}
	cfg.MaxWaiting = cmp.Or(cfg.MaxWaiting, maxWaiting)
	cfg.MaxDeliver = cmp.Or(cfg.MaxDeliver, -1)
	if cfg.Durable == "" {
		cfg.InactiveThreshold = cmp.Or(cfg.InactiveThreshold, defaultInactive)
	}
	if known := st.consumers[name]; known != nil {
		if reflect.DeepEqual(known.cfg, cfg) {
			return known.info(kind)
		}
		return failure(kind, &apiError{400, 10148, "consumer already exists"})
	}
	c := &consumer{stream: st, cfg: cfg, filters: cfg.FilterSubjects, created: st.server.now(), next: st.base + 1}
	if cfg.FilterSubject != "" {
		c.filters = []string{cfg.FilterSubject}
	}
	switch cfg.DeliverPolicy {
	case "by_start_sequence":
		c.next = max(cfg.StartSequence, c.next)
	case "last_per_subject":
		if len(c.filters) == 0 {
			return failure(kind, &apiError{
				400, 10094, "consumer delivery policy is deliver last per subject, but optional filter subject is " +
					"not set",
			})
		}
		c.selectLatest()
	case "all", "":
	default:
		return failure(kind, errConfig("the model has no such deliver policy"))
	}
	for sequence := c.next; sequence <= st.last() && len(c.latest) == 0; sequence++ {
		if m := st.at(sequence); m != nil && on(c.filters, m.subject) {
			c.pending++
		}
	}
	st.consumers[name] = c
	return c.info(kind)
}

// selectLatest finds the last message of each subject.
func (c *consumer) selectLatest() {
	st, seen := c.stream, map[string]bool{}
	for sequence := st.seen(); sequence > st.base; sequence-- {
		if m := st.at(sequence); m != nil && on(c.filters, m.subject) && !seen[m.subject] {
			seen[m.subject] = true
			c.latest = append(c.latest, sequence)
		}
	}
	slices.Reverse(c.latest)
	c.behind = st.seen() + 1
	c.pending = int64(len(c.latest))
	c.next = c.behind
	if len(c.latest) > 0 {
		c.next = c.latest[0]
	}
}

func (c *consumer) info(kind string) any {
	position := map[string]any{"consumer_seq": c.delivered, "stream_seq": max(c.next, 1) - 1}
	return map[string]any{
		"type": kindOf(kind), "stream_name": c.stream.cfg.Name, "name": c.cfg.Name, "created": c.created,
		"config": c.cfg, "delivered": position, "ack_floor": position, "num_ack_pending": 0, "num_redelivered": 0,
		"num_waiting": len(c.waiting), "num_pending": max(c.pending, 0), "ts": time.Now().UTC(),
	}
}

// pull takes a request for messages.
func (c *consumer) pull(f *frame) {
	var request struct {
		Batch     int           `json:"batch"`
		MaxBytes  int           `json:"max_bytes"`
		Expires   time.Duration `json:"expires"`
		NoWait    bool          `json:"no_wait"`
		Heartbeat time.Duration `json:"idle_heartbeat"`
	}
	request.Batch = 1
	if n, err := strconv.Atoi(string(f.data)); err == nil {
		request.Batch = n
	} else if len(f.data) > 0 && json.Unmarshal(f.data, &request) != nil {
		c.status(f.reply, "400 Bad Request")
		return
	}
	now := time.Now()
	switch {
	case request.Heartbeat > 0 && 2*request.Heartbeat > request.Expires:
		c.status(f.reply, "400 Bad Request - heartbeat value too large")
		return
	case request.NoWait && request.Expires == 0 && c.pending <= 0:
		c.status(f.reply, "404 No Messages")
		return
	case len(c.waiting) >= c.cfg.MaxWaiting:
		if request.Heartbeat == 0 {
			c.status(f.reply, "409 Exceeded MaxWaiting")
		}
		return
	}
	r := &pullRequest{
		consumer: c, reply: f.reply, left: max(request.Batch, 1), bytes: request.MaxBytes, noWait: request.NoWait,
		heartbeat: request.Heartbeat,
	}
	if request.Expires > 0 {
		r.expires = now.Add(request.Expires)
	}
	if request.Heartbeat > 0 {
		r.beat = now.Add(request.Heartbeat)
	}
	c.waiting = append(c.waiting, r)
	c.pump()
	r.arm()
}

func (c *consumer) status(to, text string, pairs ...string) {
	c.stream.server.deliver(to, "", withHeaders([]byte("NATS/1.0 "+text+"\r\n\r\n"), pairs...), nil)
}

// pump delivers until there is nothing to deliver, or nobody asks.
func (c *consumer) pump() {
	for len(c.waiting) > 0 {
		m, ok := c.peek()
		if !ok {
			break
		}
		c.deliver(m)
	}
	for _, r := range slices.Clone(c.waiting) {
		if r.noWait {
			c.status(r.reply, "404 No Messages")
			r.end()
		}
	}
}

// peek is the next message to deliver. It passes over what cannot be delivered.
func (c *consumer) peek() (*message, bool) {
	st := c.stream
	for len(c.latest) > 0 {
		if m := st.load(c.latest[0]); m != nil {
			return m, true
		}
		c.passLatest()
	}
	m := st.nextOn(c.filters, c.next)
	return m, m != nil
}

// passLatest goes on behind the first of the last messages per subject.
func (c *consumer) passLatest() {
	c.next = c.latest[0] + 1
	if c.latest = c.latest[1:]; len(c.latest) > 0 {
		return
	}
	c.next = c.behind
}

// deliver sends a message to who has waited longest, if it may have it.
func (c *consumer) deliver(m *message) {
	pending := max(c.pending-1, 0)
	ack := fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.%d.%d", c.stream.cfg.Name, c.cfg.Name, m.sequence, c.delivered+1,
		m.at.UnixNano(), pending)
	head, data := m.header, m.data
	if c.cfg.HeadersOnly {
		head, data = withHeaders(head, "Nats-Msg-Size", strconv.Itoa(len(data))), nil
	}
	r := c.asker(len(m.subject) + len(ack) + len(head) + len(data))
	if r == nil {
		return
	}
	if len(c.latest) > 0 {
		c.pending--
		c.passLatest()
	} else {
		c.next = m.sequence + 1
		c.pending--
	}
	c.delivered++
	c.send(r.reply, m.subject, ack, head, data)
	if r.left--; r.left > 0 {
		if r.heartbeat > 0 {
			r.beat = time.Now().Add(r.heartbeat)
		}
		return
	}
	r.end()
	if r.bytes > 0 {
		c.status(r.reply, "409 Batch Completed", "Nats-Pending-Messages", "0", "Nats-Pending-Bytes",
			strconv.Itoa(r.bytes))
	}
}

// asker is the first request that takes a message of a size.
func (c *consumer) asker(size int) *pullRequest {
	for len(c.waiting) > 0 {
		r := c.waiting[0]
		switch {
		case !c.stream.server.listens(r.reply):
			r.end()
		case !r.expires.IsZero() && !time.Now().Before(r.expires):
			r.timeOut()
		case r.bytes > 0 && size > r.bytes:
			c.status(r.reply, "409 Message Size Exceeds MaxBytes", "Nats-Pending-Messages", strconv.Itoa(r.left),
				"Nats-Pending-Bytes", strconv.Itoa(r.bytes))
			r.end()
		default:
			if r.bytes > 0 {
				if r.bytes -= size; r.bytes == 0 {
					r.left = 1
				}
			}
			return r
		}
	}
	return nil
}

// send delivers under the message's own subject to a subscription on the request's reply subject.
func (c *consumer) send(to, subject, reply string, head, data []byte) {
	s := c.stream.server
	for _, conn := range slices.Clone(s.conns) {
		for _, sub := range slices.Clone(conn.subs) {
			if matches(sub.subject, to) {
				conn.message(sub, subject, reply, head, data)
			}
		}
	}
}

// stored tells of a new message.
func (c *consumer) stored(m *message) {
	if on(c.filters, m.subject) {
		c.pending++
	}
}

// removed tells of a deleted message.
func (c *consumer) removed(m *message) {
	if len(c.latest) == 0 && m.sequence >= c.next && on(c.filters, m.subject) {
		c.pending--
	}
}

// drop ends every request.
func (c *consumer) drop() {
	for _, r := range slices.Clone(c.waiting) {
		c.status(r.reply, "409 Consumer Deleted")
		r.end()
	}
}

// end forgets a request.
func (r *pullRequest) end() {
	if r.timer != nil {
		r.timer.Stop()
	}
	r.consumer.waiting = slices.DeleteFunc(r.consumer.waiting, func(other *pullRequest) bool { return other == r })
}

func (r *pullRequest) timeOut() {
	r.consumer.status(r.reply, "408 Request Timeout", "Nats-Pending-Messages", strconv.Itoa(r.left),
		"Nats-Pending-Bytes", strconv.Itoa(r.bytes))
	r.end()
}

// arm waits for the next heartbeat, or the end of the request.
func (r *pullRequest) arm() {
	due := r.expires
	if !r.beat.IsZero() && (due.IsZero() || r.beat.Before(due)) {
		due = r.beat
	}
	if due.IsZero() || !slices.Contains(r.consumer.waiting, r) {
		return
	}
	r.timer = time.AfterFunc(time.Until(due), r.tick)
}

func (r *pullRequest) tick() {
	c := r.consumer
	s := c.stream.server
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.Contains(c.waiting, r) {
		return
	}
	now := time.Now()
	switch {
	case !s.listens(r.reply):
		r.end()
		return
	case !r.expires.IsZero() && !now.Before(r.expires):
		r.timeOut()
		return
	case !r.beat.IsZero() && !now.Before(r.beat):
		c.status(r.reply, "100 Idle Heartbeat", "Nats-Last-Consumer", number(c.delivered), "Nats-Last-Stream",
			number(max(c.next, 1)-1))
		r.beat = now.Add(r.heartbeat)
	}
	r.arm()
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
