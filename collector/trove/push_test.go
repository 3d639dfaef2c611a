package trove_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/collector/trove/notification"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/scale"
)

const bearer = "0123456789abcdef-token"

// door is a collector that takes pushed notifications.
type door struct {
	*rig
	*running
	handler http.Handler
}

func newDoor(ctx SpecContext, change func(*rig)) *door {
	GinkgoHelper()
	r := newRigWithoutBroker(ctx)
	if change != nil {
		change(r)
	}
	return newDoorOf(ctx, r)
}

func newDoorOf(ctx SpecContext, r *rig) *door {
	GinkgoHelper()
	run := r.start(ctx).bound()
	handler, err := run.Push(bearer)
	Expect(err).NotTo(HaveOccurred())
	return &door{r, run, handler}
}

// post sends a request and returns the status and the answer.
func (d *door) post(body string, change ...func(*http.Request)) (int, map[string]string) {
	GinkgoHelper()
	request := httptest.NewRequest(http.MethodPost, trove.PushPattern, strings.NewReader(body))
	request.Header.Set("Authorization", "bearer "+bearer)                   // the scheme is case-insensitive
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl sends it by default
	for _, c := range change {
		c(request)
	}
	recorder := httptest.NewRecorder()
	d.handler.ServeHTTP(recorder, request)
	answer := map[string]string{}
	Expect(json.Unmarshal(recorder.Body.Bytes(), &answer)).To(Succeed(), recorder.Body.String())
	Expect(recorder.Header().Get("Content-Type")).To(Equal("application/json"))
	return recorder.Code, answer
}

// answered is post for a sender that sends again after 503, as it is asked to: on a busy machine an
// append can take longer than a request may.
func (d *door) answered(body string, change ...func(*http.Request)) (status int, answer map[string]string) {
	GinkgoHelper()
	Eventually(func() int {
		status, answer = d.post(body, change...)
		return status
	}).WithTimeout(patience).ShouldNot(Equal(http.StatusServiceUnavailable))
	return status, answer
}

