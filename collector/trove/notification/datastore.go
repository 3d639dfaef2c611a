package notification

// unknownService is the service_id of a database whose datastore has none in Trove's
// configuration. Several datastores may share it, so it names none.
const unknownService = "unknown-service-id-error"

// datastore returns the name of the datastore with a service_id, and the service_id where the name
// is another word. The name is the service_id itself where nothing else is known of it.
//
// A notification names its datastore by a service_id alone. Which one stands for which datastore is
// Trove's setting notification_service_id; these are its defaults, of all releases. Source:
// openstack/trove, trove/common/cfg.py; UNKNOWN_SERVICE_ID there.
func datastore(serviceID string) (name, id string) {
	switch serviceID {
	case "", unknownService:
		return "", ""
	case "2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b":
		name = "mysql"
	case "fd1723f5-68d2-409c-994f-a4a197892a17":
		name = "percona"
	case "75a628c3-f81b-4ffb-b10a-4087c26bc854":
		name = "pxc"
	case "7a4f82cc-10d2-4bc6-aadc-d9aacc2a3cb5":
		name = "mariadb"
	case "ac277e0d-4f21-40aa-b347-1ea31e571720":
		name = "postgresql"
	case "b216ffc5-1947-456c-a4cf-70f94c05f7d0":
		name = "redis"
	case "459a230d-4e97-4344-9067-2a54a310b0ed":
		name = "cassandra"
	case "fa62fe68-74d9-4779-a24e-36f19602c415":
		name = "couchbase"
	case "f0a9ab7b-66f7-4352-93d7-071521d44c7c":
		name = "couchdb"
	case "c8c907af-7375-456f-b929-b637ff9209ee":
		name = "mongodb"
	case "a8d805ae-a3b2-c4fd-gb23-b62cee5201ae": // with a g, as Trove has it
		name = "vertica"
	case "e040cd37-263d-4869-aaa6-c62aa97523b5":
		name = "db2"
	default:
		return serviceID, ""
	}
	return name, serviceID
}
