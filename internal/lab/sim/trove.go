package sim

import (
	"strconv"
	"time"
)

// Flavor is one of Trove's sizes.
type Flavor struct {
	ID, Name string
	MemoryMB int
}

// Datastore is a database program: its name, and the service_id by which Trove's messages say it.
type Datastore struct{ Name, ServiceID string }

// Project is an OpenStack project: a tenant of the database cloud.
type Project struct{ ID, UserID, Region string }

// Instance is a Trove database instance with its volume.
type Instance struct {
	ID, Name  string
	Project   *Project
	Flavor    Flavor
	VolumeGB  int
	Datastore Datastore
	Zone      string // availability zone; it changes with the flavour only
	Active    bool

	created          int64 // Unix microseconds, as the database row has it
	nova, volume     string
	flavorRun, gbRun track
	index            int   // in Platform.Database
	busyUntil        int64 // Unix microseconds; World changes it no sooner
	updated, ended   int64 // Unix microseconds
}

// Created is when the build began.
func (i *Instance) Created() time.Time { return unixMicro(i.created) }

// Updated is when the instance was changed last.
func (i *Instance) Updated() time.Time { return unixMicro(i.updated) }

// Ended is when the instance was deleted; zero before it.
func (i *Instance) Ended() time.Time {
	if i.ended == 0 {
		return time.Time{}
	}
	return unixMicro(i.ended)
}

func unixMicro(micro int64) time.Time { return time.UnixMicro(micro).UTC() }

// Notification is a message about an instance as it was when the message was caused. Trove sends it
// a little later.
type Notification struct {
	event, state string
	instance     *Instance
	flavor       Flavor
	volumeGB     int
	zone         string
	at           int64 // when it took effect, Unix seconds
	oldMB, oldGB int
}

// CreateInstance begins to build an instance. Trove reports nothing before it is active, and bills
// from the creation then.
func (p *Platform) CreateInstance(project *Project, name string, flavor Flavor, volumeGB int) *Instance {
	i := &Instance{
		ID: p.newGUID().String(), Name: name, Project: project, Flavor: flavor, VolumeGB: volumeGB,
		Datastore: datastores()[len(p.Database)%2], Zone: flavor.zone(),
		created: p.now, updated: p.now, nova: p.newGUID().String(), volume: p.newGUID().String(),
		index: len(p.Database),
	}
	p.Database = append(p.Database, i)
	return i
}

// Activate ends the build. The instance runs from its creation on.
func (p *Platform) Activate(i *Instance) Notification {
	i.Active = true
	i.updated = p.now
	start := i.created / 1e6
	p.truth.begin(&i.flavorRun, start, i.identity(KindInstance), i.flavorFootprint())
	p.truth.begin(&i.gbRun, start, i.identity(KindVolume), i.volumeFootprint())
	return p.note(i, "create", "active", start)
}

// ResizeVolume changes the volume's size.
func (p *Platform) ResizeVolume(i *Instance, volumeGB int) Notification {
	old := i.VolumeGB
	i.VolumeGB = volumeGB
	i.updated = p.now
	p.truth.change(&i.gbRun, p.trueSecond(), i.identity(KindVolume), i.volumeFootprint())
	n := p.note(i, "modify_volume", "active", p.trueSecond())
	n.oldGB = old
	return n
}

// ResizeFlavor changes the flavour, and with it perhaps the zone.
func (p *Platform) ResizeFlavor(i *Instance, flavor Flavor) Notification {
	old := i.Flavor
	i.Flavor, i.Zone = flavor, flavor.zone()
	i.updated = p.now
	p.truth.change(&i.flavorRun, p.trueSecond(), i.identity(KindInstance), i.flavorFootprint())
	p.truth.change(&i.gbRun, p.trueSecond(), i.identity(KindVolume), i.volumeFootprint())
	n := p.note(i, "modify_flavor", "active", p.trueSecond())
	n.oldMB = old.MemoryMB
	return n
}

