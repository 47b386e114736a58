// Package rehearsal plays a scenario of a runbook with people, on the real
// core, in a world that is made up.
package rehearsal
