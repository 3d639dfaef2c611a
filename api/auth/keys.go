package auth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
	"golang.org/x/sync/singleflight"
)

// Limits of a UAA's keys.
const (
	refreshAfter  = 10 * time.Minute // the age from which keys are read again
	refreshAtMost = 30 * time.Second // from one reading to the next
	maxKeys       = 100
	maxKeyID      = 256 // bytes
)

// published is what a UAA publishes. It does not change.
type published struct {
	issuer string
	keys   map[string]key // by kid
	at     time.Time      // when it was asked for
}

// key is a public key with its one algorithm, and the issuer of its tokens.
type key struct {
	issuer    string
	algorithm jwa.SignatureAlgorithm
	public    jwk.Key
}

// keys are the published keys of a UAA, read when a token needs them. They are safe for concurrent
// use.
type keys struct {
	client     *http.Client
	address    func(ctx context.Context) (string, error) // of the UAA
	issuer     string                                    // by the settings; empty: by the UAA
	algorithms []jwa.SignatureAlgorithm
	maxAge     time.Duration // without an answer of the UAA
	now        func() time.Time

	flight singleflight.Group // readings: one at a time

	// mu guards the outcome of the last reading. Only a flight writes it.
	mu      sync.Mutex
	last    *published // nil until one succeeds
	tried   time.Time
	failure error // of the last reading; before the first one, errNotAsked
}

// errNotAsked is the failure of a UAA that has not answered a question yet.
var errNotAsked = errors.New("the UAA has not answered yet")

// state is the outcome so far.
func (k *keys) state() (last *published, tried time.Time, failure error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last, k.tried, k.failure
}

// issued returns the issuer. It fails where the UAA has never answered.
func (k *keys) issued(ctx context.Context) (string, error) {
	if last, _, _ := k.state(); last != nil {
		return last.issuer, nil
	}
	k.refresh(ctx)
	last, _, failure := k.state()
	if last == nil {
		return "", failure
	}
	return last.issuer, nil
}

// find returns the key with a name. The error is ErrInvalidToken where the UAA has no such key, and
// ErrUnavailable where that is not known.
func (k *keys) find(ctx context.Context, id string) (key, error) {
	last, _, failure := k.state()
	switch {
	case last == nil || last.keys[id].public == nil || k.age(last) >= k.maxAge:
		k.refresh(ctx)
	case k.age(last) < refreshAfter:
	case failure == nil:
		k.refresh(ctx)
	default: // the UAA is away: known tokens do not wait for it
		k.read()
	}
	last, _, failure = k.state()
	switch {
	case last == nil:
		return key{}, unavailable(failure)
	case k.age(last) >= k.maxAge:
		return key{}, unavailable(errors.Join(fmt.Errorf("the UAA's keys are older than %s", k.maxAge), failure))
	case last.keys[id].public != nil:
		return last.keys[id], nil
	case failure != nil:
		return key{}, unavailable(failure)
	}
	return key{}, invalid("it is signed with an unknown key")
}

func (k *keys) age(p *published) time.Duration { return k.now().Sub(p.at) }

// refresh reads the keys again, as read does, and waits for the outcome or the end of ctx.
func (k *keys) refresh(ctx context.Context) {
	select {
	case <-k.read():
	case <-ctx.Done():
	}
}

// read begins to read the keys, unless that was tried just before. It joins a reading under way.
func (k *keys) read() (done <-chan singleflight.Result) {
	return k.flight.DoChan("", func() (any, error) {
		start := k.now()
		if _, tried, _ := k.state(); !tried.IsZero() && start.Sub(tried) < refreshAtMost {
			return nil, nil
		}
		ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout) // for all who wait
		defer cancel()
		p, err := k.ask(ctx)
		k.mu.Lock()
		defer k.mu.Unlock()
		if k.tried, k.failure = start, err; err == nil {
			p.at = start
			k.last = p
		}
		return nil, nil
	})
}

// ask asks the UAA. The ETag of its keys is not used: it is the time of a change of the identity
// zone, which a rotation need not be.
func (k *keys) ask(ctx context.Context) (*published, error) {
	address, err := k.address(ctx)
	if err != nil {
		return nil, fmt.Errorf("finding the UAA: %w", err)
	}
	p := &published{issuer: k.issuer, keys: map[string]key{}}
	if p.issuer == "" {
		var known struct {
			Issuer string `json:"issuer"`
		}
		if err := getJSON(ctx, k.client, address+"/.well-known/openid-configuration", &known); err != nil {
			return nil, err
		}
		if p.issuer = known.Issuer; p.issuer == "" {
			return nil, fmt.Errorf("the UAA at %s names no issuer: set it", address)
		}
	}
	var list struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := getJSON(ctx, k.client, address+"/token_keys", &list); err != nil {
		return nil, err
	}
	if len(list.Keys) > maxKeys {
		return nil, fmt.Errorf("the UAA at %s has %d keys: at most %d are taken", address, len(list.Keys), maxKeys)
	}
	for _, entry := range list.Keys {
		id, one, err := k.parse(entry)
		if err != nil {
			continue // of another kind, such as a symmetric key: no token of it is good
		}
		if p.keys[id].public != nil {
			return nil, fmt.Errorf("the UAA at %s has two keys named %q", address, id)
		}
		one.issuer = p.issuer
		p.keys[id] = one
	}
	if len(p.keys) == 0 {
		return nil, fmt.Errorf("the UAA at %s has no key for an allowed algorithm", address)
	}
	return p, nil
}

// parse takes a key with a name and an allowed algorithm, which no symmetric key has. RSA keys have
// at least 2048 bits by jwk's own rule.
func (k *keys) parse(entry []byte) (id string, one key, err error) {
	parsed, err := jwk.ParseKey(entry)
	if err != nil {
		return "", key{}, err
	}
	id, _ = parsed.KeyID()
	use, used := parsed.KeyUsage()
	name, _ := parsed.Algorithm()
	i := slices.IndexFunc(k.algorithms, func(a jwa.SignatureAlgorithm) bool {
		return name != nil && a.String() == name.String()
	})
	if id == "" || len(id) > maxKeyID || used && use != jwk.ForSignature.String() || i < 0 {
		return "", key{}, errors.New("not a key for signatures by an allowed algorithm")
	}
	public, err := parsed.PublicKey()
	if err == nil {
		err = public.Validate()
	}
	return id, key{algorithm: k.algorithms[i], public: public}, err
}
