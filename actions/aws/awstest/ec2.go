package awstest

import "testing"

// ec2State reads what there is in EC2, Auto Scaling, load balancers and Systems Manager.
func (w *World) ec2State(*testing.T) string { return "" }

// ec2Needs are the rights of calls to EC2, Auto Scaling, load balancers and Systems Manager.
func (w *World) ec2Needs(_ *testing.T, call Call) []Need { return []Need{{call.Operation, "*"}} }