var _ = Describe("A pushed notification", func() {
	It("is stored once, whatever its form, and its sender hears of it", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		status, answer := d.post(create)
		Expect(status).To(Equal(http.StatusAccepted))
		Expect(answer).To(HaveKeyWithValue("result", "stored"))
		for _, again := range []string{
			create, envelope(create), string(zlibbed(create)),
			string(gzipped(envelope(create))),
		} {
			status, known := d.answered(again)
			Expect(status).To(Equal(http.StatusOK))
			Expect(known).To(Equal(map[string]string{"result": "known", "id": answer["id"]}))
		}
		status, _ = d.post(string(gzipped(create)), func(r *http.Request) {
			r.Header.Set("Content-Encoding",
				"X-GZIP")
		})
		Expect(status).To(Equal(http.StatusOK))
		Expect(d.facts(ctx)).To(HaveExactElements(HaveField("ID", answer["id"])))
	})

	It("needs no broker: that none is connected says no metric", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		Expect(gauges(d.metrics)).To(And(HaveKey("daybook_trove_lag_seconds"),
			Not(HaveKey("daybook_trove_connected")), Not(HaveKey("daybook_trove_bound"))))
	})

	It("that says nothing about usage is ignored by name", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		status, answer := d.post(`{"event_type":"dbaas.quota","payload":{}}`)
		Expect(status).To(Equal(http.StatusOK))
		Expect(answer).To(Equal(map[string]string{"result": "ignored", "event_type": "dbaas.quota"}))
		Expect(d.Report().Ignored).To(HaveKeyWithValue("dbaas.quota", 1))
	})

	DescribeTable("that is wrong is refused", func(ctx SpecContext, body string, change func(*http.Request), want int,
		message string, kept bool,
	) {
		d := newDoor(ctx, nil)
		if change == nil {
			change = func(*http.Request) {}
		}
		status, answer := d.answered(body, change)
		Expect(status).To(Equal(want))
		Expect(answer["error"]).To(ContainSubstring(message))
		Expect(answer["error"]).NotTo(ContainSubstring(bearer))
		if kept {
			Expect(d.quarantined(ctx)).To(HaveExactElements(And(HaveField("ID", answer["quarantined"]),
				HaveField("File", "push"))))
		} else {
			Expect(d.quarantined(ctx)).To(BeEmpty())
		}
		Expect(d.facts(ctx)).To(BeEmpty())
	},
		Entry("no JSON", "{", nil, http.StatusBadRequest, "the line ends", true),
		Entry("a list", "["+create+"]", nil, http.StatusBadRequest, "a JSON object", true),
		Entry("nothing", "", nil, http.StatusBadRequest, "the body is empty", false),
		Entry("no notification", `{"event_type":7}`, nil, http.StatusUnprocessableEntity, "event_type", true),
		Entry("incomplete", strings.Replace(create, `"tenant_id":"t",`, "", 1), nil, http.StatusUnprocessableEntity,
			"payload.tenant_id", true),
		Entry("too large", strings.Repeat(" ", trove.MaxPush+1), nil, http.StatusRequestEntityTooLarge, "1048576 bytes",
			false),
		Entry("too large inside", string(gzipped(strings.Repeat(" ", notification.MaxBody+1))), nil,
			http.StatusUnprocessableEntity, "decompresses to more", true),
		Entry("no token", create, func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusUnauthorized,
			"Authorization: Bearer", false),
		Entry("a wrong token", create, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+bearer+"x") },
			http.StatusUnauthorized, "Authorization: Bearer", false),
		Entry("the token in another scheme", create, func(r *http.Request) { r.Header.Set("Authorization", bearer) },
			http.StatusUnauthorized, "Authorization: Bearer", false),
		Entry("another method", create, func(r *http.Request) { r.Method = http.MethodPut },
			http.StatusMethodNotAllowed, "POST", false),
		Entry("a form", "a=b", func(r *http.Request) {
			r.Header.Set("Content-Type",
				"application/x-www-form-urlencoded")
		}, http.StatusBadRequest, "a JSON object", true),
		Entry("compressed in a way that is not read", create, func(r *http.Request) {
			r.Header.Set("Content-Encoding",
				"br")
		},
			http.StatusUnsupportedMediaType, "gzip or deflate", false),
	)

	It("is to be sent again while the bus is away, and is then stored once", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		d.store.failing(func(_ string, _ []bus.Message, do func() (uint64, error)) (uint64, error) {
			_, _ = do() // refused the second time
			d.store.gone.Store(true)
			return 0, bus.ErrOutcomeUnknown // stored, and the answer lost
		})
		status, answer := d.post(create)
		Expect(status).To(Equal(http.StatusServiceUnavailable))
		Expect(answer["error"]).To(ContainSubstring("send it again"))
		d.store.failing(nil)
		d.store.gone.Store(false)
		status, _ = d.post(create)
		Expect(status).To(Or(Equal(http.StatusOK), Equal(http.StatusAccepted)))
		Expect(d.facts(ctx)).To(HaveLen(1))
	})

	It("is known when another collector was faster", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		var once atomic.Bool
		d.store.failing(func(_ string, _ []bus.Message, do func() (uint64, error)) (uint64, error) {
			if once.CompareAndSwap(false, true) {
				_, err := do() // the other one's
				Expect(err).NotTo(HaveOccurred())
			}
			return do()
		})
		status, answer := d.post(create)
		Expect(status).To(Equal(http.StatusOK))
		Expect(answer).To(HaveKeyWithValue("result", "known"))
		Expect(d.Report()).To(And(HaveField("Facts", 0), HaveField("Known", 1)))
		Expect(d.facts(ctx)).To(HaveLen(1))
	})

	It("may come with many others at once", func(ctx SpecContext) {
		scale.Long(Skip)
		const senders = 200
		d := newDoor(ctx, nil)
		answered := make(chan struct{}, senders) // one for each sender that is done
		var done sync.WaitGroup
		for i := range senders {
			done.Go(func() {
				defer GinkgoRecover()
				for {
					switch status, _ := d.post(notify(fmt.Sprint("i", i))); status {
					case http.StatusTooManyRequests:
						<-answered // others are under way: the end of one lets this one pass
					case http.StatusServiceUnavailable: // on a machine that takes seconds to store it
					default:
						answered <- struct{}{}
						Expect(status).To(Or(Equal(http.StatusAccepted), Equal(http.StatusOK)))
						return
					}
				}
			})
		}
		done.Wait()
		d.seen(ctx, numbered("i", senders)...)
	})

	It("is refused when too many are under way", func(ctx SpecContext) {
		d := newDoor(ctx, nil)
		g := newGate(d.rig)
		var all sync.WaitGroup
		var stored, sentBack atomic.Int64
		for i := range 40 {
			all.Go(func() {
				defer GinkgoRecover()
				switch status, _ := d.post(notify(fmt.Sprint("i", i))); status {
				case http.StatusAccepted:
					stored.Add(1)
				case http.StatusTooManyRequests:
					sentBack.Add(1)
				}
			})
		}
		Eventually(sentBack.Load).WithTimeout(patience).Should(Equal(int64(8)))
		g.open()
		all.Wait()
		Expect(stored.Load()).To(Equal(int64(32)))
	})

	It("moves the horizon where nothing else does, and never past the clock", func(ctx SpecContext) {
		d := newDoor(ctx, func(r *rig) { r.cfg.Settle = time.Hour })
		d.post(create)
		Eventually(func() int { return len(d.horizons(ctx)) }).WithTimeout(patience).Should(Equal(1))
		Expect(d.horizons(ctx)[0].Time).To(Equal(time.Date(2015, 6, 28, 4, 54, 57, 0, time.UTC)))
		d.post(strings.NewReplacer(`"m"`, `"n"`, "2015-06-28 05:54:57.725572", "2199-01-01 00:00:00").Replace(create))
		Eventually(func() int { return len(d.horizons(ctx)) }).WithTimeout(patience).Should(BeNumerically(">", 1))
		Expect(d.horizons(ctx)[1].Time).To(BeTemporally("~", time.Now().Add(-time.Hour), time.Minute))
	})

	It("needs a token that is long enough", func(ctx SpecContext) {
		r := newRigWithoutBroker(ctx)
		c, err := trove.New(r.cfg, trove.Deps{Store: r.store})
		Expect(err).NotTo(HaveOccurred())
		_, err = c.Push("short")
		Expect(err).To(MatchError(ContainSubstring("openssl rand")))
		handler, err := c.Push(bearer)
		Expect(err).NotTo(HaveOccurred())
		d := &door{rig: r, handler: handler}
		status, answer := d.post(create)
		Expect(status).To(Equal(http.StatusServiceUnavailable), "before Run")
		Expect(answer["error"]).To(ContainSubstring("starting"))
	})
})
