// Package identity has the issuers of tokens that the API's tests need, as servers with knobs: a
// UAA and a Keystone.
//
//	uaa := identity.NewUAA(identity.NewKey("key-1"), time.Now)
//	server := httptest.NewServer(uaa)
//	uaa.At(server.URL)
//	uaa.Token(uaa.User("a-guid", "cloud_controller.read"))  // a good token
//	for _, f := range identity.Forgeries() { f.Make(uaa) }  // tokens to be refused
//
// The UAA gives no tokens over HTTP: a test makes every kind of them, good or bad, by a call. The
// UAA of a whole foundation, with users, clients and roles, is that of package cc; it signs with
// the same Key.
//
// Answer of both servers answers a request in place of the server: a page of HTML, an error, or
// nothing for a while. Asked counts the requests for a path.
//
// Sources: cloudfoundry/uaa at 13dc87a; Keystone's API reference, v3.
package identity
