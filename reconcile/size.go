package reconcile

import "github.com/daybook-billing/daybook/events"

// SameSize reports whether a floorplan shows a material in its billed size. Each platform's
// inventory tells less than its events, so only the size is compared, and of it only what the
// floorplan tells:
//
//   - app: instances, memory, and the buildpack by its guid, else by its name;
//   - task, staging: memory;
//   - service: the plan by its guid, else by its name;
//   - instance: the flavour by its id, else by its name. The memory is the flavour's;
//   - volume: its gigabytes.
//
// Trove's API and its notifications have different words for a datastore and a region, and the API
// has none for an availability zone: a difference in them is no change.
func SameSize(kind string, billed, there *events.Footprint) bool {
	switch kind {
	case events.KindApp:
		return told(there.Instances, billed.Instances) && told(there.MemoryMB, billed.MemoryMB) &&
			sameName(there.BuildpackGUID, billed.BuildpackGUID, there.Buildpack, billed.Buildpack)
	case events.KindTask, events.KindStaging:
		return told(there.MemoryMB, billed.MemoryMB)
	case events.KindService:
		return sameName(there.PlanGUID, billed.PlanGUID, there.Plan, billed.Plan)
	case events.KindInstance:
		return sameName(there.FlavorID, billed.FlavorID, there.Flavor, billed.Flavor)
	case events.KindVolume:
		return told(there.VolumeGB, billed.VolumeGB)
	}
	return false
}

// told reports whether a count is the billed one, or is not told.
func told(there, billed events.Count) bool { return !there.Known() || there == billed }

// sameName compares by ids, else by names. Without a word on both sides there is a difference only
// where nothing is billed.
func sameName(thereID, billedID, there, billed string) bool {
	switch {
	case thereID != "" && billedID != "":
		return thereID == billedID
	case there != "" && billed != "":
		return there == billed
	}
	return thereID == "" && there == "" || billedID != "" || billed != ""
}
