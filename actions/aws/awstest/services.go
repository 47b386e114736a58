package awstest

import "testing"

// servicesState reads what there is in RDS, Lambda and CloudTrail.
func (w *World) servicesState(*testing.T) string { return "" }

// servicesNeeds are the rights of calls to RDS, Lambda and CloudTrail.
func (w *World) servicesNeeds(_ *testing.T, call Call) []Need { return []Need{{call.Operation, "*"}} }

// lambdaOperations are the REST operations of Lambda.
func lambdaOperations() []rest { return nil }
