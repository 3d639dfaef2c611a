package arch_test

import (
	"maps"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/daybook-billing/daybook/internal/lab/arch"
)

const (
	ours = `"github.com/daybook-billing/daybook/`
	doc  = "// Package p is documented.\npackage p\n"
)

func check(sources map[string]string) []string {
	GinkgoHelper()
	var files []arch.File
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		f, err := arch.Parse(name, []byte(sources[name]))
		Expect(err).NotTo(HaveOccurred())
		files = append(files, f)
	}
	return arch.Check(files)
}

var _ = DescribeTable("One file is refused",
	func(name, source, complaint string) {
		Expect(check(map[string]string{name: doc + source})).To(ContainElement(ContainSubstring(complaint)))
	},
	Entry("a service that imports another", "collector/cf/api.go", `import _ `+ours+`projector"`,
		"services never import each other"),
	Entry("a service that imports a part of another", "collector/x.go", `import _ `+ours+`pricer/catalogue"`,
		"services never import each other"),
	Entry("a file of the projector that reads prices", "projector/config.go", `import _ `+ours+`pricer/catalogue"`,
		"services never import each other"),
	Entry("a judge of catalogues that reads more of the pricer", "projector/act.go", `import _ `+ours+`pricer/rating"`,
		"services never import each other"),
	Entry("a service's test that imports another", "pricer/x_test.go", `import _ `+ours+`projector"`,
		"services never import each other"),
	Entry("an API that imports a collector", "api/api.go", `import _ `+ours+`collector/cf"`,
		"services never import each other"),
	Entry("an API that imports the projector", "api/api.go", `import _ `+ours+`projector"`,
		"services never import each other"),
	Entry("an API that imports the running pricer", "api/api.go", `import _ `+ours+`pricer"`,
		"services never import each other"),
	Entry("a service that imports the ledger", "projector/x.go", `import _ `+ours+`ledger"`,
		"only the API and commands read the ledger"),
	Entry("a service's test that imports a ledger", "pricer/x_test.go", `import _ `+ours+`ledger/memory"`,
		"only the API and commands read the ledger"),
	Entry("the bus that knows the ledger", "internal/bus/x.go", `import _ `+ours+`ledger"`,
		"only the API and commands read the ledger"),
	Entry("the ledger that imports a service", "ledger/x.go", `import _ `+ours+`pricer/rating"`, "depends on none"),
	Entry("events with an import of ours", "events/x.go", `import _ `+ours+`internal/service"`,
		"events imports nothing of ours"),
	Entry("the stage contract that knows a stage", "internal/stage/x.go", `import _ `+ours+`projector"`,
		"depends on none"),
	Entry("the bus that knows a service", "internal/bus/x.go", `import _ `+ours+`pricer"`, "depends on none"),
	Entry("NATS outside the bus", "collector/x.go", `import "github.com/nats-io/nats.go/jetstream"`,
		"only internal/bus knows NATS"),
	Entry("NATS in a test outside the bus", "internal/stage/x_test.go",
		`import "github.com/nats-io/nats-server/v2/server"`, "only internal/bus knows NATS"),
	Entry("the batch extension outside the bus", "cmd/daybook/up.go",
		`import "github.com/synadia-io/orbit.go/jetstreamext"`, "only internal/bus knows NATS"),
	Entry("NATS in a folder that only sounds like the bus", "internal/bushel/x.go",
		`import "github.com/nats-io/nats.go"`, "only internal/bus knows NATS"),
	Entry("acts with flags", "acts/x.go", `import _ "github.com/alecthomas/kong"`, "are the caller's"),
	Entry("acts with a service", "acts/x.go", `import _ `+ours+`pricer"`, "depends on none"),
	Entry("acts with the ledger", "acts/x.go", `import _ `+ours+`ledger"`, "only the API and commands"),
	Entry("an import of the command", "internal/lab/sim/x.go", `import _ `+ours+`cmd/daybook"`, "never the other way"),

	Entry("a simulator that asks the code that it judges", "internal/lab/sim/x.go", `import _ `+ours+`pricer"`,
		"never from the code that it judges"),
	Entry("a service that imports the lab", "projector/x.go", `import _ `+ours+`internal/lab/sim"`,
		"production code imports nothing of internal/lab"),
	Entry("a command that simulates by the way", "cmd/daybook/billing/bill.go", `import _ `+ours+`internal/lab/sim"`,
		"production code imports nothing of internal/lab"),
	Entry("the demo with more than the demo", "cmd/daybook/up.go", `import _ `+ours+`internal/lab/cc"`,
		"production code imports nothing of internal/lab"),

	Entry("a pure file with the network", "projector/meter.go", `import "net/http"`, "does no I/O"),
	Entry("a pure file with SQL", "pricer/rating/rate.go", `import "database/sql"`, "does no I/O"),
	Entry("a pure file with files", "events/x.go", `import "os"`, "does no I/O"),
	Entry("a pure file with logs", "pricer/formula/x.go", `import "log/slog"`, "does no I/O"),
	Entry("a pure file with random numbers", "pricer/catalogue/x.go", `import "math/rand/v2"`,
		"draws no random numbers"),
	Entry("a pure file with the stage", "projector/meter.go", `import _ `+ours+`internal/stage"`, "only pure packages "+
		"of ours"),
	Entry("a pure file that asks the clock", "projector/meter.go", "import \"time\"\nvar t = time.Now()",
		"uses time.Now"),
	Entry("a pure file that asks it under another name", "projector/meter.go", "import clock \"time\"\nvar t = "+
		"clock.Since", "uses clock.Since"),
	Entry("a pure file that asks it under no name", "pricer/rating/rate.go", "import . \"time\"\nvar t = Now()",
		`under the name "."`),
	Entry("a pure file that waits", "pricer/rating/rate.go", "import \"time\"\nfunc f() { <-time.After(1) }",
		"uses time.After"),
	Entry("a pure file that draws an id", "events/x.go", "import \"github.com/google/uuid\"\nvar id = uuid.NewString()",
		"uses uuid.NewString"),
	Entry("a pure file that starts a goroutine", "pricer/rating/rate.go", "func f() { go f() }", "starts a goroutine"),
	Entry("a new file in a pure folder", "projector/unheard_of.go", `import "os"`, "does no I/O"),
	Entry("the words of a reconciliation with the clock", "reconcile/x.go", "import \"time\"\nvar t = time.Now()",
		"uses time.Now"),
	Entry("a pure package with an inspector", "reconcile/foreman/x.go", `import _ `+ours+`reconcile/inspector/trove"`,
		"only pure packages"),
	Entry("a platform with the clock", "projector/cf/x.go", "import \"time\"\nvar t = time.Now()", "uses time.Now"),
	Entry("a platform that knows another", "projector/trove/x.go", `import _ `+ours+`projector/cf"`,
		"knows events, projector/timeline and what is below it only"),
	Entry("a platform that knows a part of another", "projector/trove/x.go", `import _ `+ours+`projector/cf/order"`,
		"knows events, projector/timeline and what is below it only"),
)

