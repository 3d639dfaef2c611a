package metered

import "github.com/daybook-billing/daybook/events"

// AnomalyCodes are the codes of all anomalies, in METERED and in BILLING.
func AnomalyCodes() []string {
	return []string{
		events.AnomalyOrphanEnding, events.AnomalyLostChange, events.AnomalyBuildWithoutEnd,
		events.AnomalyDeleteWithoutCreate, events.AnomalyFailedBuild, events.AnomalyUnknownVolume,
		events.AnomalySilent, events.AnomalyAfterDelete, events.AnomalyClosedPeriod, events.AnomalyInconsistent,
		events.AnomalyClock, events.AnomalyReplicaResize, events.AnomalyUnknownHold, events.AnomalyUnreadable,
		events.AnomalyLongLabel, events.AnomalyTooLong, events.AnomalyManyHolds,
		events.AnomalyRefusedMonth, events.AnomalyRefusedSeal, events.AnomalyUnknownPlan,
	}
}
