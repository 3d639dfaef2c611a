package names

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/daybook-billing/daybook/internal/jsondoc"
)

// Members with names, by their keys.
const (
	keyName   = "name"
	keyGUID   = "guid"
	endOfName = "_name"
)

// named reports whether a member has a name of a tenant's, and the key of the guid beside it; in is
// the key of the object around it.
type named func(in, key string) (guid string, is bool)

// platformNames knows the members of facts: usage events of Cloud Foundry of v3 and v2, and
// notifications of Trove. Names of plans, offerings, brokers and buildpacks are the platform's.
func platformNames(in, key string) (guid string, is bool) {
	switch key {
	case keyName:
		switch in {
		case "app", "task", "space", "organization", "project", "service_instance":
			return keyGUID, true
		}
		return "instance_id", in == "" || in == "payload"
	case "display_name", "instance_name":
		return "instance_id", true
	case "app_name", "parent_app_name", "task_name", "space_name", "org_name", "organization_name",
		"service_instance_name":
		return strings.TrimSuffix(key, endOfName) + "_" + keyGUID, true
	case "tenant_name", "project_name":
		return strings.TrimSuffix(key, endOfName) + "_id", true
	}
	return "", false
}

// anyNames takes every name for the tenant's: nobody knows what input without a meaning has.
func anyNames(_, key string) (guid string, is bool) {
	if key == keyName {
		return keyGUID, true
	}
	return strings.TrimSuffix(key, endOfName) + "_" + keyGUID, strings.HasSuffix(key, endOfName)
}

// eraseJSON puts guids in the places of names in a JSON object: of the members with names, and of
// every string that is one of the known names, which those of the members join. A name without a
// guid beside it has that of the tenant. All other bytes stay. Bytes that are no JSON object become
// an empty one.
func eraseJSON(text []byte, tenant string, known map[string]string, is named) []byte {
	d := jsondoc.Borrow()
	defer d.Return()
	if d.Parse(text) != nil {
		return []byte("{}")
	}
	find(d.Root(), "", tenant, known, is)
	erased, _ := d.ReplaceTexts(func(s string) string {
		if guid, name := known[s]; name {
			return guid
		}
		if strings.HasPrefix(s, "{") && json.Valid([]byte(s)) { // an object in the text of another
			return string(eraseJSON([]byte(s), tenant, known, is))
		}
		return s
	})
	return append([]byte{}, erased...)
}

// find notes the names in a value, with their guids.
func find(v jsondoc.Value, in, tenant string, known map[string]string, is named) {
	v.Each(func(key []byte, member jsondoc.Value) {
		of := string(key)
		if v.Kind() == jsondoc.Array {
			of = in
		}
		name := member.Text()
		sibling, has := is(in, of)
		if _, noted := known[name]; has && !noted && name != "" {
			known[name] = cmp.Or(v.Get(sibling).Text(), tenant)
		}
		find(member, of, tenant, known, is)
	})
}
