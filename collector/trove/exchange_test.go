package trove

import (
	"fmt"
	"strings"
	"time"

	"github.com/onsi/ginkgo/v2" // not by its names: Report is ours
	. "github.com/onsi/gomega"
)

// The tables below are the state machine of an exchange. "!" behind a binding means that its loss
// is not published yet; "." means that the event changes nothing; effects stand behind a "+".
const (
	bindingsMade = `
           notFound               bindRefused  intact  notIntact      attached
unseen     absent                 refused      .       unseen!+gap    bound+logBound
absent     .                      refused      .       absent!+gap    bound+logBound
refused    absent                 .            .       refused!+gap   bound+logBound
bound      .                      .            .       .              .
unbound    vanished+logVanished   barred       .       unbound!+gap   bound+logBound
vanished   .                      barred       .       vanished!+gap  bound+logBound
barred     vanished               .            .       barred!+gap    bound+logBound
unseen!    absent!                refused!     .+gap   .+gap          bound+logBound
absent!    .                      refused!     .+gap   .+gap          bound+logBound
refused!   absent!                .            .+gap   .+gap          bound+logBound
unbound!   vanished!+logVanished  barred!      .+gap   .+gap          bound+logBound
vanished!  .                      barred!      .+gap   .+gap          bound+logBound
barred!    vanished!              .            .+gap   .+gap          bound+logBound`
	bindingsLost = `
           sessionEnded  bindingGone       unroutable                 firstBeforeProof
unseen     .             .                 .+assess+logUnbound        unseen!+logHidden
absent     .             .                 .+assess+logUnbound        absent!+logHidden
refused    .             .                 .+assess+logUnbound        refused!+logHidden
bound      unbound       unbound!+logGone  unbound+assess+logUnbound  unbound!+logHidden
unbound    .             .                 .+assess+logUnbound        unbound!+logHidden
vanished   .             .                 .+assess+logUnbound        vanished!+logHidden
barred     .             .                 .+assess+logUnbound        barred!+logHidden
unseen!    .             .                 .+assess+logUnbound        .+logHidden
absent!    .             .                 .+assess+logUnbound        .+logHidden
refused!   .             .                 .+assess+logUnbound        .+logHidden
unbound!   .             .                 .+assess+logUnbound        .+logHidden
vanished!  .             .                 .+assess+logUnbound        .+logHidden
barred!    .             .                 .+assess+logUnbound        .+logHidden`
	// Of an exchange that is bound no probe is made.
	routes = `
         probedRouted  probedElsewhere  probedUnroutable  probedForbidden  probedUnknown  forbidden
through  .             .                .                 past+warnPast    .              past
past     through       through          through           .                .              nowhere+warnNowhere+assess
nowhere  through       through          through           .                .              .+assess`
	proofs = `
         sessionEnded  probedRouted  probedElsewhere  probedUnroutable  probedForbidden  probedUnknown
none     .             pending       .                .                 .                .
pending  none          .             none             none              none             none`
	arrivals = `
         proofArrived  firstBeforeProof
none     .             .
pending  none          none`
)

var (
	bindingNames = []string{"unseen", "absent", "refused", "bound", "unbound", "vanished", "barred"}
	routeNames   = []string{"through", "past", "nowhere"}
	proofNames   = []string{"none", "pending"}
	effectNames  = []string{
		"gap", "assess", "logBound", "logRefused", "logVanished", "logUnbound", "logHidden", "logGone",
		"warnPast", "warnNowhere",
	}
)

const (
	proofNumber = 7
	firstNumber = 8
)

var noon = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// exchangeEvents are all events, those with several outcomes once for each.
var exchangeEvents = map[string]event{
	"sessionEnded":     sessionEnded{},
	"found":            found{durable},
	"notFound":         notFound{attempt{at: noon, check: time.Second}},
	"bindRefused":      bindRefused{attempt{at: noon, check: time.Second}},
	"probedRouted":     probed{outcome: routed, number: proofNumber, queueExisted: true},
	"probedElsewhere":  probed{outcome: routed, number: proofNumber},
	"probedUnroutable": probed{outcome: unroutable, number: proofNumber, queueExisted: true},
	"probedForbidden":  probed{outcome: forbidden, number: proofNumber, queueExisted: true},
	"probedUnknown":    probed{outcome: unknown, number: proofNumber, queueExisted: true},
	"intact":           keysBound{intact: true},
	"notIntact":        keysBound{intact: false},
	"attached":         attached{at: noon},
	"bindingGone":      bindingGone{},
	"sent":             markerSent{firstNumber + 1},
	"routed":           markerAnswered{routed, firstNumber + 1},
	"unroutable":       markerAnswered{unroutable, firstNumber + 1},
	"forbidden":        markerAnswered{forbidden, firstNumber + 1},
	"unknown":          markerAnswered{unknown, firstNumber + 1},
	"arrived":          markerArrived{firstNumber + 1, noon},
	"proofArrived":     markerArrived{proofNumber, noon},
	"firstBeforeProof": markerArrived{firstNumber, noon},
}

