package collect

import (
	"errors"
	"time"

	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/directory"
	"github.com/daybook-billing/daybook/internal/keystone"
	"github.com/daybook-billing/daybook/internal/names"
	"github.com/daybook-billing/daybook/internal/service"
)

// FollowNames are the components of a process that follow the names of tenants: of foundations of
// Cloud Foundry, and of projects; none where the flags say so. Each of the flags may be nil.
func FollowNames(process *service.Process, b names.Bus, c *CFFlags, foundations []cf.Foundation, t *TroveFlags) (
	components []service.Component, err error,
) {
	metrics := directory.NewMetrics()
	process.Metrics.MustRegister(metrics)
	deps := directory.Deps{Bus: b, Log: process.Log, Metrics: metrics}
	add := func(foundation string, d *directory.Directory, failed error) {
		if err = errors.Join(err, failed); d != nil {
			components = append(components, service.Component{
				Name: "names of " + foundation, Run: d.Run, Background: true,
			})
		}
	}
	for i := range foundations {
		if f := &foundations[i]; c.NamesEvery > 0 {
			d, err := directory.NewCF(f.Access(), directory.Config{Foundation: f.Name, Every: c.NamesEvery}, deps)
			add(f.Name, d, err)
		}
	}
	if t != nil && t.Keystone.URL != "" {
		d, err := t.Keystone.directory(t.Foundation, deps)
		add(t.Foundation, d, err)
	}
	return components, err
}

// KeystoneFlags say where the names of projects come from.
type KeystoneFlags struct {
	URL          string        `name:"keystone" env:"DAYBOOK_KEYSTONE_URL" placeholder:"URL" help:"Take the names of projects from this Keystone, such as https://keystone.example.org:5000."`
	User         string        `name:"keystone-user" env:"DAYBOOK_KEYSTONE_USER" help:"User with a role in the system, such as reader, that may list projects."`
	UserDomain   string        `name:"keystone-user-domain" env:"DAYBOOK_KEYSTONE_USER_DOMAIN" default:"Default" help:"The user's domain."`
	CredentialID string        `name:"keystone-credential-id" env:"DAYBOOK_KEYSTONE_CREDENTIAL_ID" placeholder:"ID" help:"Application credential that may list projects, instead of a user."`
	SecretFile   string        `name:"keystone-secret-file" env:"DAYBOOK_KEYSTONE_SECRET_FILE" placeholder:"FILE" help:"File with the password, or with the secret of the application credential."`
	CAFile       string        `name:"keystone-ca" env:"DAYBOOK_KEYSTONE_CA" placeholder:"FILE" help:"CA certificates of Keystone (PEM; default: the system's)."`
	Every        time.Duration `name:"keystone-every" env:"DAYBOOK_KEYSTONE_EVERY" default:"${names_every}" help:"How often to look for names."`
}

func (k *KeystoneFlags) check() error {
	switch {
	case k.URL == "":
		return nil
	case k.SecretFile == "" || (k.User == "") == (k.CredentialID == ""):
		return errors.New("--keystone needs --keystone-secret-file, and either --keystone-user or " +
			"--keystone-credential-id")
	case k.Every <= 0:
		return errors.New("--keystone-every must be positive")
	}
	return nil
}

func (k *KeystoneFlags) directory(foundation string, deps directory.Deps) (*directory.Directory, error) {
	secret, err := readSecret(k.SecretFile)
	if err != nil {
		return nil, err
	}
	return directory.NewKeystone(keystone.Config{
		URL: k.URL, CredentialID: k.CredentialID, User: k.User, UserDomain: k.UserDomain, Secret: secret,
		CAFile: k.CAFile,
	}, directory.Config{Foundation: foundation, Every: k.Every}, deps)
}
