package deploy_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// unit is a systemd unit: the values of each directive, in order, by "[Section] Directive".
type unit map[string][]string

func readUnit(name string) unit {
	GinkgoHelper()
	text, err := os.ReadFile(name)
	Expect(err).NotTo(HaveOccurred())
	u, section := unit{}, ""
	for _, line := range strings.Split(string(text), "\n") {
		switch {
		case line == "", strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "["):
			section = line
		default:
			key, value, ok := strings.Cut(line, "=")
			Expect(ok).To(BeTrue(), "%s: %q is neither a section nor a directive", name, line)
			u[section+" "+key] = append(u[section+" "+key], value)
		}
	}
	return u
}

// readEnvironment reads a file of NAME=value lines.
func readEnvironment(name string) map[string]string {
	GinkgoHelper()
	file, err := os.Open(name)
	Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	variables := map[string]string{}
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if line := lines.Text(); line != "" && !strings.HasPrefix(line, "#") {
			key, value, ok := strings.Cut(line, "=")
			Expect(ok).To(BeTrue(), "%s: %q sets nothing", name, line)
			variables[key] = value
		}
	}
	return variables
}

var _ = Describe("The systemd units", func() {
	hardened := map[string]string{
		"DynamicUser": "yes", "NoNewPrivileges": "yes", "CapabilityBoundingSet": "", "ProtectSystem": "strict",
		"ProtectHome": "yes",
		"PrivateTmp":  "yes", "PrivateDevices": "yes", "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
		"MemoryDenyWriteExecute": "yes",
		"Restart":                "on-failure",
	}

	DescribeTable("restart their service, stop it gently and give it no rights", func(name, environment, stop string) {
		u := readUnit("systemd/" + name + ".service")
		for directive, value := range hardened {
			Expect(u["[Service] "+directive]).To(Equal([]string{value}), directive)
		}
		Expect(u["[Service] KillSignal"]).To(Equal([]string{stop}))
		Expect(u["[Service] TimeoutStopSec"]).To(ConsistOf(MatchRegexp(`^[0-9]+s$`)))
		Expect(u["[Service] EnvironmentFile"]).To(Equal([]string{"/etc/daybook/" + environment + ".env"}))
		Expect("systemd/" + environment + ".env.example").To(BeAnExistingFile())
		Expect(u["[Install] WantedBy"]).To(Equal([]string{"multi-user.target"}))
	},
		Entry(nil, "daybook-collector", "collector", "SIGTERM"),
		Entry(nil, "daybook-collector-cf", "collector-cf", "SIGTERM"),
		Entry(nil, "daybook-collector-trove", "collector-trove", "SIGTERM"),
		Entry(nil, "daybook-projector", "projector", "SIGTERM"),
		Entry(nil, "daybook-pricer", "pricer", "SIGTERM"),
		Entry(nil, "daybook-api", "api", "SIGTERM"),
		Entry(nil, "daybook-reconciler", "reconciler", "SIGTERM"),
		Entry(nil, "daybook-ledger", "ledger", "SIGTERM"),
		Entry(nil, "nats-server", "nats-server", "SIGUSR2"),
	)

	It("pass systemd's own check", func(ctx context.Context) {
		analyze, err := exec.LookPath("systemd-analyze")
		if err != nil {
			Skip("systemd-analyze is not installed; the directives above are checked all the same")
		}
		units, err := filepath.Glob("systemd/*.service")
		Expect(err).NotTo(HaveOccurred())
		Expect(units).To(HaveLen(len(services) + 1)) // and nats-server
		folder := GinkgoT().TempDir()
		arguments := []string{"verify", "--man=no"}
		for _, name := range units {
			text, err := os.ReadFile(name)
			Expect(err).NotTo(HaveOccurred())
			// The check wants the programs installed; a machine for tests has none.
			text = regexp.MustCompile(`/usr/local/bin/(daybook|nats-server)`).ReplaceAll(text, []byte("/bin/true"))
			copied := filepath.Join(folder, filepath.Base(name))
			Expect(os.WriteFile(copied, text, 0o600)).To(Succeed())
			arguments = append(arguments, copied)
		}
		output, err := exec.CommandContext(ctx, analyze, arguments...).CombinedOutput()
		if err != nil && regexp.MustCompile(`(?i)Failed to (initialize|create|set up)`).Match(output) {
			Skip("systemd-analyze cannot run here: " + string(output))
		}
		Expect(err).NotTo(HaveOccurred(), string(output))
		Expect(string(output)).NotTo(ContainSubstring("nats-server.service:"))
		Expect(string(output)).NotTo(ContainSubstring("daybook-"))
	})

	It("leave no password in the examples that a server would take", func() {
		for name, value := range readEnvironment("systemd/nats-server.env.example") {
			Expect(variables).To(HaveKey(name))
			if strings.HasSuffix(name, "_PASSWORD") {
				Expect(value).To(BeEmpty(), name)
			}
		}
		Expect(readEnvironment("systemd/nats-server.env.example")).To(HaveLen(len(variables)))
	})
})
