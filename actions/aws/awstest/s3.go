package awstest

import "testing"

// s3State reads what there is in S3.
func (w *World) s3State(*testing.T) string { return "" }

// s3Needs are the rights of calls to S3.
func (w *World) s3Needs(_ *testing.T, call Call) []Need { return []Need{{call.Operation, "*"}} }

// s3Operations are the REST operations of S3 and S3 Control.
func s3Operations() []rest { return nil }
