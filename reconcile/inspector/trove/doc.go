// Package trove inspects a Trove: its floorplan, and looks at single databases.
//
// It reads Trove's API and Keystone (internal/troveapi), and writes nothing: a crash does nothing
// to it. What it keeps in memory, one id of the last list, saves a request.
//
// # What is there
//
// Each instance is a material of kind instance, and of kind volume where Trove tells the size of
// its volume; so is each replica and each member of a cluster. A build is nothing, and neither is
// an ERROR that is not known to have come after a build: Trove bills none before the first ACTIVE.
// An instance that is being deleted is there until its row is deleted.
//
// Footprints have the flavour's id, with its name and memory where Trove lists the flavour, or the
// volume's size. The datastore and the region are those of Trove's database: the operator's name
// for the datastore, the region of the compute service. Notifications have other words there
// (notification_service_id, region), and the availability zone is told by them alone:
// reconcile.SameSize leaves them all out. Since is the row's last change, an upper bound of the
// time at which the size was taken up; in a list without times it is zero.
//
// # What a list proves
//
// Presence. With the rights of management the list is of all projects; else each project's own, and
// complete for its tenant alone (Listing.Tenants). A list counts as complete once two readings have
// the same instances. An empty one never does where something is billed. Trove leaves out an
// instance without a service status, and a list of the management fails as a whole, with status
// 403, where Nova fails for one server.
//
// # What a look proves
//
// One database is gone where Trove's own document says 404 for it while a known other one is shown,
// by the same rights, before and after; or where the management shows its row as deleted, with the
// true time. A database that stands in the list before is undecided without such a row, whatever a
// later answer says: the next look finds out. Without the rights of management, a 404 counts only
// in the project that the database is billed to. What cannot be decided has no Sight, and the log
// says how many and why.
//
// # Limits
//
// Four readings of a list; 1,000 resources a look.
//
// Source: openstack/trove 18.0.0, trove/instance/{models,tasks,views}.py.
package trove
