package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/events"
	"github.com/daybook-billing/daybook/internal/service"
)

// PoliteWait is the default wait between two pages of a foundation with other users.
const PoliteWait = 3 * time.Second

// CFFlags name the foundations to collect and their settings. The environment's names are those of
// alphagov/paas-billing.
type CFFlags struct {
	Foundations string `name:"foundations" env:"DAYBOOK_FOUNDATIONS" placeholder:"FILE" help:"Collect the Cloud Foundry foundations that this file (YAML) lists."`
	Name        string `name:"cf-name" env:"DAYBOOK_FOUNDATION" default:"cf" help:"Name of the foundation; part of every subject and id."`

	MovedFrom string `name:"moved-from" placeholder:"URL" help:"The platform has moved: it is the one that was collected from this address."`

	ClientID     string `name:"cf-client-id" env:"CF_CLIENT_ID" help:"UAA client, with its secret in CF_CLIENT_SECRET."`
	ClientSecret string `name:"cf-client-secret" env:"CF_CLIENT_SECRET" help:"Secret of the client. Prefer the environment: a command line can be seen by others."`
	Username     string `name:"cf-username" env:"CF_USERNAME" help:"User, with the password in CF_PASSWORD."`
	Password     string `name:"cf-password" env:"CF_PASSWORD" help:"Password of the user; prefer the environment."`
	Token        string `name:"cf-token" env:"CF_TOKEN" help:"Access token; it cannot be renewed. Prefer the environment."`
	SkipTLS      bool   `name:"cf-skip-ssl-validation" env:"CF_SKIP_SSL_VALIDATION" help:"Do not verify the API's certificate."`
	CAFile       string `name:"cf-ca" env:"CF_CA" placeholder:"FILE" help:"CA certificates of the API (PEM; default: the system's)."`
	UserAgent    string `name:"cf-user-agent" env:"CF_USER_AGENT" default:"${cf_user_agent}" help:"User agent in the API's log."`
	Redirect     string `env:"CF_CLIENT_REDIRECT_URL" hidden:"" help:"Accepted for compatibility; no grant that is used here redirects."`

	Schedule     time.Duration  `name:"cf-schedule" env:"COLLECTOR_DEFAULT_SCHEDULE" default:"${cf_schedule}" help:"From one poll to the next."`
	MinWait      *time.Duration `name:"cf-min-wait" env:"COLLECTOR_MIN_WAIT_TIME" help:"Wait between two pages, while there is more to fetch (default: ${cf_min_wait}; none in daybook up)."`
	PageSize     int            `name:"cf-page-size" env:"COLLECTOR_FETCH_LIMIT" default:"${cf_page_size}" help:"Events a page, 1 to 5000."`
	MinAge       time.Duration  `name:"cf-min-age" env:"COLLECTOR_RECORD_MIN_AGE" default:"${cf_min_age}" help:"Leave younger events for later, at least 1m."`
	Overlap      time.Duration  `name:"cf-overlap" env:"DAYBOOK_CF_OVERLAP" default:"${cf_overlap}" help:"How far back to look for events that were committed late."`
	OverlapEvery time.Duration  `name:"cf-overlap-every" env:"DAYBOOK_CF_OVERLAP_EVERY" default:"${cf_overlap_every}" help:"How often to look for them."`
	Retention    time.Duration  `name:"cf-retention" env:"DAYBOOK_CF_RETENTION" default:"${cf_retention}" help:"How long the foundation keeps usage events (cutoff_age_in_days); never more than it does."`
	NamesEvery   time.Duration  `env:"DAYBOOK_CF_NAMES_EVERY" default:"${names_every}" name:"cf-names-every" help:"How often to look for names of organisations and spaces; 0: never."`
	Complete     bool           `name:"cf-complete" env:"DAYBOOK_CF_COMPLETE" help:"The foundation is so new that its lists hold everything that ever ran."`
	Collector    string         `name:"cf-collector" env:"DAYBOOK_COLLECTOR" help:"Name of this collector, where the foundation has several."`
}

