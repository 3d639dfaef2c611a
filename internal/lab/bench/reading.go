package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/lab/compare"
)

const (
	readCalls   = 100
	memoryCalls = 20    // to a ledger in memory, whose answers take seconds
	readWarm    = 3     // calls before them
	readWhile   = 2_000 // rows a second that are posted meanwhile
	readMemory  = 300_000
	readyTime   = 5 * time.Minute // of a ledger in memory that takes up the streams
	readyPause  = 50 * time.Millisecond
)

// reading is the time of questions over HTTP to `daybook serve`, with the ledger in Postgres, while
// more is posted.
func reading(ctx context.Context, r *rig) (_ []row, err error) {
	s, err := r.open(ctx, r.size.charges)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return nil, r.questions(ctx, s, r.size.charges, "Postgres", "--database-url", s.url)
}

// readingMemory is the time of the same questions to a ledger in memory, which nothing is posted to
// meanwhile.
func readingMemory(ctx context.Context, r *rig) ([]row, error) {
	return nil, r.questions(ctx, &store{streams: r.folder}, min(r.size.charges, readMemory), "memory")
}

// questions makes a world of charges, and measures questions to a server with these flags. With a
// ledger more is posted to it meanwhile. A question that fails keeps no other one from its answer.
func (r *rig) questions(ctx context.Context, s *store, charges int, in string, flags ...string) (err error) {
	server, err := bus.StartServer(bus.ServerConfig{DataDir: s.streams, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	b, err := bus.Connect(ctx, bus.Config{URL: server.URL()})
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.EnsureStreams(ctx, bus.StreamsConfig{}); err != nil {
		return err
	}
	w, filled, err := r.filled(ctx, b, s, charges)
	if err != nil {
		return err
	}
	if filled > 0 {
		r.tell(row{
			"rows a second made, and posted to " + in, float64(w.charges) / filled.Seconds(), "-",
			fmt.Sprintf("%d charges with their streams, in %s", w.charges, filled.Round(time.Second)),
		})
	}
	charges = w.charges
	api, stop, err := serveAPI(ctx, r.binary, append([]string{"--nats", server.URL()}, flags...)...)
	if err != nil {
		return err
	}
	defer stop() //nolint:errcheck // it was stopped, or another error is returned
	all, err := questions(ctx, api, w)
	if err != nil {
		return err
	}
	all = append(all, pages(w, all[2].paths[0])...)
	if s.books != nil {
		done := w.goOn(ctx)
		defer func() { err = errors.Join(err, done()) }()
	}
	most := readCalls
	if s.books == nil {
		most = memoryCalls
	}
	var failed []error
	for _, q := range all {
		calls := 0
		measured := cmp.Or(q.calls, most)
		took, err := median(measured, func() error {
			calls++
			return get(ctx, api+q.paths[calls%len(q.paths)], nil)
		})
		from := fmt.Sprintf("median of %d, %d charges", measured, charges)
		if err != nil {
			took, from = math.NaN(), err.Error()
			failed = append(failed, fmt.Errorf("%s: %w", q.name, err))
		}
		r.tell(row{"ms of " + q.name + ", " + in, took, q.aim, from})
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed...)
}

// filled is a year of charges: that of an earlier run, or one that is made, in some time.
func (r *rig) filled(ctx context.Context, b *bus.Bus, s *store, charges int) (*year, time.Duration, error) {
	if s.year != nil {
		w, err := s.year.again(ctx, b, s.books)
		return w, 0, err
	}
	begun := time.Now()
	w, err := newYear(ctx, b, s.books, charges)
	if err == nil {
		err = w.fill(ctx)
	}
	took := time.Since(begun)
	if err == nil && s.books != nil && r.keep != "" {
		err = w.save(r.keep, s.url, charges)
	}
	return w, took, err
}

// question is one over HTTP, with what its median may take.
type question struct {
	name  string
	paths []string // one after another, and from the first again
	aim   string
	calls int // 0: as all
}

// Names of questions.
const (
	byPlan           = "the big tenant's month by plan and component"
	byDay            = "its month by day"
	explaining       = "explaining a charge"
	explainingOthers = "explaining charges, each another one"
	page             = "a page of its 1,000 charges"
	byTenant         = "all tenants' month"
	knownEarlier     = "its month as known at an earlier time"
)

// questions are those of the middle of the year.
func questions(ctx context.Context, api string, w *year) ([]question, error) {
	middle := month(w.months / 2)
	of, big := "month="+middle, "month="+middle+"&tenant="+tenantName(0)
	var explained []string // of all days
	for day := range w.days {
		var some struct{ Charges []struct{ ID string } }
		if err := get(ctx, fmt.Sprintf("%s/v1/charges?%s&from=%s&limit=%d", api, big,
			w.day(w.months/2, day).Format(time.DateOnly), 1+readCalls/w.days), &some); err != nil {
			return nil, err
		}
		for i := range some.Charges {
			explained = append(explained, "/v1/charges/"+some.Charges[i].ID)
		}
	}
	return []question{
		{byPlan, []string{"/v1/totals?by=plan,component&" + big}, "< 10", 0},
		{byDay, []string{"/v1/totals?by=day&" + big}, "< 10", 0},
		{explaining, explained[:1], "< 10", 0},
		{explainingOthers, explained, "-", 0},
		{page, []string{"/v1/charges?limit=1000&" + big}, "< 25", 0},
		{byTenant, []string{"/v1/totals?by=tenant&" + of}, "< 300", 0},
		{
			knownEarlier,
			[]string{fmt.Sprintf("/v1/totals?by=plan,component&known_at=%d&%s", w.noon[middle], big)},
			"< 1000", 0,
		},
	}, nil
}

// goOn posts the days behind the year until done is called. What is begun then is posted.
func (w *year) goOn(ctx context.Context) (done func() error) {
	const parts = 4 // of a second
	whole := ctx
	ctx, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	var failed error
	running.Go(func() {
		tick := time.NewTicker(time.Second / parts)
		defer tick.Stop()
		for day := w.next; ; day++ {
			cause, err := w.cut(whole, w.months-1, day)
			for from := 0; from < w.services && err == nil; from += readWhile / readComponents / parts {
				err = w.post(whole, cause, from, min(from+readWhile/readComponents/parts, w.services), true)
				select {
				case <-ctx.Done():
					failed = err
					return
				case <-tick.C:
				}
			}
			if failed = err; err != nil {
				return
			}
		}
	})
	return func() error {
		stop()
		running.Wait()
		return failed
	}
}

// serveAPI starts `daybook serve` and waits until it is ready.
func serveAPI(ctx context.Context, binary string, flags ...string) (url string, stop func() error, err error) {
	var addresses [2]string // of the API, and of the checks
	for i := range addresses {
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return "", nil, err
		}
		addresses[i] = listener.Addr().String()
		if err := listener.Close(); err != nil {
			return "", nil, err
		}
	}
	args := append([]string{"serve", "--api", addresses[0], "--http", addresses[1]}, flags...)
	cmd := exec.CommandContext(ctx, binary, args...) //nolint:gosec // the program under measurement
	cmd.Env, cmd.Stderr = append(compare.Environment(), "DAYBOOK_LOG_LEVEL=warn"), os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = sync.OnceValue(func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		return <-ended
	})
	for until := time.Now().Add(readyTime); ; {
		err := get(ctx, "http://"+addresses[1]+"/readyz", nil)
		if err == nil {
			return "http://" + addresses[0], stop, nil
		}
		select {
		case ending := <-ended:
			return "", nil, fmt.Errorf("%s serve ended: %w", filepath.Base(binary), ending)
		case <-time.After(readyPause):
		}
		if time.Now().After(until) {
			return "", nil, errors.Join(fmt.Errorf("daybook serve is not ready after %s: %w", readyTime, err), stop())
		}
	}
}

// get sends a request and reads the answer, into a value where one is given.
func get(ctx context.Context, url string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // it was read
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, body)
	}
	if err != nil || into == nil {
		return err
	}
	return json.Unmarshal(body, into)
}

// median is the median of so many calls in milliseconds, behind a few to warm up.
func median(most int, call func() error) (float64, error) {
	var all []float64
	for n := range readWarm + most {
		begun := time.Now()
		if err := call(); err != nil {
			return 0, err
		}
		if n >= readWarm {
			all = append(all, float64(time.Since(begun).Microseconds())/1000)
		}
	}
	slices.Sort(all)
	return all[len(all)/2], nil
}