var _ = DescribeTable("One file is accepted",
	func(name, source string) {
		start := doc
		if strings.HasSuffix(name, ".pb.go") {
			start = "// Code generated by protoc-gen-go. DO NOT EDIT.\n\npackage p\n"
		}
		Expect(check(map[string]string{name: start + source})).To(BeEmpty())
	},
	Entry("the bus with NATS", "internal/bus/server.go", `import "github.com/nats-io/nats-server/v2/server"`),
	Entry("the bus's helpers with NATS", "internal/bus/bustest/x_test.go", `import "github.com/nats-io/nats.go"`),
	Entry("the simulation with the simulator", "cmd/daybook/offline/simulate.go", `import _ `+ours+`internal/lab/sim"`),
	Entry("a platform with a part of its own", "projector/cf/x.go", `import _ `+ours+`projector/cf/order"`),
	Entry("a test with the lab", "projector/x_test.go", `import _ `+ours+`internal/lab/sim"`),
	Entry("a part of a service that imports its own service", "collector/redact/x.go", `import _ `+ours+`collector"`),
	Entry("an API that reads the ledger", "api/paas/bill.go", `import (_ `+ours+`ledger"; _ `+ours+`ledger/memory")`),
	Entry("an API that shows prices", "api/paas/bill.go",
		`import (_ `+ours+`pricer/catalogue"; _ `+ours+`pricer/rating")`),
	Entry("a command with its printing", "cmd/daybook/billing/bill.go", `import _ `+ours+`cmd/daybook/print"`),
	Entry("a command with the ledger", "cmd/daybook/billing/bill.go", `import _ `+ours+`ledger"`),
	Entry("an API that publishes an act", "api/paas/holds.go", `import _ `+ours+`acts"`),
	Entry("acts with the bus", "acts/x.go", `import (_ `+ours+`events"; _ `+ours+`internal/bus")`),
	Entry("the ledger with the bus", "ledger/poster.go", `import _ `+ours+`internal/bus"`),
	Entry("a command with all services", "cmd/daybook/up.go", `import (_ `+ours+`collector"; _ `+ours+`pricer")`),
	Entry("a pure package with times", "pricer/formula/x.go", "import \"time\"\nvar t = time.Unix(0, "+
		"0).Add(time.Hour)"),
	Entry("a method that is called Now", "pricer/formula/x.go", "type c struct{}\nfunc (c) Now() {}\nvar x c\nfunc "+
		"f() { x.Now() }"),
	Entry("the clock in a test of a pure package", "events/x_test.go", "import \"time\"\nvar t = time.Now()"),
	Entry("a pure package with the words of a reconciliation", "reconcile/foreman/x.go", `import _ `+ours+`reconcile"`),
	Entry("a catalogue with YAML and URLs", "pricer/catalogue/x.go", "import (_ \"go.yaml.in/yaml/v3\"; _ "+
		"\"net/url\"; _ "+ours+"pricer/formula\")"),
	Entry("generated code without a package comment", "proto/daybook/v1/x.pb.go", ""),
	Entry("an impure package", "internal/service/x.go", `import "net/http"`),
)

