package deploy_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"go.yaml.in/yaml/v3"
)

type composeFile struct {
	Services map[string]struct {
		Image       string
		Command     []string
		Environment map[string]string
		Volumes     []string
		Ports       []string
		User        string
		ReadOnly    bool     `yaml:"read_only"`
		CapDrop     []string `yaml:"cap_drop"`
		SecurityOpt []string `yaml:"security_opt"`
		Build       struct{ Context, Dockerfile string }
	}
	Volumes map[string]any
}

// services are the subcommands of daybook that run as services.
var services = map[string]string{
	"collector": "collect file", "collector-cf": "collect cf", "collector-trove": "collect trove",
	"projector": "project", "pricer": "price", "api": "serve", "ledger": "ledger",
	"reconciler": "reconcile serve",
}

func readCompose() composeFile {
	GinkgoHelper()
	text, err := os.ReadFile("compose.yaml")
	Expect(err).NotTo(HaveOccurred())
	var c composeFile
	Expect(yaml.Unmarshal(text, &c)).To(Succeed())
	return c
}

var _ = Describe("The compose file", func() {
	It("runs the server and every service, without rights and closed to other machines", func() {
		c := readCompose()
		Expect(c.Services).To(HaveLen(len(services) + 2)) // and nats, postgres
		for name, s := range c.Services {
			Expect(s.ReadOnly).To(BeTrue(), name)
			Expect(s.CapDrop).To(Equal([]string{"ALL"}), name)
			Expect(s.SecurityOpt).To(Equal([]string{"no-new-privileges:true"}), name)
			for _, port := range s.Ports {
				Expect(port).To(HavePrefix("127.0.0.1:"), name)
			}
		}
		Expect(c.Services["nats"].Environment).To(HaveLen(len(variables)))
		for name := range variables {
			Expect(c.Services["nats"].Environment).To(HaveKey(name))
		}
	})

	It("names files, volumes and variables that exist", func() {
		c := readCompose()
		example := readEnvironment("compose.env.example")
		asked := map[string]bool{}
		for name, s := range c.Services {
			if s.Build.Dockerfile != "" {
				Expect(filepath.Join(s.Build.Context, s.Build.Dockerfile)).To(BeAnExistingFile(), name)
			}
			for _, volume := range s.Volumes {
				source, _, _ := strings.Cut(volume, ":")
				switch {
				case strings.HasPrefix(source, "."):
					Expect(source).To(BeAnExistingFile(), name)
				case !strings.HasPrefix(source, "$"):
					Expect(c.Volumes).To(HaveKey(source), name)
				}
			}
		}
		text, err := os.ReadFile("compose.yaml")
		Expect(err).NotTo(HaveOccurred())
		for _, match := range regexp.MustCompile(`\$\{(\w+):\?`).FindAllStringSubmatch(string(text), -1) {
			asked[match[1]] = true
			Expect(example).To(HaveKey(match[1]))
		}
		Expect(asked).To(HaveLen(len(example)), "the example sets what compose.yaml does not use")
	})

	It("builds an image whose sources and base exist, that is not root's", func() {
		text, err := os.ReadFile("Dockerfile")
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(MatchRegexp(`(?m)^USER [1-9][0-9]*:[1-9][0-9]*$`))
		for _, match := range regexp.MustCompile(`(?m)^COPY ([^-].*) \S+$`).FindAllStringSubmatch(string(text), -1) {
			for _, source := range strings.Fields(match[1]) {
				_, err := os.Stat(filepath.Join("..", source))
				Expect(err).NotTo(HaveOccurred())
			}
		}
		module, err := os.ReadFile("../go.mod")
		Expect(err).NotTo(HaveOccurred())
		version := regexp.MustCompile(`(?m)^go (1\.[0-9]+)`).FindSubmatch(module)
		Expect(string(text)).To(ContainSubstring("FROM golang:" + string(version[1]) + "-"))
	})
})

var _ = Describe("The commands that the units and the compose file run", Ordered, func() {
	var program string

	BeforeAll(func() {
		var err error
		program, err = daybook()
		Expect(err).NotTo(HaveOccurred())
	})

	commands := map[string][][]string{}

	BeforeEach(func() {
		c := readCompose()
		for name := range services {
			start := readUnit("systemd/daybook-" + name + ".service")["[Service] ExecStart"]
			Expect(start).To(HaveLen(1))
			fields := strings.Fields(strings.ReplaceAll(start[0], "$DAYBOOK_FILES", "a.jsonl b.jsonl"))
			Expect(fields[0]).To(Equal("/usr/local/bin/daybook"))
			commands[name] = [][]string{fields[1:], c.Services[name].Command}
		}
	})

	for name := range services {
		It("are known to daybook: "+name, func(ctx context.Context) {
			for _, arguments := range commands[name] {
				Expect(strings.Join(arguments, " ")).To(HavePrefix(services[name]))
				command := exec.CommandContext(ctx, program, arguments...)
				// No service waits for an address that is none of NATS.
				command.Env = append(os.Environ(), "NATS_URL=http://127.0.0.1:1", "AMQP_URL=amqp://127.0.0.1:1/",
					"DATABASE_URL=postgres://127.0.0.1:1/daybook")
				output, err := command.CombinedOutput()
				var exit *exec.ExitError
				Expect(errors.As(err, &exit)).To(BeTrue(), string(output))
				// 2 would be a wrong command line; 1 is the wrong address.
				Expect(exit.ExitCode()).To(Equal(1), string(output))
				Expect(string(output)).To(ContainSubstring("connecting to NATS"))
			}
		})

		It("read the variables that they are given: "+name, func(ctx context.Context) {
			help, err := exec.CommandContext(ctx, program, append(strings.Fields(services[name]),
				"--help")...).CombinedOutput()
			Expect(err).NotTo(HaveOccurred(), string(help))
			given := readEnvironment("systemd/" + name + ".env.example")
			delete(given, "DAYBOOK_FILES") // read by the unit itself
			var names []string
			for variable := range given {
				names = append(names, variable)
			}
			for variable := range readCompose().Services[name].Environment {
				names = append(names, variable)
			}
			slices.Sort(names)
			for _, variable := range slices.Compact(names) {
				Expect(string(help)).To(ContainSubstring("$" + variable))
			}
		})
	}
})
