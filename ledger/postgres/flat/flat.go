// Package flat gives usage events of Cloud Foundry the shape of a v2 event's entity, as the tables
// of paas-billing have them. It is pure.
package flat

import (
	"encoding/json"
	"fmt"
)

// Key is a member of an entity of v2, and where it stands in an event of v3: a group and a member
// of it.
type Key struct{ key, group, member string }

// App and Service are the members of the entities. Source: cloud_controller_ng,
// app/presenters/v2 and v3; app_guid of v2 is process.guid of v3, and parent_app_guid is app.guid.
var (
	App = []Key{
		{"state", "state", "current"},
		{"previous_state", "state", "previous"},
		{"memory_in_mb_per_instance", "memory_in_mb_per_instance", "current"},
		{"previous_memory_in_mb_per_instance", "memory_in_mb_per_instance", "previous"},
		{"instance_count", "instance_count", "current"},
		{"previous_instance_count", "instance_count", "previous"},
		{"app_guid", "process", "guid"},
		{"app_name", "app", "name"},
		{"parent_app_guid", "app", "guid"},
		{"parent_app_name", "app", "name"},
		{"process_type", "process", "type"},
		{"task_guid", "task", "guid"},
		{"task_name", "task", "name"},
		{"space_guid", "space", "guid"},
		{"space_name", "space", "name"},
		{"org_guid", "organization", "guid"},
		{"buildpack_guid", "buildpack", "guid"},
		{"buildpack_name", "buildpack", "name"},
	}
	Service = []Key{
		{"state", "state", ""},
		{"org_guid", "organization", "guid"},
		{"space_guid", "space", "guid"},
		{"space_name", "space", "name"},
		{"service_instance_guid", "service_instance", "guid"},
		{"service_instance_name", "service_instance", "name"},
		{"service_instance_type", "service_instance", "type"},
		{"service_plan_guid", "service_plan", "guid"},
		{"service_plan_name", "service_plan", "name"},
		{"service_guid", "service_offering", "guid"},
		{"service_label", "service_offering", "name"},
		{"service_broker_guid", "service_broker", "guid"},
		{"service_broker_name", "service_broker", "name"},
	}
)

// Entity is an event, as JSON, as the entity of v2, and its guid. An event in v2's form has the
// entity already. Error: the JSON has another shape.
func Entity(raw []byte, keys []Key) (entity []byte, guid string, err error) {
	var event struct {
		GUID     string          `json:"guid"`
		Entity   json.RawMessage `json:"entity"`
		Raw      json.RawMessage `json:"raw_message"` // a row of the tables of paas-billing
		Metadata struct {
			GUID string `json:"guid"`
		} `json:"metadata"`
	}
	if err := json.Unmarshal(raw, &event); err != nil {
		return nil, "", fmt.Errorf("a usage event: %w", err)
	}
	switch {
	case event.Entity != nil:
		return event.Entity, event.Metadata.GUID, nil
	case event.Raw != nil:
		raw = event.Raw
	}
	var groups map[string]json.RawMessage
	if err := json.Unmarshal(raw, &groups); err != nil {
		return nil, "", fmt.Errorf("a usage event: %w", err)
	}
	if groups["organization"] == nil {
		return raw, event.GUID, nil
	}
	all := map[string]json.RawMessage{}
	for _, k := range keys {
		value := groups[k.group]
		if k.member != "" {
			var members map[string]json.RawMessage
			if err := json.Unmarshal(value, &members); value != nil && err != nil {
				return nil, "", fmt.Errorf("a usage event: %s: %w", k.group, err)
			}
			value = members[k.member]
		}
		if value == nil {
			value = json.RawMessage("null")
		}
		all[k.key] = value
	}
	if string(all["app_guid"]) == "null" {
		all["app_guid"] = json.RawMessage(`""`) // as Cloud Controller stores it for tasks and staging
	}
	entity, err = json.Marshal(all)
	return entity, event.GUID, err
}
