package shell

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/internal/bus"
)

// Context is a context of the nats CLI: a server with its credentials, in a file below
// $XDG_CONFIG_HOME/nats, by default ~/.config/nats. The zero value is none.
type Context struct {
	name     string
	selected bool // the choice of nats context select
}

// Decode implements kong.MapperValue. A flag without a name, before another flag or at the end, is
// the selected context.
func (c *Context) Decode(ctx *kong.DecodeContext) error {
	next := ctx.Scan.Peek()
	if next.IsEOL() || next.Type != kong.FlagValueToken && strings.HasPrefix(next.String(), "-") {
		*c = Context{selected: true}
		return nil
	}
	*c = Context{name: ctx.Scan.Pop().String()}
	return nil
}

// natsContext is the relevant part of a context's file. The nats CLI writes the others,
// too: empty ones say nothing.
type natsContext struct {
	URL      string `json:"url"`
	Token    string `json:"token"`
	User     string `json:"user"`
	Password string `json:"password"`
	Creds    string `json:"creds"`
	CA       string `json:"ca"`
	Cert     string `json:"cert"`
	Key      string `json:"key"`
}

// unsupported are the settings without which a context's server is not reached, or reached as
// somebody else, and that are not supported.
func unsupported() []string {
	return []string{
		"nkey", "nsc", "user_jwt", "user_seed", "socks_proxy", "tls_first", "jetstream_domain", "jetstream_api_prefix",
		"inbox_prefix", "windows_cert_store",
	}
}

// maxContext is how many bytes the file of a context has at the most.
const maxContext = 1 << 20

// config are the settings of the flags, and where they say nothing those of the context.
// Credentials, and a client certificate with its key, come from one of the two.
func (f *NATS) config() (bus.Config, error) {
	cfg := bus.Config{
		URL: f.URL, CredsFile: f.Creds, User: f.User, Password: f.Password, CAFile: f.CA, CertFile: f.Cert,
		KeyFile: f.Key, Replicas: f.Replicas, RoomWait: f.RoomWait, Appends: f.appends, Feed: f.feed,
	}
	if f.Context != (Context{}) {
		x, err := f.Context.read()
		if err != nil {
			return cfg, err
		}
		cfg.URL, cfg.CAFile = cmp.Or(cfg.URL, x.URL), cmp.Or(cfg.CAFile, x.CA)
		if f.Creds+f.User+f.Password == "" {
			cfg.CredsFile, cfg.User, cfg.Password, cfg.Token = x.Creds, x.User, x.Password, x.Token
		}
		if f.Cert+f.Key == "" {
			cfg.CertFile, cfg.KeyFile = x.Cert, x.Key
		}
	}
	cfg.URL = cmp.Or(cfg.URL, DefaultURL)
	return cfg, nil
}

// DefaultURL is the server without a flag and a context.
const DefaultURL = "nats://" + bus.DefaultListen

// read reads the context. Paths in it have ~ and variables replaced, as the nats CLI does.
func (c *Context) read() (x natsContext, err error) {
	folder, err := natsFolder()
	if err != nil {
		return x, err
	}
	if c.selected {
		text, err := readSome(filepath.Join(folder, "context.txt"))
		if c.name = strings.TrimSpace(string(text)); c.name == "" {
			return x, errors.Join(errors.New("no context is selected: nats context select chooses one, and --context "+
				"takes a name"), notMissing(err))
		}
	}
	if strings.ContainsAny(c.name, `/\`) || strings.Contains(c.name, "..") {
		return x, fmt.Errorf("--context takes a name of nats context ls, not %q", c.name)
	}
	file := filepath.Join(folder, "context", c.name+".json")
	text, err := readSome(file)
	if errors.Is(err, fs.ErrNotExist) {
		return x, fmt.Errorf("the nats CLI has no context %q: nats context ls lists them (%w)", c.name, err)
	}
	if err != nil {
		return x, fmt.Errorf("the context %q: %w", c.name, err)
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return x, fmt.Errorf("the context %q, %s: %w", c.name, file, err)
	}
	for _, name := range unsupported() {
		if value := all[name]; value != nil && value != "" && value != false {
			return x, fmt.Errorf("the context %q has %s, which daybook does not support: make one without it, or give "+
				"--nats and credentials instead", c.name, name)
		}
	}
	if err := json.Unmarshal(text, &x); err != nil {
		return x, fmt.Errorf("the context %q, %s: %w", c.name, file, err)
	}
	for _, path := range []*string{&x.Creds, &x.CA, &x.Cert, &x.Key} {
		if *path, err = expand(strings.TrimPrefix(*path, "file://")); err != nil {
			return x, err
		}
	}
	for name, value := range map[string]string{"creds": x.Creds, "token": x.Token, "password": x.Password} {
		if elsewhere.MatchString(value) {
			return x, fmt.Errorf("%s of the context %q is kept elsewhere, where daybook does not look: give it as "+
				"NATS_CREDS, or as NATS_USER and NATS_PASSWORD", name, c.name)
		}
	}
	return x, nil
}

// natsFolder is where the nats CLI has its contexts.
func natsFolder() (string, error) {
	root := os.Getenv("XDG_CONFIG_HOME")
	if root == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("contexts of the nats CLI are in the home folder: %w", err)
		}
		root = filepath.Join(home, ".config")
	}
	return filepath.Join(root, "nats"), nil
}

// elsewhere is the beginning of a secret kept by somebody else.
var elsewhere = regexp.MustCompile(`^((op|env|nsc|file)://|data:)`)

// expand is a path with ~ and variables replaced.
func expand(path string) (string, error) {
	path = os.ExpandEnv(path)
	if rest, is := strings.CutPrefix(path, "~"); is {
		home, err := os.UserHomeDir()
		return home + rest, err
	}
	return path, nil
}

// readSome reads a small file.
func readSome(name string) ([]byte, error) {
	f, err := os.Open(name) //nolint:gosec // below the user's own folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read as far as it matters
	text, err := io.ReadAll(io.LimitReader(f, maxContext+1))
	if err == nil && len(text) > maxContext {
		err = fmt.Errorf("%s has more than %d bytes", name, maxContext)
	}
	return text, err
}

// notMissing is any error but a missing file.
func notMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
