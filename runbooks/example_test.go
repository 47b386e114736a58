package runbooks_test

import (
	"fmt"
	"os"

	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

// Every mistake is found at once, with its place and what to do.
func ExampleLoad() {
	src := []byte(`apiVersion: firebreak/v1
kind: Runbook
id: leaked-key
title: Leaked key
inputs:
  key: {type: string}
steps:
  - id: owner
    uses: aws.iam.lookup_access_key
    with: {access_key_id: "${{ inputs.kye }}"}
  - id: disable
    uses: aws.iam.deactivate_access_key
    if: steps.owner.outputs.status == "active"
    with: {access_key_id: "${{ inputs.key }}"}
    retries: {attempts: 3}
`)
	_, found := runbooks.Load("leaked-key.yaml", src, runbookstest.Catalog())
	if err := found.WriteText(os.Stdout, map[string][]byte{"leaked-key.yaml": src}); err != nil {
		fmt.Println(err)
	}
	// Output:
	// leaked-key.yaml:10:39: there is no input "kye" [reference]
	//   10 |     with: {access_key_id: "${{ inputs.kye }}"}
	//      |                                       ^
	//        did you mean "key"?
	// leaked-key.yaml:13:39: steps.owner.outputs.status is never "active" [expression]
	//   13 |     if: steps.owner.outputs.status == "active"
	//      |                                       ^
	//        did you mean "Active"?
	// leaked-key.yaml:15:5: the key "retries" is not known in a step [unknown-key]
	//   15 |     retries: {attempts: 3}
	//      |     ^
	//        did you mean "retry"?
}
