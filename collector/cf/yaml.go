package cf

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/daybook-billing/daybook/events"
)

// Lookup has the places of secrets outside of a file of foundations.
type Lookup struct {
	Env  func(name string) (string, bool) // default: the process's environment
	File func(name string) ([]byte, error)
}

func (l Lookup) withDefaults() Lookup {
	if l.Env == nil {
		l.Env = os.LookupEnv
	}
	if l.File == nil {
		l.File = os.ReadFile
	}
	return l
}

// ParseFoundations reads a YAML list of foundations. A missing key means the value in base; base
// gives no credentials. Each secret may stand in the file itself (client_secret), in the
// environment variable of client_secret_env or in the file of client_secret_file. The error lists
// all mistakes, with line and column.
func ParseFoundations(file string, data []byte, base Foundation, lookup Lookup) ([]Foundation, error) {
	r := &settingsReader{file: file, lookup: lookup.withDefaults()}
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil {
		return nil, fmt.Errorf("%s: not valid YAML: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(root.Content) == 0 || root.Content[0].Kind != yaml.SequenceNode || len(root.Content[0].Content) == 0 {
		return nil, fmt.Errorf("%s:1:1: expected a list of foundations, such as\n- name: eu\n  api: "+
			"https://api.example.org\n  client_id: daybook\n  client_secret_file: /run/secrets/eu", file)
	}
	base.Name, base.API, base.MovedFrom = "", "", ""
	base.ClientID, base.ClientSecret, base.Username, base.Password, base.Token = "", "", "", "", ""
	var all []Foundation
	names := map[string]int{}
	for _, n := range root.Content[0].Content {
		f := base
		if !r.foundation(n, &f) {
			continue
		}
		complete := f.withDefaults()
		if err := complete.Validate(); err != nil {
			r.problem(n, "%s", strings.ReplaceAll(err.Error(), "\n", "; "))
		}
		if line := names[events.Token(f.Name)]; line != 0 {
			r.problem(n, "the name %s stands twice, first in line %d: it tells foundations apart in every subject",
				f.Name, line)
		}
		names[events.Token(f.Name)] = n.Line
		all = append(all, f)
	}
	if len(r.problems) > 0 {
		return nil, errors.Join(r.problems...)
	}
	return all, nil
}

type settingsReader struct {
	file     string
	lookup   Lookup
	problems []error
}

func (r *settingsReader) problem(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s:%d:%d: %s", r.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// foundation reads one entry; false when something in it is wrong.
func (r *settingsReader) foundation(n *yaml.Node, f *Foundation) bool {
	before := len(r.problems)
	if n.Kind != yaml.MappingNode {
		r.problem(n, "expected a foundation: keys such as name and api with their values")
		return false
	}
	settings := r.settings(f)
	seen := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		set, ok := settings[key.Value]
		switch {
		case !ok:
			known := make([]string, 0, len(settings))
			for name := range settings {
				known = append(known, name)
			}
			slices.Sort(known)
			r.problem(key, "unknown key %q; the keys are %s", key.Value, strings.Join(known, ", "))
		case seen[key.Value] != nil:
			r.problem(key, "the key %s stands twice, first in line %d; keep one", key.Value, seen[key.Value].Line)
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			r.problem(value, "%s: expected a value", key.Value)
		default:
			if err := set(value.Value); err != nil {
				r.problem(value, "%s: %s", key.Value, err)
			}
		}
		seen[key.Value] = key
	}
	for _, secret := range []string{"client_secret", "password", "token"} {
		given := 0
		for _, how := range []string{"", "_env", "_file"} {
			if seen[secret+how] != nil {
				given++
			}
		}
		if given > 1 {
			r.problem(n, "%s is given in several ways; keep one", secret)
		}
	}
	return len(r.problems) == before
}

// settings are the keys, each with a function for its value.
func (r *settingsReader) settings(f *Foundation) map[string]func(s string) error {
	text := func(to *string) func(string) error {
		return func(s string) error {
			*to = s
			return nil
		}
	}
	flag := func(to *bool) func(string) error {
		return func(s string) error {
			v, err := strconv.ParseBool(s)
			if err != nil {
				return fmt.Errorf("%q is neither true nor false", s)
			}
			*to = v
			return nil
		}
	}
	duration := func(to *time.Duration) func(string) error {
		return func(s string) (err error) {
			*to, err = parseDuration(s)
			return err
		}
	}
	all := map[string]func(string) error{
		"name": text(&f.Name), "api": text(&f.API), "moved_from": text(&f.MovedFrom), "client_id": text(&f.ClientID),
		"username":   text(&f.Username),
		"user_agent": text(&f.UserAgent), "ca_file": text(&f.CAFile), "skip_ssl_validation": flag(&f.SkipTLS),
		"schedule": duration(&f.Schedule), "min_wait": duration(&f.MinWait), "min_age": duration(&f.MinAge),
		"overlap": duration(&f.Overlap), "overlap_every": duration(&f.OverlapEvery),
		"retention": duration(&f.Retention),
		"timeout":   duration(&f.Timeout), "complete": flag(&f.Complete), "collector": text(&f.Collector),
		"page_size": func(s string) (err error) {
			if f.PageSize, err = strconv.Atoi(s); err != nil {
				return fmt.Errorf("%q is not a whole number", s)
			}
			return nil
		},
		"epoch": func(s string) (err error) {
			f.Epoch, err = events.ParseTimeOrDate(s)
			return err
		},
	}
	for name, to := range map[string]*string{
		"client_secret": &f.ClientSecret, "password": &f.Password,
		"token": &f.Token,
	} {
		all[name] = text(to)
		all[name+"_env"] = func(variable string) error {
			value, ok := r.lookup.Env(variable)
			if !ok || value == "" {
				return fmt.Errorf("the environment variable %s is not set", variable)
			}
			*to = value
			return nil
		}
		all[name+"_file"] = func(file string) error {
			value, err := r.lookup.File(file)
			if err != nil {
				return fmt.Errorf("cannot read it: %w", err)
			}
			*to = strings.TrimRight(string(value), "\r\n")
			return nil
		}
	}
	return all
}

// parseDuration reads a duration, also in days, as 31d.
func parseDuration(s string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n < 36500 {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration such as 30s, 5m, 12h or 31d", s)
	}
	return d, nil
}