// DeleteInstance deletes an instance with its volume.
func (p *Platform) DeleteInstance(i *Instance) Notification {
	p.truth.end(&i.flavorRun, p.trueSecond())
	p.truth.end(&i.gbRun, p.trueSecond())
	i.updated, i.ended = p.now, p.now
	if p.KeepDeleted {
		p.Gone = append(p.Gone, i)
	}
	last := len(p.Database) - 1
	p.Database[i.index] = p.Database[last]
	p.Database[i.index].index = i.index
	p.Database[last] = nil
	p.Database = p.Database[:last]
	return p.note(i, "delete", "shutdown", p.trueSecond())
}

// Exists is the periodic sign of life. It has no sizes.
func (p *Platform) Exists(i *Instance) Notification {
	return p.note(i, "exists", "active", p.trueSecond())
}

func (p *Platform) note(i *Instance, event, state string, at int64) Notification {
	return Notification{
		event: event, state: state, instance: i, flavor: i.Flavor, volumeGB: i.VolumeGB, zone: i.Zone, at: at,
	}
}

func (i *Instance) identity(kind string) identity {
	return identity{kind: kind, resource: i.ID, tenant: i.Project.ID, name: i.Name}
}

// trueSecond is the clock of the database cloud in whole seconds.
func (p *Platform) trueSecond() int64 { return p.now / 1e6 }

func (i *Instance) flavorFootprint() Footprint {
	f := i.place()
	f.Flavor, f.FlavorID, f.MemoryMB = i.Flavor.Name, i.Flavor.ID, i.Flavor.MemoryMB
	return f
}

func (i *Instance) volumeFootprint() Footprint {
	f := i.place()
	f.VolumeGB = i.VolumeGB
	return f
}

// place is a footprint without a size.
func (i *Instance) place() Footprint {
	return Footprint{
		Datastore: i.Datastore.Name, DatastoreID: i.Datastore.ServiceID, Region: i.Project.Region,
		AvailabilityZone: i.Zone,
	}
}

// datastores are the databases on offer, with Trove's own ids.
func datastores() [2]Datastore {
	return [...]Datastore{
		{"mysql", "2f3ff068-2bfb-4f70-9a9d-a6bb65bc084b"}, {"postgresql", "ac277e0d-4f21-40aa-b347-1ea31e571720"},
	}
}

// zone is where the servers of a flavour are: the largest have a zone of their own.
func (f Flavor) zone() string {
	if f.MemoryMB >= 8192 {
		return "large"
	}
	return "nova"
}

// Send emits a notification now, by chance as a bare v1 body or in a v2 envelope, as drivers
// "messaging" and "messagingv2" of oslo.messaging write them.
func (p *Platform) Send(n Notification) {
	id := p.newGUID()
	message := p.appendMessage(p.inner[:0], id, &n)
	p.inner = message
	if p.random.Uint64()&1 == 0 {
		b := append(p.buffer[:0], `{"oslo.version": "2.0", "oslo.message": "`...)
		for _, c := range message {
			if c == '"' || c == '\\' {
				b = append(b, '\\')
			}
			b = append(b, c)
		}
		message = append(b, `"}`...)
		p.buffer = message
	}
	p.calls++
	p.emit(Event{
		Time: p.Now(), At: p.Now(), Call: p.calls, Trove: true, GUID: id.String(), Resource: n.instance.ID,
		JSON: message,
	})
}

func (p *Platform) appendMessage(b []byte, id guid, n *Notification) []byte {
	publisher := "trove-api-1"
	if n.event == "exists" {
		publisher = "taskmanager.trove-1"
	}
	b = append(b, `{"message_id": "`...)
	b = id.append(b)
	b = append(b, `", "publisher_id": "`...)
	b = append(b, publisher...)
	b = append(b, `", "event_type": "trove.instance.`...)
	b = append(b, n.event...)
	b = append(b, `", "priority": "INFO", "payload": {`...)
	if n.event == "exists" {
		b = p.appendExists(b, n)
	} else {
		b = p.appendPayload(b, n)
	}
	b = append(b, `}, "timestamp": "`...)
	b = appendTimestamp(b, p.now, ' ')
	b = append(b, `", "_unique_id": "`...)
	b = append(b, p.newGUID().plain()...)
	return append(b, `"}`...)
}

