package awstest

import "testing"

// lambdaState reads what there is in Lambda.
func (w *World) lambdaState(*testing.T) string { return "" }

// lambdaNeeds are the rights of calls to Lambda.
func (w *World) lambdaNeeds(_ *testing.T, call Call) []Need { return []Need{{call.Operation, "*"}} }

// lambdaOperations are the REST operations of Lambda.
func lambdaOperations() []rest { return nil }
