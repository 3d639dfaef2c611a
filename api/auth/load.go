package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Secret is a secret, or its place: a file of settings has no secrets in it.
type Secret struct {
	Value string `yaml:"-"`
	Env   string `yaml:"secret_env"`  // an environment variable
	File  string `yaml:"secret_file"` // the text of a file, without its line end
}

// Load reads a Config, without Listen, and its secrets from a YAML file. docs/api-auth.md has the
// keys.
func Load(path string) (Config, error) {
	c, err := load(path)
	if err != nil {
		return Config{}, fmt.Errorf("auth: %s: %w", path, err)
	}
	return c, nil
}

func load(path string) (c Config, err error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return c, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return c, err
	}
	for i := range c.UAAs {
		if err := c.UAAs[i].LoginSecret.read(); err != nil {
			return c, fmt.Errorf("login_secret: %w", err)
		}
		for j := range c.UAAs[i].Foundations {
			f := &c.UAAs[i].Foundations[j]
			if err := f.Secret.read(); err != nil {
				return c, fmt.Errorf("foundation %s: %w", f.Name, err)
			}
		}
	}
	if err := c.SessionKey.read(); err != nil {
		return c, fmt.Errorf("session_key: %w", err)
	}
	if c.Keystone != nil {
		if err := c.Keystone.Secret.read(); err != nil {
			return c, fmt.Errorf("keystone: %w", err)
		}
	}
	return c, nil
}

// read takes the value from its place.
func (s *Secret) read() error {
	switch {
	case s.Env != "" && s.File != "":
		return errors.New("give one of secret_env and secret_file")
	case s.Env != "":
		if s.Value = os.Getenv(s.Env); s.Value == "" {
			return fmt.Errorf("the environment variable %s is not set", s.Env)
		}
	case s.File != "":
		text, err := os.ReadFile(s.File)
		s.Value = strings.TrimRight(string(text), "\r\n")
		return err
	}
	return nil
}
