package awstest

import "testing"

// copyState reads what is collected of instances: snapshots, commands of Systems
// Manager.
func (w *World) copyState(*testing.T) []string { return nil }

// copyRights are the rights of calls about those.
func (w *World) copyRights() map[string]rights { return nil }
