package iam_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func deleteCases(emulator *awstest.Emulator) []named {
	return []named{{"delete key", actionstest.Case{Action: "aws.iam.delete_access_key", Errors: changeErrorsOf("gone"), World: func(t *testing.T) actionstest.World {
		w := emulator.World(t)
		w.User(t, "/team/", "ci-deploy")
		w.AccessKey(t, "ci-deploy")
		id, secret := w.AccessKey(t, "ci-deploy")
		w.SetKey(t, "ci-deploy", id, false)
		return actionstest.World{
			Registry: provider(w), Call: awstest.NewCall(), Snapshot: w.IAMState, Params: map[string]any{"user": "ci-deploy", "access_key_id": id},
			Canaries:   []string{w.Credentials.SecretAccessKey, secret},
			LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("iam:DeleteAccessKey", awstest.EveryAttempt) },
			Fault:      faults(w, "iam:DeleteAccessKey"),
		}
	}}}}
}

// changeErrorsOf are the faults of every change without some that are no errors
// for this one.
func changeErrorsOf(without ...string) map[string]actions.Class {
	list := map[string]actions.Class{}
	for name, class := range changeErrors {
		list[name] = class
	}
	for _, name := range without {
		delete(list, name)
	}
	return list
}

func TestDeleteAccessKey(t *testing.T) {
	fake := awstest.NewFake(t, awsfake.Options{})
	fake.AddUser("ci-deploy")
	fake.AddAccessKey("ci-deploy", "AKIAIOSFODNN7EXAMPLE", "x")
	answer := ""
	url := awstest.Front(t, fake, func(w http.ResponseWriter, action string) bool {
		if action != "GetAccessKeyLastUsed" || answer == "" {
			return false
		}
		_, _ = w.Write([]byte("<GetAccessKeyLastUsedResponse><GetAccessKeyLastUsedResult>" + answer + "</GetAccessKeyLastUsedResult></GetAccessKeyLastUsedResponse>"))
		return true
	}, nil)
	r := registry(fake, awstest.Via(url))
	off := awstest.NewStep(t, r, "aws.iam.deactivate_access_key", map[string]any{"access_key_id": "AKIAIOSFODNN7EXAMPLE"})
	gone := awstest.NewStep(t, r, "aws.iam.delete_access_key", map[string]any{"user": "ci-deploy", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "unused_for": "24h"})
	_, err := gone.Handler.Plan(t.Context(), gone.Call, gone.Params)
	awstest.Fails(t, err, actions.Precondition, "is Active", "aws.iam.deactivate_access_key")
	off.Plan().Execute()
	answer = "<UserName>ci-deploy</UserName><AccessKeyLastUsed><ServiceName>s3</ServiceName><Region>us-east-1</Region><LastUsedDate>" + time.Now().Add(-time.Hour).UTC().Format(time.RFC3339) + "</LastUsedDate></AccessKeyLastUsed>"
	_, err = gone.Handler.Plan(t.Context(), gone.Call, gone.Params)
	awstest.Fails(t, err, actions.Precondition, "by s3", "less than 24h")
	answer = strings.Replace(answer, "<LastUsedDate>20", "<LastUsedDate>19", 1)
	gone.Plan()
	if gone.Preview.NoUndo == "" {
		t.Error("the preview does not say that a deleted key cannot come back")
	}
	answer = ""
	if err := off.Handler.Undo(t.Context(), off.Call, off.Params, off.Result); err != nil {
		t.Fatal(err)
	}
	_, err = gone.Handler.Execute(t.Context(), gone.Call, gone.Params)
	awstest.Fails(t, err, actions.Precondition, "is Active")
	off.Execute()
	gone.Execute().Is(actions.Verified, "has no key")
	for _, empty := range []string{"<UserName></UserName>", "<UserName>ci-deploy</UserName>"} { // no list, and no word that there is no such key
		answer = empty
		gone.Is(actions.CannotVerify, "")
	}
}
