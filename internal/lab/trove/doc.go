// Package trove has the API of OpenStack Trove for tests, twice: made up over the database cloud of
// a simulated world, with faults (API), and Trove's own code (Real).
//
//	keystone := identity.NewKeystone(time.Now)
//	keystone.Grant("p1", "admin")
//	api := trove.New(platform, time.Now)
//	server := httptest.NewServer(trove.Behind(keystone, api))
//	api.Do(func(p *sim.Platform) { p.DeleteInstance(i) }) // while the API answers
//	api.Turn(func(k *trove.Knobs) { k.Half = true })
//
// The API lists the instances of a project in pages by their ids, and those of all projects in one
// answer, with the deleted ones; it shows one instance, to a project and to the management. Its
// answers and refusals are those of Trove 18: a spec holds them to Trove's own code.
//
// Source: openstack/trove 18.0.0, trove/instance/{service,views,models}.py,
// trove/extensions/mgmt/instances.
package trove
