package billing

import (
	"cmp"
	"errors"
	"fmt"
	"os"

	"github.com/daybook-billing/daybook/acts"
	"github.com/daybook-billing/daybook/api/answer"
	"github.com/daybook-billing/daybook/cmd/daybook/print"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/pricer/catalogue"
	"github.com/daybook-billing/daybook/pricer/preview"
)

// formatFlag is the flag of a list.
type formatFlag struct {
	Format string `enum:"table,json" default:"table" help:"Output: ${enum}; json is one object a line."`
}

type listCmd struct {
	shell.Reads
	formatFlag
}

// Run lists the versions.
func (c *listCmd) Run(e *shell.Env) error {
	ask := c.streams
	if c.API != "" {
		ask = c.api
	}
	x, err := ask(e)
	if err != nil {
		return err
	}
	return print.Versions(e.Stdout, x.Catalogues, c.Format == "json")
}

func (c *listCmd) api(e *shell.Env) (*answer.Catalogues, error) {
	return shell.Ask[answer.Catalogues](e, &c.Reads, "catalogues", nil)
}

func (c *listCmd) streams(e *shell.Env) (*answer.Catalogues, error) {
	b, err := c.Open(e.Ctx, "catalogue", nil)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	return answer.New(nil, b).Catalogues(e.Ctx, answer.Operator(), nil)
}

type historyCmd struct {
	shell.NATS
	formatFlag
}

// Run lists the acts, with their effects.
func (c *historyCmd) Run(e *shell.Env) error {
	b, err := c.Open(e.Ctx, "catalogue", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	history, err := acts.History(e.Ctx, b)
	if err != nil {
		return err
	}
	effects, err := preview.Effects(e.Ctx, b)
	if err != nil {
		return err
	}
	out := print.NewHistory(e.Stdout, c.Format == "json")
	for i := range history {
		if err := out.Add(&history[i], effects[preview.Cause(&history[i].Act)]); err != nil {
			return err
		}
	}
	return out.End()
}

type showCmd struct {
	shell.Reads
	Version string `arg:"" optional:"" help:"The version (default: the one in force)."`
}

// Run prints the text of a version.
func (c *showCmd) Run(e *shell.Env) error {
	if c.API != "" {
		x, err := askVersion(e, &c.Reads, cmp.Or(c.Version, answer.CurrentVersion))
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(e.Stdout, x.YAML)
		return err
	}
	b, err := c.Open(e.Ctx, "catalogue", nil)
	if err != nil {
		return err
	}
	defer b.Close()
	act, found, err := acts.InForce(e.Ctx, b)
	switch {
	case err != nil:
		return err
	case c.Version != "":
		if act, err = acts.FindVersion(e.Ctx, b, c.Version); err != nil {
			return err
		}
	case !found:
		return errors.New("no catalogue is in force: daybook catalogue publish puts one in force")
	}
	_, err = fmt.Fprint(e.Stdout, act.Catalogue.YAML)
	return err
}

// askVersion asks an API for a version.
func askVersion(e *shell.Env, f *shell.Reads, version string) (*answer.Version, error) {
	return shell.Ask[answer.Version](e, f, "catalogues/{version}", &answer.CatalogueQuestion{Version: version})
}

type diffCmd struct {
	shell.Reads
	A string `arg:"" name:"a" help:"A version, or a file."`
	B string `arg:"" name:"b" help:"The version or file to compare it with."`
}

// Run compares two catalogues.
func (c *diffCmd) Run(e *shell.Env) error {
	named := namedCatalogues{reads: &c.Reads}
	defer named.close()
	before, err := named.read(e, c.A)
	if err != nil {
		return err
	}
	after, err := named.read(e, c.B)
	if err != nil {
		return err
	}
	return print.Differences(e.Stdout, catalogue.Differences(before, after))
}

// namedCatalogues are files, and versions of a server that is asked where a name is no file.
type namedCatalogues struct {
	reads *shell.Reads
	bus   *bus.Bus // nil before the first version of NATS
}

func (n *namedCatalogues) close() {
	if n.bus != nil {
		n.bus.Close()
	}
}

// read reads a file or a version.
func (n *namedCatalogues) read(e *shell.Env, name string) (*catalogue.Catalogue, error) {
	if _, err := os.Stat(name); err == nil {
		parsed, _, err := shell.LoadCatalogue(name)
		return parsed, err
	}
	if n.reads.API != "" {
		x, err := askVersion(e, n.reads, name)
		if err != nil {
			return nil, err
		}
		return catalogue.Parse("catalogue."+name, []byte(x.YAML))
	}
	if n.bus == nil {
		opened, err := n.reads.Open(e.Ctx, "catalogue", nil)
		if err != nil {
			return nil, fmt.Errorf("%q is no file, and whether it is a version is not known: %w", name, err)
		}
		n.bus = opened
	}
	act, err := acts.FindVersion(e.Ctx, n.bus, name)
	if err != nil {
		return nil, err
	}
	return catalogue.Parse("catalogue."+name, []byte(act.Catalogue.YAML))
}
