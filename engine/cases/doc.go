// Package cases runs the tests of runbooks on the simulated world.
package cases
