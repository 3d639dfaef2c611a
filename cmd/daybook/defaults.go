package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/daybook-billing/daybook/api"
	"github.com/daybook-billing/daybook/cmd/daybook/collect"
	"github.com/daybook-billing/daybook/cmd/daybook/shell"
	"github.com/daybook-billing/daybook/collector/cf"
	"github.com/daybook-billing/daybook/collector/directory"
	"github.com/daybook-billing/daybook/collector/file"
	"github.com/daybook-billing/daybook/collector/trove"
	"github.com/daybook-billing/daybook/internal/bus"
	"github.com/daybook-billing/daybook/internal/cfapi"
	"github.com/daybook-billing/daybook/internal/service"
	"github.com/daybook-billing/daybook/projector"
	inspector "github.com/daybook-billing/daybook/reconcile/inspector/cf"
	reconcile "github.com/daybook-billing/daybook/reconcile/service"
)

// defaults are the variables in the tags of flags. Each default stands once, in the package of its
// setting.
func defaults() kong.Vars {
	return kong.Vars{
		"listen":    bus.DefaultListen,
		"nats_url":  shell.DefaultURL,
		"api":       api.DefaultAddress,
		"drain":     flagText(service.DefaultDrain),
		"room_wait": flagText(shell.DefaultRoomWait),

		"signing_key": shell.DefaultSigningKey,

		"file_foundation": file.DefaultFoundation,
		"order_help": "Order of the input: api (as the API lists events; another is refused), natural (the same, " +
			"files in the order of the numbers in their names), created_at (by time), given (not checked).",

		"cf_user_agent":    cf.DefaultUserAgent,
		"cf_schedule":      flagText(cf.DefaultSchedule),
		"cf_min_wait":      flagText(collect.PoliteWait),
		"cf_page_size":     strconv.Itoa(cf.DefaultPageSize),
		"cf_min_age":       flagText(cf.DefaultMinAge),
		"cf_overlap":       flagText(cf.DefaultOverlap),
		"cf_overlap_every": flagText(cf.DefaultOverlapEvery),
		"names_every":      flagText(directory.DefaultEvery),
		"cf_retention":     flagText(cf.DefaultRetention),

		"trove_heartbeat":      flagText(trove.DefaultHeartbeat),
		"trove_durability":     trove.DefaultDurability,
		"trove_routing_keys":   strings.Join(trove.DefaultRoutingKeys(), ","),
		"trove_queue":          trove.DefaultQueue,
		"trove_delivery_limit": strconv.Itoa(trove.DefaultDeliveryLimit),
		"trove_prefetch":       strconv.Itoa(trove.DefaultPrefetch),
		"trove_settle":         flagText(trove.DefaultSettle),

		"reconcile_every":    flagText(reconcile.DefaultEvery),
		"reconcile_alarm":    flagText(reconcile.DefaultAlarm),
		"reconcile_patience": flagText(reconcile.DefaultPatience),
		"reconcile_retake":   flagText(inspector.DefaultRetake),

		"reconcile_list_size": strconv.Itoa(cfapi.MaxPageSize),

		"cut":             string(projector.DefaultCut),
		"build_timeout":   flagText(projector.DefaultBuildTimeout),
		"absence_windows": strconv.Itoa(projector.DefaultAbsenceWindows),
	}
}

// flagText is a duration without zero minutes and seconds: 5m, not 5m0s.
func flagText(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
