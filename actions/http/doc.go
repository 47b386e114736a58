// Package http calls web services from runbook steps: http.get and
// http.request for any service on a list, and the ready actions
// okta.suspend_user, github.revoke_credential and pagerduty.event.
//
//	provider, err := http.New(http.Options{Hosts: []string{"api.example.com"}, Secrets: secrets})
//	provider.Register(registry)
//
// # What it keeps to
//
//   - A step reaches only hosts that the configuration lists, by their exact
//     names. A ready action reaches only the service it is made for.
//   - The address is checked at the moment of connecting, on the socket that is
//     really used. Names are looked up here, once, and the answers are dialled as
//     numbers, so a name that changes its mind in between gains nothing. See
//     [Refused] for what is never dialled unless Private opens it.
//   - There is no proxy, whatever the environment says: a proxy looks names up by
//     itself, so the check would see the proxy and not the target.
//   - Redirects are answers, never followed. Answers are not unpacked, have a
//     largest size, and all of a request has one time limit.
//   - A secret stands in a header, as a reference that ends the value:
//     "Bearer secret://env/TOKEN". It is resolved when the request is made, goes
//     only to hosts for which the configuration names it, and is masked in
//     whatever comes back. URLs hold no secrets, and errors show no queries.
//   - Bodies of answers are never recorded, except for the values that a step
//     selects by name.
//
// # Design
//
// Each request has a connection of its own. A pool of connections was rejected:
// the transport of net/http silently repeats a request when a pooled connection
// turns out to be dead, and one that was checked for one step would serve
// another. A check of the looked-up address before the dial was rejected too,
// because the name is looked up again by the dial: that gap is what rebinding
// uses.
package http
