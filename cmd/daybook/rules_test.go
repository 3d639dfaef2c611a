package main

import (
	"log/slog"
	"os"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/quarantine"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/internal/stage"
	"github.com/daybook-billing/daybook/ledger"
	"github.com/daybook-billing/daybook/ledger/memory"
	"github.com/daybook-billing/daybook/pricer"
	"github.com/daybook-billing/daybook/projector"
	reconciling "github.com/daybook-billing/daybook/reconcile/service"
)

// exported are the names of the metrics of all services, but for those of the Go runtime.
func exported() []string {
	GinkgoHelper()
	books, log := memory.New(), slog.New(slog.DiscardHandler)
	answers, err := api.New(api.Config{Address: "127.0.0.1:0"}, api.Deps{
		Reader: memory.NewReader(books, nil), Log: log,
	})
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, c := range []prometheus.Collector{
		cf.NewMetrics(), trove.NewMetrics("dbaas"), stage.NewMetrics("projector"), projector.NewMetrics(),
		reconciling.NewMetrics(), pricer.NewMetrics(), quarantine.NewGauge(),
		shell.NewRoomGauge(func() float64 { return 0 }),
		ledger.NewPoster(nil, books, log), answers.Metrics(),
	} {
		all := make(chan *prometheus.Desc)
		go func() {
			c.Describe(all)
			close(all)
		}()
		for d := range all {
			names = append(names, regexp.MustCompile(`fqName: "(\w+)"`).FindStringSubmatch(d.String())[1])
		}
	}
	return names
}

// expectCommands expects that every command that a text names exists: its first words are one, and
// words of the sentence may follow.
func expectCommands(text string) (commands int) {
	GinkgoHelper()
	for _, named := range regexp.MustCompile(`daybook ((?:[a-z]+ ?)+)`).FindAllStringSubmatch(text, -1) {
		commands++
		words := strings.Fields(named[1])
		status, out := 2, strings.Builder{}
		for n := len(words); n > 0 && status != 0; n-- {
			out.Reset()
			status = run(append(words[:n:n], "--help"), strings.NewReader(""), &out, &out)
		}
		Expect(status).To(BeZero(), "%s: %s", named[0], out.String())
		Expect(out.String()).To(ContainSubstring("Usage: daybook " + words[0]))
	}
	return commands
}

var _ = Describe("The alert rules in deploy/prometheus", func() {
	type rule struct {
		Alert       string
		Expr        string
		Labels      map[string]string
		Annotations map[string]string
	}
	var rules struct{ Groups []struct{ Rules []rule } }
	var tests struct {
		Tests []struct {
			AlertRuleTest []struct {
				AlertName string `yaml:"alertname"`
				ExpAlerts []any  `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
		}
	}
	read := func(name string, into any) {
		GinkgoHelper()
		text, err := os.ReadFile("../../deploy/prometheus/" + name)
		Expect(err).NotTo(HaveOccurred())
		Expect(yaml.Unmarshal(text, into)).To(Succeed())
	}
	BeforeEach(func() {
		read("daybook.rules.yaml", &rules)
		read("daybook.test.yaml", &tests)
		Expect(rules.Groups).To(HaveLen(1))
		Expect(rules.Groups[0].Rules).NotTo(BeEmpty())
	})

	It("name metrics that Daybook exports", func() {
		known := exported()
		for _, r := range rules.Groups[0].Rules {
			for _, name := range regexp.MustCompile(`daybook_\w+`).FindAllString(r.Expr, -1) {
				Expect(known).To(ContainElement(BeElementOf(name, strings.TrimSuffix(name, "_count"))), r.Alert)
			}
		}
	})

	It("say how urgent they are, and name commands that exist", func() {
		commands := 0
		for _, r := range rules.Groups[0].Rules {
			Expect(r.Labels["severity"]).To(BeElementOf("page", "ticket"), r.Alert)
			Expect(r.Annotations["summary"]).NotTo(BeEmpty(), r.Alert)
			commands += expectCommands(r.Annotations["description"])
		}
		Expect(commands).To(BeNumerically(">", 5))
	})

	It("are each shown firing and not firing", func() {
		fires, quiet := map[string]bool{}, map[string]bool{}
		for _, t := range tests.Tests {
			for _, a := range t.AlertRuleTest {
				fires[a.AlertName] = fires[a.AlertName] || len(a.ExpAlerts) > 0
				quiet[a.AlertName] = quiet[a.AlertName] || len(a.ExpAlerts) == 0
			}
		}
		for _, r := range rules.Groups[0].Rules {
			Expect(fires[r.Alert]).To(BeTrue(), "%s firing", r.Alert)
			Expect(quiet[r.Alert]).To(BeTrue(), "%s not firing", r.Alert)
		}
	})
})