// appendPayload writes create, modify_volume, modify_flavor and delete, as Trove 18's taskmanager
// orders them.
func (p *Platform) appendPayload(b []byte, n *Notification) []byte {
	i := n.instance
	created := unixUTC(i.created / 1e6).Format("2006-01-02T15:04:05Z")
	at := unixUTC(n.at).Format("2006-01-02T15:04:05Z")
	launched := created
	if n.event == "modify_volume" || n.event == "modify_flavor" {
		launched = at
	}
	b = appendText(b, `"created_at": `, created)
	b = appendText(b, `, "name": `, i.Name)
	b = appendText(b, `, "instance_id": `, i.ID)
	b = appendText(b, `, "instance_name": `, i.Name)
	b = appendText(b, `, "instance_type_id": `, n.flavor.ID)
	b = appendText(b, `, "launched_at": `, launched)
	b = p.appendCommon(b, n)
	switch n.event {
	case "modify_volume":
		b = appendNumber(b, `, "old_volume_size": `, n.oldGB)
		b = appendText(b, `, "modify_at": `, at)
	case "modify_flavor":
		b = appendNumber(b, `, "old_instance_size": `, n.oldMB)
		b = appendText(b, `, "modify_at": `, at)
	case "delete":
		b = appendText(b, `, "deleted_at": `, at)
	}
	b = appendText(b, `, "user_id": `, i.Project.UserID)
	b = appendNumber(b, `, "instance_size": `, n.flavor.MemoryMB)
	b = appendText(b, `, "availability_zone": `, n.zone)
	b = appendNumber(b, `, "volume_size": `, n.volumeGB)
	b = appendText(b, `, "nova_volume_id": `, i.volume)
	b = appendText(b, `, "instance_type": `, n.flavor.Name)
	return appendText(b, `, "service_id": `, i.Datastore.ServiceID)
}

// appendExists writes the audit message: naive times with microseconds, an audit window, and no
// sizes.
func (p *Platform) appendExists(b []byte, n *Notification) []byte {
	i := n.instance
	created := string(appendTimestamp(nil, i.created, 'T'))
	b = appendText(b, `"audit_period_beginning": `, unixUTC(n.at-3600).Format("2006-01-02T15:04:05Z"))
	b = appendText(b, `, "audit_period_ending": `, unixUTC(n.at).Format("2006-01-02T15:04:05Z"))
	b = appendText(b, `, "created_at": `, created)
	b = appendText(b, `, "display_name": `, i.Name)
	b = appendText(b, `, "instance_id": `, i.ID)
	b = appendText(b, `, "instance_name": `, i.Name)
	b = appendText(b, `, "instance_type_id": `, n.flavor.ID)
	b = appendText(b, `, "launched_at": `, created)
	b = p.appendCommon(b, n)
	return appendText(b, `, "service_id": `, i.Datastore.ServiceID)
}

func (p *Platform) appendCommon(b []byte, n *Notification) []byte {
	b = appendText(b, `, "nova_instance_id": `, n.instance.nova)
	b = appendText(b, `, "region": `, n.instance.Project.Region)
	b = appendText(b, `, "state_description": `, n.state)
	b = appendText(b, `, "state": `, n.state)
	return appendText(b, `, "tenant_id": `, n.instance.Project.ID)
}

func appendText(b []byte, key, value string) []byte {
	return appendQuoted(append(b, key...), value)
}

func appendNumber(b []byte, key string, value int) []byte {
	return strconv.AppendInt(append(b, key...), int64(value), 10)
}

// appendTimestamp writes Unix microseconds as Python's datetime does: no zone, and no fraction when
// it is 0.
func appendTimestamp(b []byte, micro int64, separator byte) []byte {
	t := time.UnixMicro(micro).UTC()
	layout := "2006-01-02 15:04:05.000000"
	if micro%1e6 == 0 {
		layout = "2006-01-02 15:04:05"
	}
	from := len(b)
	b = t.AppendFormat(b, layout)
	b[from+10] = separator
	return b
}
