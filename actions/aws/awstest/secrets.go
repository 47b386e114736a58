package awstest

import "testing"

// secretsState reads what there is in Secrets Manager and KMS.
func (w *World) secretsState(*testing.T) string { return "" }

// secretsNeeds are the rights of calls to Secrets Manager and KMS.
func (w *World) secretsNeeds(_ *testing.T, call Call) []Need {
	if key, ok := call.Body["KeyId"].(string); ok {
		return []Need{{call.Operation, key}}
	}
	return []Need{{call.Operation, "*"}}
}