var _ = Describe("A service folder", func() {
	complete := func() map[string]string {
		return map[string]string{
			"pricer/doc.go":    doc,
			"pricer/config.go": "package p\ntype Config struct{}",
			"pricer/pricer.go": "package p\nimport \"context\"\ntype Pricer struct{}\nfunc New(cfg Config, log any) " +
				"(*Pricer, error) { return nil, nil }\nfunc (p *Pricer) Run(ctx context.Context) error { return nil }",
		}
	}

	It("is accepted with its contract, settings, constructor and loop", func() {
		Expect(check(complete())).To(BeEmpty())
	})

	DescribeTable("is refused without one of them", func(name, replacement, complaint string) {
		sources := complete()
		delete(sources, name)
		if replacement != "" {
			sources[name] = replacement
		}
		Expect(check(sources)).To(ContainElement(ContainSubstring(complaint)))
	},
		Entry("contract", "pricer/doc.go", "", "pricer: has no doc.go"),
		Entry("settings", "pricer/config.go", "", "pricer: has no config.go"),
		Entry("constructor", "pricer/pricer.go", "package p\nfunc New() {}", "pricer: has no New(Config"),
		Entry("loop", "pricer/pricer.go", "package p\nfunc Run() {}", "pricer: has no .Run(context.Context) error"),
		Entry("doc comment", "pricer/doc.go", "package p", "pricer: has no package comment"),
	)

	It("has its loops in folders of their own where there are several", func() {
		Expect(check(map[string]string{"collector/doc.go": doc, "collector/errors.go": "package p"})).To(BeEmpty())
		Expect(check(map[string]string{"collector/doc.go": doc, "collector/file/doc.go": doc})).To(ConsistOf(
			ContainSubstring("collector/file: has no config.go"), ContainSubstring("collector/file: has no New(Config"),
			ContainSubstring("collector/file: has no .Run(context.Context) error")))
	})
})