// cells reads a table.
func cells(text string) table {
	lines := strings.Split(strings.TrimPrefix(text, "\n"), "\n")
	columns := strings.Fields(lines[0])
	all := table{}
	for _, line := range lines[1:] {
		fields := strings.Fields(line)
		Expect(fields).To(HaveLen(len(columns)+1), line)
		row := map[string]string{}
		for i, column := range columns {
			Expect(exchangeEvents).To(HaveKey(column))
			row[column] = fields[i+1]
		}
		all[fields[0]] = row
	}
	return all
}

// condition names the three parts of an exchange's state.
type condition struct{ binding, route, proof string }

func conditionOf(x exchange) condition {
	c := condition{binding: bindingNames[x.binding], route: routeNames[x.route], proof: proofNames[0]}
	if x.lost {
		c.binding += "!"
	}
	if x.proof != 0 {
		c.proof = proofNames[1]
	}
	return c
}

// exchanges are one exchange in each state.
func exchanges() []exchange {
	var all []exchange
	for b := range bindingNames {
		for r := range routeNames {
			for _, proof := range []uint64{0, proofNumber} {
				for _, lost := range []bool{false, true} {
					if binding(b) != bound || !lost {
						all = append(all, exchange{
							name: "trove", durability: transient, binding: binding(b), lost: lost,
							route: route(r), proof: proof, first: firstNumber,
						})
					}
				}
			}
		}
	}
	return all
}

// table is by state and event the next state and the effects.
type table map[string]map[string]string

// machine is the three tables.
type machine struct {
	bindings, proofs []table
	routes           table
}

// after is the entry of the tables for an exchange and an event.
func (m machine) after(x exchange, name string) (condition, []string) {
	before := conditionOf(x)
	after, effects := before, []string(nil)
	if _, ok := exchangeEvents[name].(attaching); ok && x.binding == bound {
		return after, nil
	}
	if name == "firstBeforeProof" && before.proof == "none" {
		return after, nil // then it is a marker like others
	}
	look := func(t table, state string, next *string) {
		cell, there := t[state][name]
		if !there {
			return
		}
		parts := strings.Split(cell, "+")
		if parts[0] != "." {
			*next = parts[0]
		}
		effects = append(effects, parts[1:]...)
	}
	for _, t := range m.bindings {
		look(t, before.binding, &after.binding)
	}
	look(m.routes, before.route, &after.route)
	if name != "proofArrived" || !x.lost { // while a loss is not published markers prove nothing
		for _, t := range m.proofs {
			look(t, before.proof, &after.proof)
		}
	}
	return after, effects
}

