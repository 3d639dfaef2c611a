package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/daybook-billing/daybook/api/auth"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/events"
)

// tokenCmd groups the commands about static tokens of the API.
type tokenCmd struct {
	New      newTokenCmd `cmd:"" help:"Make a token, and print its entry for the file of tokens; the token is shown once, on standard error."`
	Password passwordCmd `cmd:"" help:"Read a password from standard input, and print its digest for an account of the web pages."`
}

type newTokenCmd struct {
	Name    string        `required:"" help:"Name for the log and decisions."`
	Scopes  []string      `name:"scope" required:"" enum:"usage,money,decide" help:"What it may: usage, money, decide."`
	Tenants []string      `name:"tenant" xor:"tenants" required:"" placeholder:"FOUNDATION/TENANT" help:"Tenant that it sees; FOUNDATION/ for every tenant of a foundation."`
	All     bool          `xor:"tenants" required:"" help:"It sees every tenant of every foundation."`
	Expires shell.Instant `required:"" help:"Its end."`
}

// Run makes a token.
func (c *newTokenCmd) Run(e *shell.Env) error {
	entry := auth.StaticToken{Name: c.Name, Scopes: c.Scopes, All: c.All, Expires: c.Expires.Time}
	for _, text := range c.Tenants {
		foundation, tenant, _ := strings.Cut(text, "/")
		entry.Tenants = append(entry.Tenants, events.Owner{Foundation: foundation, Tenant: tenant})
	}
	token, text, err := auth.NewToken(entry)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.Stderr, token)
	_, err = e.Stdout.Write(text)
	return err
}

type passwordCmd struct{}

// Run prints the digest of a password.
func (*passwordCmd) Run(e *shell.Env) error {
	line, err := bufio.NewReader(io.LimitReader(e.Stdin, 1<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	digest, err := auth.Digest(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return err
	}
	fmt.Fprintln(e.Stdout, digest)
	return nil
}
