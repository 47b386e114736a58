package runbookstest

import (
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Whole gives a program in which every part of the language is used, for tests
// of what reads a program. It is built by hand: it has no source, and its
// expressions are not compiled.
func Whole() *runbooks.Program {
	leads := []string{"group:security-leads"}
	minute := runbooks.Span(time.Minute)
	one, five := int64(1), int64(5)
	inner := &runbooks.Program{
		Semantics: runbooks.Semantics, Digest: "c0ffee0123456789c0ffee0123456789c0ffee0123456789c0ffee0123456789", ID: "tell-owner", Title: "Tell the owner",
		Owner:   runbooks.Owner{Team: "cloud-security"},
		Inputs:  []runbooks.Input{{Name: "user", Type: actions.String, Required: true}},
		Outputs: []runbooks.Output{{Name: "told", Value: Expr(`steps.post.status == "done"`), Field: actions.Field{Kind: actions.Bool, Required: true}}},
		Steps: []runbooks.Step{
			Tell("post", "Write to the owner", "to ${{ inputs.user }}"),
			{ID: "call", Title: "Call the owner", Manual: &runbooks.Manual{Instructions: Text("Call them.")}, Needs: []string{"post"}, If: Expr(`steps.post.status != "done"`), OnFailure: runbooks.Stop, OnRefused: runbooks.Stop, Critical: true},
		},
		OnCancel: []runbooks.Step{Tell("stop", "Say that nobody calls", "nobody calls ${{ inputs.user }}")},
	}
	return &runbooks.Program{
		Semantics: runbooks.Semantics, Digest: "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789", ID: "everything", Title: "Every part of the language",
		Description:  "Reads, contains,\nand tells.",
		Owner:        runbooks.Owner{Team: "cloud-security", Contact: "#cloud-sec", Escalate: "group:security-leads"},
		Environments: []string{"prod", "staging"}, Budget: 20 * minute, ReviewBy: "2027-06-30",
		Inputs: []runbooks.Input{
			{Name: "access_key_id", Type: actions.String, Format: "aws.access_key_id", Description: "The key that leaked", Required: true},
			{Name: "roles", Type: actions.List, Of: &runbooks.Input{Type: actions.String, Format: "aws.iam.role", Pattern: "^[a-z|]+$"}, Max: &five, Description: "Roles it could assume", Default: []any{}},
			{Name: "count", Type: actions.Int, Min: &one, Max: &five, Default: int64(2)},
			{Name: "mode", Type: actions.String, Enum: []string{"soft", "hard"}, Default: "soft"},
			{Name: "token", Type: actions.String, Sensitive: true, Required: true},
		},
		Outputs: []runbooks.Output{{Name: "disabled", Value: Expr(`steps.disable.status == "done"`), Field: actions.Field{Kind: actions.Bool, Required: true}}},
		Steps: []runbooks.Step{
			{
				ID: "owner", Title: "Find the owner of the key", Uses: "aws.iam.lookup_access_key", ActionVersion: 1, Effect: actions.Read, Repeat: actions.Idempotent,
				With: Args("access_key_id", "${{ inputs.access_key_id }}"), Retry: runbooks.Retry{Attempts: 1}, Timeout: minute, Evidence: true,
				OnFailure: runbooks.Stop, OnRefused: runbooks.Stop, Critical: true,
				Outputs: []actions.Field{{Name: "status", Kind: actions.String, Required: true}},
			},
			{
				ID: "disable", Title: "Disable the key", Uses: "aws.iam.deactivate_access_key", ActionVersion: 1, Effect: actions.Reversible, Repeat: actions.Idempotent, Settle: minute, CanUndo: true,
				With: Args("access_key_id", "${{ inputs.access_key_id }}", "user", "${{ steps.owner.outputs.user }}"), Needs: []string{"owner"}, If: Expr(`steps.owner.outputs.status == "Active"`),
				Approval: &runbooks.Approval{From: leads, Quorum: 1, Expires: 15 * minute, Remind: 5 * minute, StepUp: true, Escalate: &runbooks.Escalate{After: 5 * minute, To: []string{"group:ciso"}},
					BreakGlass: &runbooks.BreakGlass{By: []string{"group:commanders"}, Review: leads, Within: 48 * 60 * minute}},
				Verify: &runbooks.Verify{Within: minute}, Retry: runbooks.Retry{Attempts: 3, Backoff: minute / 30}, Timeout: minute / 2, Total: 10 * minute,
				OnFailure: runbooks.Stop, OnRefused: runbooks.Continue, Contains: &runbooks.Contains{Expires: 72 * 60 * minute, Ask: leads},
				Undo: &runbooks.UndoRule{Approval: &runbooks.Approval{From: leads, Quorum: 2, Expires: 15 * minute}, Within: 2 * minute},
			},
			{
				ID: "revoke", Title: "Revoke the sessions of each role", Uses: "aws.iam.revoke_sessions", ActionVersion: 1, Effect: actions.Reversible, Repeat: actions.Idempotent, CanUndo: true,
				With: Args("role", "${{ item }}"), Needs: []string{"owner"}, ForEach: &runbooks.ForEach{In: Expr("inputs.roles"), Item: actions.Field{Kind: actions.String, Required: true}, MaxParallel: 5, MaxPercent: 10},
				Approval: &runbooks.Approval{From: leads, Quorum: 1, Expires: 15 * minute}, Verify: &runbooks.Verify{Within: minute},
				Retry: runbooks.Retry{Attempts: 1}, Timeout: minute, OnFailure: runbooks.Undo, OnRefused: runbooks.Stop, Critical: true,
			},
			{ID: "settle", Title: "Let it settle", Wait: &runbooks.Wait{For: 10 * minute}, Needs: []string{"disable", "revoke"}, OnFailure: runbooks.Stop, OnRefused: runbooks.Stop},
			{ID: "later", Wait: &runbooks.Wait{Until: Expr("now + 60")}, Needs: []string{"settle"}, OnFailure: runbooks.Stop, OnRefused: runbooks.Stop},
			{
				ID: "wipe", Title: "Wipe the machine", Uses: "test.terminate", ActionVersion: 2, Effect: actions.Destructive, Repeat: actions.Once,
				With: Args("target", "i-0abc"), Needs: []string{"later"}, Approval: &runbooks.Approval{From: []string{"group:security-leads", "person:bob"}, Quorum: 2, Expires: 30 * minute},
				Verify: &runbooks.Verify{Within: minute}, Retry: runbooks.Retry{Attempts: 1}, Timeout: minute, OnFailure: runbooks.Ask, OnRefused: runbooks.Stop, Critical: true,
			},
			{
				ID: "machine", Uses: "test.once", ActionVersion: 1, Effect: actions.Reversible, Repeat: actions.Once, With: Args("target", "i-0abc"), Needs: []string{"later"},
				Approval: &runbooks.Approval{From: leads, Quorum: 1, Expires: 15 * minute}, Retry: runbooks.Retry{Attempts: 1}, Timeout: minute, OnFailure: runbooks.Stop, OnRefused: runbooks.Stop, Critical: true,
				Undo: &runbooks.UndoRule{Manual: Text("Put the old group back.")},
			},
			{
				ID: "inform", Title: "Tell the owner", Runbook: &runbooks.Subrun{ID: inner.ID, Digest: inner.Digest, Program: inner}, With: Args("user", "${{ steps.owner.outputs.user }}"),
				Needs: []string{"wipe", "machine"}, OnFailure: runbooks.Continue, OnRefused: runbooks.Stop,
				Outputs: []actions.Field{{Name: "told", Kind: actions.Bool, Required: true}},
			},
			{
				ID: "review", Title: "Find out what the key did", Manual: &runbooks.Manual{Instructions: Text("Look at what ${{ inputs.access_key_id }} did.\nAnswer."), Answer: &runbooks.Input{Type: actions.String, Enum: []string{"nothing", "something"}}},
				Needs: []string{"inform"}, Total: 120 * minute, OnFailure: runbooks.Stop, OnRefused: runbooks.Stop, Critical: true,
				Outputs: []actions.Field{{Name: "answer", Kind: actions.String, Required: true, Enum: []string{"nothing", "something"}}},
			},
		},
		OnCancel: []runbooks.Step{
			Tell("tell_cancelled", "Say that it was cancelled", "cancelled; the key is ${{ steps.disable.status }}"),
			{ID: "look_after", Title: "Look what is left half done", Manual: &runbooks.Manual{Instructions: Text("Look.")}, Needs: []string{"tell_cancelled"}, OnFailure: runbooks.Stop, OnRefused: runbooks.Stop, Critical: true},
		},
		Waivers: []runbooks.Waiver{{Rule: "destructive-without-undo", Step: "wipe", Reason: "A wiped machine is rebuilt", Owner: "group:cloud-security", Expires: "2027-03-31"}},
	}
}

// Expr is an expression that is not compiled.
func Expr(source string) *runbooks.Expression { return &runbooks.Expression{Source: source} }

// Tell is a step that posts a text.
func Tell(id, title, text string) runbooks.Step {
	return runbooks.Step{
		ID: id, Title: title, Uses: "slack.post", ActionVersion: 1, Effect: actions.Reversible, Repeat: actions.Probe, Tells: true,
		With: Args("text", text), Retry: runbooks.Retry{Attempts: 1}, Timeout: runbooks.Span(30 * time.Second), OnFailure: runbooks.Continue, OnRefused: runbooks.Stop,
	}
}

// Args is the object of the names and texts that are given in turn, which must
// be sorted by name.
func Args(pairs ...string) *runbooks.Value {
	v := &runbooks.Value{Form: runbooks.Object}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Members = append(v.Members, runbooks.Member{Name: pairs[i], Value: Text(pairs[i+1])})
	}
	return v
}

// Text is a text that may hold ${{ expressions }} without quotes in them.
func Text(s string) *runbooks.Value {
	if !strings.Contains(s, "${{") {
		return &runbooks.Value{Form: runbooks.Literal, Literal: s}
	}
	v := &runbooks.Value{Form: runbooks.Text}
	for s != "" {
		before, rest, found := strings.Cut(s, "${{")
		if before != "" {
			v.Parts = append(v.Parts, runbooks.Part{Text: before})
		}
		if !found {
			break
		}
		inside, after, _ := strings.Cut(rest, "}}")
		v.Parts = append(v.Parts, runbooks.Part{Expr: Expr(strings.TrimSpace(inside))})
		s = after
	}
	return v
}