var _ = ginkgo.Describe("The state machine of an exchange", func() {
	ginkgo.It("has one entry in its tables for every state and event", func() {
		m := machine{
			bindings: []table{cells(bindingsMade), cells(bindingsLost)},
			proofs:   []table{cells(proofs), cells(arrivals)}, routes: cells(routes),
		}
		tried := map[condition]bool{}
		for _, x := range exchanges() {
			tried[conditionOf(x)] = true
			for name, e := range exchangeEvents {
				want, effects := m.after(x, name)
				next, got := transition(x, e)
				where := fmt.Sprintf("%s in %+v", name, conditionOf(x))
				Expect(conditionOf(next)).To(Equal(want), where)
				var names []string
				for _, f := range got {
					names = append(names, effectNames[f])
				}
				Expect(names).To(Equal(effects), where)
			}
		}
		Expect(tried).To(HaveLen(13 * 3 * 2))
	})

	ginkgo.It("leads from every state into one of the tables", func() {
		known := map[condition]bool{}
		for _, x := range exchanges() {
			known[conditionOf(x)] = true
		}
		for _, x := range exchanges() {
			for name, e := range exchangeEvents {
				next, _ := transition(x, e)
				Expect(known).To(HaveKey(conditionOf(next)), "%s in %+v", name, conditionOf(x))
			}
		}
	})

	ginkgo.It("counts a marker that arrives in every state but those with a loss that is not published", func() {
		for _, x := range exchanges() {
			next, _ := transition(x, markerArrived{firstNumber + 1, noon})
			if x.lost {
				Expect(next).To(Equal(x))
			} else {
				Expect([]time.Time{next.proven, next.current}).To(HaveEach(noon))
			}
		}
	})

	ginkgo.It("forgets with the session which markers are under way, and nothing else", func() {
		for _, x := range exchanges() {
			x.proven, x.current = noon, noon
			next, _ := transition(x, sessionEnded{})
			want := x
			want.binding = next.binding
			want.proof, want.first, want.current = 0, 0, time.Time{}
			Expect(next).To(Equal(want))
		}
	})

	ginkgo.DescribeTable("knows from when on markers prove the binding", func(lost bool, proven, horizon,
		want time.Time,
	) {
		x := exchange{binding: unbound, lost: lost, proven: proven}
		next, _ := transition(x, attached{at: noon, horizon: horizon})
		Expect(next.proven).To(Equal(want))
	},
		ginkgo.Entry("from now on behind a gap", true, noon.Add(-time.Hour), time.Time{}, noon),
		ginkgo.Entry("still from the last marker without one", false, noon.Add(-time.Hour), time.Time{},
			noon.Add(-time.Hour)),
		ginkgo.Entry("from the last horizon in a new process", false, time.Time{}, noon.Add(-time.Minute),
			noon.Add(-time.Minute)),
		ginkgo.Entry("from now on at the first collection", false, time.Time{}, time.Time{}, noon),
	)

	ginkgo.It("looks less and less often for an exchange that is missing, and reports a permission once", func() {
		x := exchange{}
		var waits []time.Duration
		var reports int
		for range 6 {
			var effects []effect
			x, effects = transition(x, notFound{attempt{noon, 5 * time.Second, "may not"}})
			waits = append(waits, x.next.Sub(noon))
			reports += len(effects)
		}
		Expect(waits).To(Equal([]time.Duration{
			5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second,
			time.Minute, time.Minute,
		}))
		Expect(reports).To(Equal(1))
		Expect(x.missing).To(Equal(noon))
		x, _ = transition(x, attached{at: noon})
		Expect(x.missing).To(BeZero())
		Expect(x.refusal).To(BeEmpty())
		Expect(x.pause).To(BeZero())
	})

	ginkgo.It("remembers the first marker behind a binding until it is sent, or has no answer", func() {
		x := exchange{binding: bound}
		for _, number := range []uint64{1, 2} {
			x, _ = transition(x, markerSent{number})
		}
		Expect(x.first).To(Equal(uint64(1)))
		x, _ = transition(x, markerAnswered{unknown, 2})
		Expect(x.first).To(Equal(uint64(1)))
		x, _ = transition(x, markerAnswered{unknown, 1})
		Expect(x.first).To(BeZero())
	})

	ginkgo.DescribeTable("takes the binding for intact", func(o outcome, queueExisted bool, d durability, want bool) {
		Expect(intact(o, queueExisted, d)).To(Equal(want))
	},
		ginkgo.Entry("when the marker went to our queue", routed, true, transient, true),
		ginkgo.Entry("not when it went to another, for ours is new", routed, false, durable, false),
		ginkgo.Entry("not when it came back", unroutable, true, durable, false),
		ginkgo.Entry("without a marker, when the exchange is durable", forbidden, true, durable, true),
		ginkgo.Entry("not without a marker, when it goes with the broker", forbidden, true, transient, false),
		ginkgo.Entry("not without a marker, when its durability is unknown", unknown, true, undetermined, false),
		ginkgo.Entry("not without a marker, when our queue is new", unknown, false, durable, false),
	)

	ginkgo.DescribeTable("declares a missing exchange", func(declare, seen, want durability) {
		Expect((&exchange{declare: declare, durability: seen}).declarable()).To(Equal(want))
	},
		ginkgo.Entry("as it is told", durable, transient, durable),
		ginkgo.Entry("as it was seen", noExchange, transient, transient),
		ginkgo.Entry("not when it was never seen", noExchange, noExchange, noExchange),
		ginkgo.Entry("not when its durability is unknown", noExchange, undetermined, noExchange),
	)
})
