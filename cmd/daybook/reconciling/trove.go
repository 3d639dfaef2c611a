package reconciling

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/troveapi"
	"github.com/daybook-billing/daybook/reconcile"
	inspector "github.com/daybook-billing/daybook/reconcile/inspector/trove"
	"github.com/daybook-billing/daybook/reconcile/service"
)

// Trove are the flags of a Trove: it is asked through its API, or judged by its notifications.
type Trove struct {
	Foundation   string   `env:"DAYBOOK_FOUNDATION" default:"openstack" help:"Name of the Trove's foundation."`
	Keystone     string   `env:"DAYBOOK_TROVE_KEYSTONE_URL" placeholder:"URL" help:"Reconcile a Trove, too: the address of its Keystone, such as https://keystone.example.org:5000."`
	Exists       bool     `env:"DAYBOOK_TROVE_EXISTS" help:"Reconcile a Trove, too, whose API cannot be asked: by its notifications alone. Differences are reported with their money, and none is enacted."`
	User         string   `env:"DAYBOOK_TROVE_KEYSTONE_USER" help:"User. Whoever may list the instances of the management sees all projects; others see those of --trove-project alone."`
	UserDomain   string   `env:"DAYBOOK_TROVE_KEYSTONE_USER_DOMAIN" default:"Default" help:"The user's domain."`
	CredentialID string   `env:"DAYBOOK_TROVE_KEYSTONE_CREDENTIAL_ID" placeholder:"ID" help:"Application credential, instead of a user."`
	SecretFile   string   `env:"DAYBOOK_TROVE_KEYSTONE_SECRET_FILE" placeholder:"FILE" help:"File with the password, or with the secret of the application credential."`
	Projects     []string `name:"project" env:"DAYBOOK_TROVE_PROJECTS" placeholder:"ID" help:"Projects in which the user has a role."`
	URL          string   `env:"DAYBOOK_TROVE_URL" placeholder:"URL" help:"Address of Trove's API (default: that of Keystone's catalogue)."`
	Region       string   `env:"DAYBOOK_TROVE_REGION" help:"Region of the catalogue (default: the first)."`
	CAFile       string   `name:"ca" env:"DAYBOOK_TROVE_CA" placeholder:"FILE" help:"CA certificates of Keystone and Trove (PEM; default: the system's)."`
}

// Given reports whether a Trove is to be reconciled.
func (t *Trove) Given() bool { return t.Keystone != "" || t.Exists }

func (t *Trove) client() (*troveapi.Client, error) {
	if t.SecretFile == "" || (t.User == "") == (t.CredentialID == "") {
		return nil, errors.New("the Keystone of a Trove asks for credentials: give a file with the secret, and " +
			"either a user or an application credential")
	}
	secret, err := os.ReadFile(t.SecretFile)
	if err != nil {
		return nil, fmt.Errorf("cannot read the secret: %w", err)
	}
	return troveapi.New(troveapi.Config{
		Foundation: t.Foundation, URL: t.URL, Region: t.Region, CAFile: t.CAFile, Projects: t.Projects,
		Keystone: keystone.Config{
			URL: t.Keystone, CredentialID: t.CredentialID, User: t.User, UserDomain: t.UserDomain,
			Secret: strings.TrimRight(string(secret), "\r\n"), CAFile: t.CAFile,
		},
	})
}

// addTrove adds the service of a Trove.
func (s *Settings) addTrove(m *Made, b *bus.Bus, log *slog.Logger, metrics *service.Metrics, with reconcile.Rules,
	metering *Metering,
) error {
	if s.Trove.Keystone != "" && s.Trove.Exists {
		return errors.New("a Trove is reconciled by its API or by its exists notifications: give a Keystone, or " +
			"--trove-exists, and not both")
	}
	platform := service.OnExists(s.Trove.Foundation, b)
	if s.Trove.Exists { // METERED has the same notifications: a difference is for a person to decide
		with.Acts = []reconcile.ActRule{{Act: reconcile.Report}}
	} else {
		api, err := s.Trove.client()
		if err != nil {
			return err
		}
		m.closers = append(m.closers, api.Close)
		platform = service.OnTrove(inspector.Config{Foundation: s.Trove.Foundation}, api, inspector.Deps{Log: log})
	}
	return m.add(service.Config{
		Source: events.SourceTrove, Foundation: s.Trove.Foundation, Every: s.Every, Alarm: -1, Patience: s.Patience,
		Rules: with, Epoch: metering.epoch(events.SourceTrove, s.Trove.Foundation),
	}, service.Deps{Bus: b, Platform: platform, Log: log, Metrics: metrics})
}
