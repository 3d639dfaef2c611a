package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Outage reports whether an error of Connect, EnsureStreams or Check passes by itself: the server
// is away, has no leader or no room, or did not answer in time. A service waits for the end of an
// outage; anything else is a matter of configuration.
func Outage(err error) bool {
	if err == nil || errors.Is(err, ErrDenied) {
		return false
	}
	if NoRoom(err) {
		return !RoomOver(err)
	}
	if api := apiError(err); api != nil {
		switch api.ErrorCode {
		case jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount,
			codeInsufficientResources, codeStorageExceeded:
			return false
		case codeNoPeers: // servers of the cluster are down
			return true
		}
		return api.Code == http.StatusServiceUnavailable
	}
	return slices.ContainsFunc(outages, func(known error) bool { return errors.Is(err, known) }) || unreachable(err)
}

var outages = []error{
	context.DeadlineExceeded, io.EOF, ErrNotConnected,
	nats.ErrNoServers, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionClosed,
	nats.ErrConnectionReconnecting, nats.ErrStaleConnection, nats.ErrMaxConnectionsExceeded,
	nats.ErrReconnectBufExceeded, // nothing is buffered while the connection is away
}

// apiError is the JetStream API's answer in an error, nil if there is none.
func apiError(err error) *jetstream.APIError {
	var api *jetstream.APIError
	var known jetstream.JetStreamError
	switch {
	case errors.As(err, &api):
		return api
	case errors.As(err, &known):
		return known.APIError()
	}
	return nil
}

// unreachable reports whether an error is the network's. A name that nobody resolves may be that of
// a server that is about to start; an address that makes no sense, or a refused certificate, stays.
func unreachable(err error) bool {
	var network net.Error
	var address *net.AddrError
	var parse *net.ParseError
	var alert tls.AlertError
	var malformed *url.Error
	return errors.As(err, &network) && !errors.As(err, &address) && !errors.As(err, &parse) &&
		!errors.As(err, &alert) && !errors.As(err, &malformed)
}

// checkScheme refuses a URL of another protocol, which the client would take for a NATS server's.
func checkScheme(urls string) error {
	for one := range strings.SplitSeq(urls, ",") {
		scheme, _, ok := strings.Cut(strings.TrimSpace(one), "://")
		if ok && !slices.Contains([]string{"nats", "tls", "ws", "wss"}, scheme) {
			return fmt.Errorf("connecting to NATS at %s: %s:// is not NATS's: give nats://host:port or "+
				"tls://host:port (NATS_URL)", redact(urls), scheme)
		}
	}
	return nil
}

// asked is a request under way.
type asked struct {
	subject string
	cancel  context.CancelCauseFunc
}

// asking registers a request, or all requests below a subject that ends in >. The returned context
// ends when the server refuses one: a server does not answer a request without permission.
func (b *Bus) asking(ctx context.Context, subject string) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	a := &asked{subject, cancel}
	b.mu.Lock()
	b.requests[a] = struct{}{}
	b.mu.Unlock()
	return ctx, func() {
		b.mu.Lock()
		delete(b.requests, a)
		b.mu.Unlock()
		cancel(nil)
	}
}

// covers reports whether a subject is that of the request, or below it.
func (a *asked) covers(subject string) bool {
	above, all := strings.CutSuffix(a.subject, ">")
	return a.subject == subject || all && strings.HasPrefix(subject, above)
}

// deniedOr is the server's refusal of a request, else the error.
func deniedOr(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); err != nil && errors.Is(cause, ErrDenied) {
		return cause
	}
	return err
}

const subscriptionPrefix = `Permissions Violation for Subscription to "`

// denyRequests ends the requests that a refusal concerns: without its inbox a connection gets no
// answer at all.
func (b *Bus) denyRequests(err error) {
	_, inbox, listening := strings.Cut(err.Error(), subscriptionPrefix+nats.InboxPrefix)
	_, rest, publishing := strings.Cut(err.Error(), permissionPrefix)
	subject, _, _ := strings.Cut(rest, `"`)
	inbox, _, _ = strings.Cut(inbox, `"`)
	b.mu.Lock()
	defer b.mu.Unlock()
	for a := range b.requests {
		switch {
		case listening:
			a.cancel(fmt.Errorf("%w: the user may not subscribe to %s%s; allow %s> in the server's configuration",
				ErrDenied, nats.InboxPrefix, inbox, nats.InboxPrefix))
		case publishing && a.covers(subject):
			a.cancel(fmt.Errorf("%w: the user may not publish to %s; allow it in the server's configuration", ErrDenied,
				subject))
		}
	}
}