// ToCollect are the foundations to collect; api is the address of the one in the flags, or empty.
// wait is the default wait between two pages.
func (c *CFFlags) ToCollect(api string, wait time.Duration) ([]cf.Foundation, error) {
	if c.MinWait != nil {
		wait = *c.MinWait
	}
	one := cf.Foundation{
		Name: c.Name, API: api, MovedFrom: c.MovedFrom, ClientID: c.ClientID, ClientSecret: c.ClientSecret,
		Username: c.Username,
		Password: c.Password, Token: c.Token,
		UserAgent: c.UserAgent, CAFile: c.CAFile, SkipTLS: c.SkipTLS,
		Schedule: c.Schedule, MinWait: wait, PageSize: c.PageSize, MinAge: c.MinAge,
		Overlap: c.Overlap, OverlapEvery: c.OverlapEvery, Retention: c.Retention, Complete: c.Complete,
		Collector: c.Collector,
	}
	if c.Foundations == "" {
		return []cf.Foundation{one}, nil
	}
	if c.MovedFrom != "" {
		return nil, errors.New("--moved-from and a file of foundations exclude each other: give the address before " +
			"the move in the file, as moved_from of the foundation")
	}
	if api != "" {
		return nil, errors.New("the address of an API and a file of foundations exclude each other: name the " +
			"foundation in the file, too")
	}
	text, err := os.ReadFile(c.Foundations)
	if err != nil {
		return nil, fmt.Errorf("cannot read the foundations: %w", err)
	}
	return cf.ParseFoundations(c.Foundations, text, one, cf.Lookup{})
}

type cfCmd struct {
	shell.NATS
	service.Config
	API string `name:"api" env:"CF_API_ADDRESS" placeholder:"URL" help:"Address of the API, https://api.example.org."`
	CFFlags
}

// Run collects until it is stopped.
func (c *cfCmd) Run(e *shell.Env) error {
	foundations, err := c.ToCollect(c.API, PoliteWait)
	if err != nil {
		return err
	}
	for i := range foundations {
		if !foundations[i].Epoch.IsZero() {
			return fmt.Errorf("%s: foundation %q: epoch is for the projector, which is another process: give --epoch "+
				"%s/%s=%s to daybook project",
				c.Foundations, foundations[i].Name, events.SourceCF, foundations[i].Name,
				events.FormatTime(foundations[i].Epoch))
		}
	}
	process, b, err := c.Serve(e, "collector", c.Config)
	if err != nil {
		return err
	}
	defer b.Close()
	WatchQuarantine(process, b, placesOf(foundations)...)
	collector, err := NewCF(process, cf.OnBus(b), foundations)
	if err != nil {
		return err
	}
	components, err := FollowNames(process, b, &c.CFFlags, foundations, nil)
	if err != nil {
		return err
	}
	return process.Run(e.Ctx, append(components, service.Component{Name: "collector", Run: collector.Run})...)
}

// NewCF makes the collector of foundations, with its metrics and a readiness check for each
// foundation.
func NewCF(process *service.Process, store cf.Store, foundations []cf.Foundation) (*cf.Collector, error) {
	metrics := cf.NewMetrics()
	collector, err := cf.New(cf.Config{Foundations: foundations}, cf.Deps{
		Store: store, Log: process.Log,
		Metrics: metrics,
	})
	if err != nil {
		return nil, err
	}
	for i := range foundations {
		process.Log.Info("collecting from a Cloud Foundry foundation",
			slog.String("foundation", foundations[i].Name), slog.String("url", foundations[i].API))
	}
	process.Metrics.MustRegister(metrics)
	for _, name := range collector.Foundations() {
		process.Health.Ready(events.SourceCF+"/"+name, func(context.Context) (string, error) {
			return "collecting",
				collector.Ready(name)
		})
	}
	return collector, nil
}
