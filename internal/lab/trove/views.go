package trove

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stamp is a time as Trove's API writes it: naive, in UTC, in whole seconds.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.Format("2006-01-02T15:04:05")
}

func views(all []row, view func(r *row) object) []object {
	out := []object{}
	for i := range all {
		out = append(out, view(&all[i]))
	}
	return out
}

// status is the instance's: its task first, then its server's.
func (r *row) status() string {
	switch {
	case r.Status != "":
		return r.Status
	case !r.Ended().IsZero():
		return "SHUTDOWN"
	case r.Failed != "":
		return "ERROR"
	case !r.Active:
		return "BUILD"
	}
	return "ACTIVE"
}

// task is the instance's task, for the management.
func (r *row) task() string {
	switch {
	case r.Failed != "":
		return r.Failed
	case !r.Active:
		return "The instance is building."
	}
	return "No tasks for the instance."
}

func links(folder, id string) []object {
	return []object{
		{"href": "https://trove.internal:8779/v1.0/p/" + folder + "/" + id, "rel": "self"},
		{"href": "https://trove.internal:8779/" + folder + "/" + id, "rel": "bookmark"},
	}
}

// view is an instance in a project's list: InstanceView.
func (r *row) view(who caller, all []row) object {
	out := object{
		"id": r.ID, "name": r.Name, "status": r.status(), "operating_status": "", "links": links("instances", r.ID),
		"flavor":    object{"id": r.Flavor.ID, "links": links("flavors", r.Flavor.ID)},
		"datastore": object{"type": r.Datastore.Name, "version": "1.0"},
		"region":    r.Project.Region, "access": object{"is_public": false},
	}
	if r.status() == "ACTIVE" {
		out["operating_status"] = "HEALTHY"
		out["ip"] = []string{"10.0.0.3"}
		out["addresses"] = []object{{"address": "10.0.0.3", "type": "private", "network": "n"}}
	}
	if !r.Ended().IsZero() { // its foreign keys are null
		out["datastore"] = object{"type": nil, "version": nil}
	} else if r.Replica != "" {
		out["replica_of"] = object{"id": r.Replica, "links": links("instances", r.Replica)}
	}
	if who.admin {
		out["tenant_id"] = r.Project.ID
	}
	if !r.Diskful && r.Ended().IsZero() {
		out["volume"] = object{"size": r.VolumeGB}
	}
	var replicas []object
	for i := range all {
		if all[i].Replica == r.ID && all[i].Ended().IsZero() {
			replicas = append(replicas, object{"id": all[i].ID, "links": links("instances", all[i].ID)})
		}
	}
	if replicas != nil {
		out["replicas"] = replicas
	}
	return out
}

// detail is one instance alone: InstanceDetailView.
func (r *row) detail(who caller, all []row) object {
	out := r.view(who, all)
	out["created"], out["updated"], out["service_status_updated"] = stamp(r.Created()), stamp(r.Updated()),
		stamp(r.Updated())
	if r.Cluster != "" && r.Ended().IsZero() {
		out["cluster_id"] = r.Cluster
	}
	if r.Failed != "" {
		out["fault"] = object{"message": "Server error", "created": stamp(r.Updated()), "details": "Traceback"}
	}
	if who.admin {
		out["server_id"], out["volume_id"], out["encrypted_rpc_messaging"] = "server-"+r.ID, "volume-"+r.ID, true
	}
	return out
}

// management is an instance for the management: MgmtInstanceView.
func (r *row) management(who caller, all []row) object {
	out := r.detail(who, all)
	out["server"] = any(nil)
	if r.Ended().IsZero() {
		out["server"] = object{
			"id": "server-" + r.ID, "name": r.Name, "status": "ACTIVE", "tenant_id": "service", "host": "h",
		}
	}
	out["service_status"], out["tenant_id"] = "HEALTHY", r.Project.ID
	out["deleted"], out["deleted_at"] = !r.Ended().IsZero(), stamp(r.Ended())
	out["task_description"] = r.task()
	return out
}

// flavors are those of the instances.
func flavors(all []row) []object {
	byID := map[string]object{}
	for i := range all {
		f := all[i].Flavor
		number := any(nil)
		if n, err := strconv.Atoi(f.ID); err == nil && !strings.HasPrefix(f.ID, "0") {
			number = n
		}
		byID[f.ID] = object{
			"id": number, "str_id": f.ID, "name": f.Name, "ram": f.MemoryMB, "vcpus": 1, "disk": 0, "ephemeral": 0,
			"links": links("flavors", f.ID),
		}
	}
	out := []object{}
	for _, f := range byID {
		out = append(out, f)
	}
	slices.SortFunc(out, func(x, y object) int {
		a, _ := x["str_id"].(string)
		b, _ := y["str_id"].(string)
		return cmp.Compare(a, b)
	})
	return out
}
