package awstest

import "testing"

// aroundState reads what stands around instances: profiles, subnets' network
// ACLs, Auto Scaling, load balancers.
func (w *World) aroundState(*testing.T) []string { return nil }

// aroundRights are the rights of calls about those.
func (w *World) aroundRights() map[string]rights { return nil }
