package awstest

import "testing"

// orgState reads what there is in Organizations and Identity Center.
func (w *World) orgState(*testing.T) string { return "" }

// orgNeeds are the rights of calls to Organizations and Identity Center.
func (w *World) orgNeeds(_ *testing.T, call Call) []Need { return []Need{{call.Operation, "*"}} }
