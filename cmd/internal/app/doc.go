// Package app wires firebreak together: from a configuration to a journal, a
// registry of actions, a host, a bot and its ways in. It is the one place that
// sees all adapters; everything else is reached through ports.
//
//	a, err := app.Open(ctx, cfg, app.Options{Log: logger})
//	defer a.Close(ctx)
//	err = a.Serve(ctx) // until ctx ends or the store can no longer be used
//
// Opening takes the store: a second process gets a *journal.LockedError. What
// needs no store (lint, plan, the list of actions) uses Registry and Load.
//
// # Design
//
// The wiring is ordinary code read from top to bottom. A container that finds
// dependencies by type or name was rejected: at three in the morning somebody
// has to see what is connected to what.
package app
