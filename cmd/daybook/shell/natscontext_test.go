package shell_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
)

// contexts makes a folder of the nats CLI's contexts; one of them is selected.
func contexts(t *testing.T, selected string, files map[string]string) (home string) {
	t.Helper()
	home = t.TempDir()
	folder := filepath.Join(home, ".config", "nats", "context")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(folder, name+".json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if selected != "" {
		if err := os.WriteFile(filepath.Join(folder, "..", "context.txt"), []byte(selected+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", "")
	return home
}

// connected tells how a command line connects.
func connected(t *testing.T, args ...string) string {
	t.Helper()
	var flags struct{ shell.NATS }
	parser, err := kong.New(&flags, kong.Vars{"nats_url": shell.DefaultURL, "room_wait": "1m"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		return err.Error()
	}
	cfg, err := flags.Config()
	if err != nil {
		return err.Error()
	}
	text := cfg.URL
	for _, x := range []struct{ name, value string }{
		{"user", cfg.User},
		{"password", cfg.Password},
		{"token", cfg.Token},
		{"creds", cfg.CredsFile},
		{"ca", cfg.CAFile},
		{"cert", cfg.CertFile},
		{"key", cfg.KeyFile},
	} {
		if x.value != "" {
			text += fmt.Sprintf(" %s=%s", x.name, x.value)
		}
	}
	return text
}

func TestContextsOfTheNATSCLI(t *testing.T) {
	home := contexts(t, "prod", map[string]string{
		"prod": `{"name":"prod","description":"","url":"tls://nats.example:4222","socks_proxy":"","token":"",` +
			`"user":"reader","password":"secret","creds":"","nkey":"","cert":"","key":"","ca":"~/ca.pem","nsc":"",` +
			`"jetstream_domain":"","user_jwt":"","tls_first":false,"later":{"a":1}}`,
		"token": `{"url":"nats://a:4222,nats://b:4222","token":"t0"}`,
		"creds": `{"url":"nats://a:4222","creds":"file://$FOLDER/user.creds","cert":"c.pem","key":"k.pem"}`,
	})
	t.Setenv("FOLDER", "/creds")
	const prod = "tls://nats.example:4222 user=reader password=secret ca="
	for _, x := range []struct{ args, want string }{
		{"", "nats://127.0.0.1:4222"},
		{"--nats nats://c:1", "nats://c:1"},
		{"--context prod", prod + home + "/ca.pem"},
		{"--context", prod + home + "/ca.pem"},
		{"--context --replicas 3", prod + home + "/ca.pem"},
		{"--context=token", "nats://a:4222,nats://b:4222 token=t0"},
		{"--context creds", "nats://a:4222 creds=/creds/user.creds cert=c.pem key=k.pem"},
		{"--context prod --nats nats://127.0.0.1:4222", "nats://127.0.0.1:4222 user=reader password=secret ca=" + home +
			"/ca.pem"},
		{"--context prod --nats-user u --nats-password p --nats-ca x", "tls://nats.example:4222 user=u " +
			"password=p ca=x"},
		{"--context token --creds f", "nats://a:4222,nats://b:4222 creds=f"},
		{"--context creds --nats-cert c --nats-key k", "nats://a:4222 creds=/creds/user.creds cert=c key=k"},
	} {
		if got := connected(t, strings.Fields(x.args)...); got != x.want {
			t.Errorf("%q connects to\n%s, not\n%s", x.args, got, x.want)
		}
	}
	t.Setenv("NATS_CONTEXT", "token")
	if got := connected(t); !strings.Contains(got, "token=t0") {
		t.Errorf("NATS_CONTEXT connects to %s", got)
	}
	if got := connected(t, "--context", "prod"); !strings.HasPrefix(got, prod) {
		t.Errorf("--context does not win over NATS_CONTEXT: %s", got)
	}
	t.Setenv("NATS_CONTEXT", "")
	if got := connected(t); got != shell.DefaultURL {
		t.Errorf("an empty NATS_CONTEXT connects to %s", got)
	}
}

func TestContextsThatAreNotSupported(t *testing.T) {
	contexts(t, "", map[string]string{
		"nkey":   `{"url":"nats://a","nkey":"/user.nk"}`,
		"proxy":  `{"url":"nats://a","socks_proxy":"socks5://x"}`,
		"domain": `{"url":"nats://a","jetstream_domain":"hub"}`,
		"first":  `{"url":"nats://a","tls_first":true}`,
		"vault":  `{"url":"nats://a","user":"u","password":"op://vault/nats/password"}`,
		"torn":   `{"url":`,
	})
	for name, want := range map[string]string{
		"nkey": "has nkey", "proxy": "has socks_proxy", "domain": "has jetstream_domain", "first": "has tls_first",
		"vault": "password of the context", "torn": "torn.json", "none": "nats context ls", "../x": "takes a name",
	} {
		if got := connected(t, "--context", name); !strings.Contains(got, want) || strings.Contains(got, "op://") {
			t.Errorf("%s is answered with %q", name, got)
		}
	}
	if got := connected(t, "--context"); !strings.Contains(got, "nats context select") {
		t.Errorf("without a selected context: %s", got)
	}
}
