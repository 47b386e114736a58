package diff_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/diff"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func step(p *runbooks.Program, id string) *runbooks.Step {
	s, ok := p.Step(id)
	if !ok {
		panic("there is no step " + id)
	}
	return s
}

// Each line: what an author does, and what a reviewer reads, both ways.
func TestWeights(t *testing.T) {
	three, ten := int64(3), int64(10)
	for _, tt := range []struct {
		name string
		do   func(p *runbooks.Program)
		want string // weight and field of each change, one a line
		back string // the same the other way round
	}{
		{"quorum", func(p *runbooks.Program) { step(p, "wipe").Approval.Quorum = 1 }, "weaker wipe approval.quorum", "stronger wipe approval.quorum"},
		{"one more who may say yes", func(p *runbooks.Program) {
			a := step(p, "revoke").Approval
			a.From = []string{"group:security-leads", "group:everybody"}
		}, "weaker revoke approval.from", "stronger revoke approval.from"},
		{"another group", func(p *runbooks.Program) { step(p, "revoke").Approval.From = []string{"group:others"} }, "weaker revoke approval.from\nstronger revoke approval.from", "weaker revoke approval.from\nstronger revoke approval.from"},
		{"expiry", func(p *runbooks.Program) { step(p, "wipe").Approval.Expires *= 2 }, "weaker wipe approval.expires", "stronger wipe approval.expires"},
		{"signature", func(p *runbooks.Program) { step(p, "disable").Approval.StepUp = false }, "weaker disable approval.step_up", "stronger disable approval.step_up"},
		{"escalation", func(p *runbooks.Program) { step(p, "disable").Approval.Escalate = nil }, "stronger disable approval.escalate", "weaker disable approval.escalate"},
		{"escalation sooner", func(p *runbooks.Program) { step(p, "disable").Approval.Escalate.After /= 2 }, "weaker disable approval.escalate.after", "stronger disable approval.escalate.after"},
		{"nobody goes alone", func(p *runbooks.Program) { step(p, "disable").Approval.BreakGlass = nil }, "stronger disable approval.break_glass", "weaker disable approval.break_glass"},
		{"others go alone, too", func(p *runbooks.Program) {
			g := step(p, "disable").Approval.BreakGlass
			g.By = append(g.By, "person:dave")
		}, "weaker disable approval.break_glass.by", "stronger disable approval.break_glass.by"},
		{"others review", func(p *runbooks.Program) {
			step(p, "disable").Approval.BreakGlass.Review = []string{"group:others"}
		}, "weaker disable approval.break_glass.review\nstronger disable approval.break_glass.review", "weaker disable approval.break_glass.review\nstronger disable approval.break_glass.review"},
		{"others review, too", func(p *runbooks.Program) {
			step(p, "disable").Approval.BreakGlass.Review = []string{"group:security-leads", "group:others"}
		}, "weaker disable approval.break_glass.review", "stronger disable approval.break_glass.review"},
		{"a later review", func(p *runbooks.Program) { step(p, "disable").Approval.BreakGlass.Within *= 2 }, "weaker disable approval.break_glass.within", "stronger disable approval.break_glass.within"},
		{"a broken glass for the undo", func(p *runbooks.Program) {
			step(p, "disable").Undo.Approval.BreakGlass = &runbooks.BreakGlass{By: []string{"person:dave"}, Review: []string{"group:ciso"}, Within: runbooks.DefaultReview}
		}, "weaker disable undo.approval.break_glass", "stronger disable undo.approval.break_glass"},
		{"no approval", func(p *runbooks.Program) { step(p, "revoke").Approval = nil }, "weaker revoke approval", "stronger revoke approval"},
		{"approval of the undo", func(p *runbooks.Program) { step(p, "disable").Undo.Approval.Quorum = 1 }, "weaker disable undo.approval.quorum", "stronger disable undo.approval.quorum"},
		{"undo as the step", func(p *runbooks.Program) { step(p, "disable").Undo.Approval = nil }, "weaker disable undo.approval.quorum\nweaker disable undo.approval.escalate\nweaker disable undo.approval.break_glass\nstronger disable undo.approval.step_up\nneutral disable undo.approval.remind", "weaker disable undo.approval.step_up\nstronger disable undo.approval.quorum\nstronger disable undo.approval.escalate\nstronger disable undo.approval.break_glass\nneutral disable undo.approval.remind"},
		{"no way back", func(p *runbooks.Program) { step(p, "machine").Undo = nil }, "weaker machine undo.manual", "stronger machine undo.manual"},
		{"cannot undo", func(p *runbooks.Program) { step(p, "revoke").CanUndo = false }, "weaker revoke can_undo", "stronger revoke can_undo"},
		{"no proof", func(p *runbooks.Program) { step(p, "revoke").Verify = nil }, "weaker revoke verify", "stronger revoke verify"},
		{"proof later", func(p *runbooks.Program) { step(p, "revoke").Verify.Within *= 2 }, "neutral revoke verify.within", "neutral revoke verify.within"},
		{"more dangerous", func(p *runbooks.Program) { step(p, "revoke").Effect = actions.Destructive }, "weaker revoke effect", "stronger revoke effect"},
		{"version", func(p *runbooks.Program) { step(p, "revoke").ActionVersion = 2 }, "neutral revoke action_version", "neutral revoke action_version"},
		{"once no more", func(p *runbooks.Program) { step(p, "wipe").Repeat = actions.Idempotent }, "weaker wipe repeat", "stronger wipe repeat"},
		{"only tells", func(p *runbooks.Program) { step(p, "revoke").Tells = true }, "weaker revoke tells", "stronger revoke tells"},
		{"evidence", func(p *runbooks.Program) { step(p, "owner").Evidence = false }, "weaker owner evidence", "stronger owner evidence"},
		{"critical", func(p *runbooks.Program) { step(p, "wipe").Critical = false }, "weaker wipe critical", "stronger wipe critical"},
		{"goes on", func(p *runbooks.Program) { step(p, "owner").OnFailure = runbooks.Continue }, "weaker owner on_failure", "stronger owner on_failure"},
		{"asks instead", func(p *runbooks.Program) { step(p, "owner").OnFailure = runbooks.Ask }, "neutral owner on_failure", "neutral owner on_failure"},
		{"refused", func(p *runbooks.Program) { step(p, "disable").OnRefused = runbooks.Stop }, "stronger disable on_refused", "weaker disable on_refused"},
		{"containment has no end", func(p *runbooks.Program) { step(p, "disable").Contains = nil }, "weaker disable contains", "stronger disable contains"},
		{"containment ends later", func(p *runbooks.Program) { step(p, "disable").Contains.Expires *= 2 }, "weaker disable contains.expires", "stronger disable contains.expires"},
		{"condition of what changes", func(p *runbooks.Program) { step(p, "disable").If = nil }, "weaker disable if", "neutral disable if"},
		{"condition narrowed", func(p *runbooks.Program) {
			step(p, "disable").If = runbookstest.Expr(`steps.owner.outputs.status == "Active" && inputs.count > 1`)
		}, "neutral disable if", "weaker disable if"},
		{"condition turned", func(p *runbooks.Program) {
			step(p, "disable").If = runbookstest.Expr(`steps.owner.outputs.status == "Active" && inputs.count > 1 || true`)
		}, "weaker disable if", "weaker disable if"},
		{"another condition", func(p *runbooks.Program) { step(p, "disable").If = runbookstest.Expr(`true`) }, "weaker disable if", "weaker disable if"},
		{"condition of what a person does", func(p *runbooks.Program) { step(p, "review").If = runbookstest.Expr("true") }, "neutral review if", "neutral review if"},
		{"condition of evidence", func(p *runbooks.Program) { step(p, "owner").If = runbookstest.Expr("false") }, "weaker owner if", "neutral owner if"},
		{"argument", func(p *runbooks.Program) { step(p, "disable").With.Members[1].Value = runbookstest.Text("root") }, "neutral disable with.user", "neutral disable with.user"},
		{"argument of what destroys", func(p *runbooks.Program) { step(p, "wipe").With.Members[0].Value = runbookstest.Text("i-1") }, "weaker wipe with.target", "weaker wipe with.target"},
		{"order", func(p *runbooks.Program) { step(p, "wipe").Needs = []string{"owner"} }, "neutral wipe needs\nneutral wipe needs", "neutral wipe needs\nneutral wipe needs"},
		{"more at once", func(p *runbooks.Program) { step(p, "revoke").ForEach.MaxParallel = 50 }, "weaker revoke for_each.max_parallel", "stronger revoke for_each.max_parallel"},
		{"more may fail", func(p *runbooks.Program) { step(p, "revoke").ForEach.MaxPercent = 50 }, "weaker revoke for_each.max_errors_percent", "stronger revoke for_each.max_errors_percent"},
		{"another list", func(p *runbooks.Program) { step(p, "revoke").ForEach.In = runbookstest.Expr("inputs.all") }, "weaker revoke for_each.in", "weaker revoke for_each.in"},
		{"once, not for each", func(p *runbooks.Program) { step(p, "revoke").ForEach = nil }, "neutral revoke for_each", "weaker revoke for_each"},
		{"wait", func(p *runbooks.Program) { step(p, "settle").Wait.For /= 2 }, "neutral settle wait", "neutral settle wait"},
		{"instructions", func(p *runbooks.Program) { step(p, "review").Manual.Instructions = runbookstest.Text("Look.") }, "neutral review manual.instructions", "neutral review manual.instructions"},
		{"answer", func(p *runbooks.Program) { step(p, "review").Manual.Answer = nil }, "neutral review manual.answer", "neutral review manual.answer"},
		{"tries", func(p *runbooks.Program) { step(p, "disable").Retry.Attempts = 9 }, "neutral disable retry.attempts", "neutral disable retry.attempts"},
		{"timeout", func(p *runbooks.Program) { step(p, "disable").Timeout *= 2 }, "neutral disable timeout", "neutral disable timeout"},
		{"title", func(p *runbooks.Program) { step(p, "disable").Title = "x" }, "neutral disable title", "neutral disable title"},
		{"step gone", func(p *runbooks.Program) { p.Steps = append(p.Steps[:1:1], p.Steps[2:]...) }, "weaker disable steps", "neutral disable steps"},
		{"evidence gone", func(p *runbooks.Program) { p.Steps = p.Steps[1:] }, "weaker owner steps", "stronger owner steps"},
		{"destroys more", func(p *runbooks.Program) {
			s := *step(p, "wipe")
			s.ID = "wipe2"
			p.Steps = append(p.Steps, s)
		}, "weaker wipe2 steps", "weaker wipe2 steps"},
		{"changes unasked", func(p *runbooks.Program) {
			s := *step(p, "machine")
			s.ID, s.Approval = "machine2", nil
			p.Steps = append(p.Steps, s)
		}, "weaker machine2 steps", "weaker machine2 steps"},
		{"tells more", func(p *runbooks.Program) { p.OnCancel = append(p.OnCancel, runbookstest.Tell("more", "", "x")) }, "neutral more on_cancel", "neutral more on_cancel"},
		{"moved", func(p *runbooks.Program) { p.Steps[1], p.Steps[2] = p.Steps[2], p.Steps[1] }, "neutral disable steps", "neutral revoke steps"},
		{"input new", func(p *runbooks.Program) {
			p.Inputs = append(p.Inputs, runbooks.Input{Name: "n", Type: actions.Int, Required: true})
		}, "breaking inputs.n", "breaking inputs.n"},
		{"input new with default", func(p *runbooks.Program) {
			p.Inputs = append(p.Inputs, runbooks.Input{Name: "n", Type: actions.Int, Default: int64(1)})
		}, "neutral inputs.n", "breaking inputs.n"},
		{"default gone", func(p *runbooks.Program) { p.Inputs[2].Default, p.Inputs[2].Required = nil, true }, "breaking inputs.count.default", "neutral inputs.count.default"},
		{"format gone", func(p *runbooks.Program) { p.Inputs[0].Format = "" }, "weaker inputs.access_key_id.format", "breaking inputs.access_key_id.format"},
		{"pattern of items", func(p *runbooks.Program) { p.Inputs[1].Of.Pattern = ".*" }, "weaker inputs.roles.of.pattern", "weaker inputs.roles.of.pattern"},
		{"one more word", func(p *runbooks.Program) { p.Inputs[3].Enum = append(p.Inputs[3].Enum, "wild") }, "weaker inputs.mode.enum", "breaking inputs.mode.enum"},
		{"least", func(p *runbooks.Program) { p.Inputs[2].Min = &three }, "breaking inputs.count.min", "weaker inputs.count.min"},
		{"greatest", func(p *runbooks.Program) { p.Inputs[2].Max = &ten }, "weaker inputs.count.max", "breaking inputs.count.max"},
		{"no secret", func(p *runbooks.Program) { p.Inputs[4].Sensitive = false }, "weaker inputs.token.sensitive", "breaking inputs.token.sensitive"},
		{"type", func(p *runbooks.Program) { p.Inputs[2].Type = actions.Bool }, "breaking inputs.count.type", "breaking inputs.count.type"},
		{"output gone", func(p *runbooks.Program) { p.Outputs = nil }, "breaking outputs.disabled", "neutral outputs.disabled"},
		{"output type", func(p *runbooks.Program) { p.Outputs[0].Field.Kind = actions.Int }, "breaking outputs.disabled.type", "breaking outputs.disabled.type"},
		{"every environment", func(p *runbooks.Program) { p.Environments = nil }, "weaker environments", "breaking environments"},
		{"other environments", func(p *runbooks.Program) { p.Environments = []string{"prod", "dev"} }, "weaker environments\nbreaking environments", "weaker environments\nbreaking environments"},
		{"budget", func(p *runbooks.Program) { p.Budget += runbooks.Span(time.Hour) }, "weaker budget", "stronger budget"},
		{"review", func(p *runbooks.Program) { p.ReviewBy = "" }, "weaker review_by", "stronger review_by"},
		{"owner", func(p *runbooks.Program) { p.Owner.Team = "x" }, "neutral owner.team", "neutral owner.team"},
		{"waiver", func(p *runbooks.Program) { p.Waivers = nil }, "stronger waivers.wipe.destructive-without-undo", "weaker waivers.wipe.destructive-without-undo"},
		{"waiver longer", func(p *runbooks.Program) { p.Waivers[0].Expires = "2029-01-01" }, "weaker waivers.wipe.destructive-without-undo.expires", "stronger waivers.wipe.destructive-without-undo.expires"},
		{"name", func(p *runbooks.Program) { p.ID = "x" }, "breaking id", "breaking id"},
		{"another runbook", func(p *runbooks.Program) { step(p, "inform").Runbook.ID = "x" }, "neutral inform runbook", "neutral inform runbook"},
		{"inside of a runbook", func(p *runbooks.Program) {
			r := step(p, "inform").Runbook
			r.Digest, r.Program.Steps[0].OnFailure = "other", runbooks.Stop
			r.Program.Inputs, r.Program.OnCancel[0].OnFailure = nil, runbooks.Stop
		}, "stronger inform.post on_failure\nstronger inform.stop on_failure\nneutral inform runbook.digest\nneutral inform runbook.inputs.user", "weaker inform.post on_failure\nweaker inform.stop on_failure\nneutral inform runbook.digest\nneutral inform runbook.inputs.user"},
		{"places inside of a runbook", func(p *runbooks.Program) {
			r := step(p, "inform").Runbook
			r.Digest, r.Program.Title, r.Program.OnCancel[0].Pos.Line, r.Program.Steps[1].Pos.Line = "other", "x", 7, 9
		}, "neutral inform runbook.digest\nneutral inform runbook.title", "neutral inform runbook.digest\nneutral inform runbook.title"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			old, new := runbookstest.Whole(), runbookstest.Whole()
			tt.do(new)
			old.Digest, new.Digest = "a", "b"
			for way, want := range map[string]string{"there": tt.want, "back": tt.back} {
				from, to := old, new
				if way == "back" {
					from, to = new, old
				}
				var got []string
				for _, c := range diff.Compare(from, to) {
					got = append(got, strings.Join(strings.Fields(fmt.Sprint(c.Weight, " ", c.Step, " ", c.Field)), " "))
				}
				if d := cmp.Diff(strings.Split(want, "\n"), got); d != "" {
					t.Errorf("%s (-want +got):\n%s", way, d)
				}
			}
		})
	}
}

// Compiled programs: each differs from each other one, and from itself in nothing.
func TestCompiled(t *testing.T) {
	all := runbookstest.Compiled(filepath.Join("..", "testdata"))
	if all["language.yaml"] == nil {
		t.Fatal("the tour of the language does not compile")
	}
	for a, old := range all {
		for b, new := range all {
			changes := diff.Compare(old, new)
			if (len(changes) > 0) != (old.Digest != new.Digest) || (a == b) != (old.Digest == new.Digest) {
				t.Errorf("%s and %s: %d changes", a, b, len(changes))
			}
			for _, c := range changes {
				if strings.Contains(c.Text, "%!") || strings.Contains(c.Text, "<nil>") {
					t.Errorf("%s and %s: %s", a, b, c.Text)
				}
			}
		}
	}
}

// A question that is not repeated has no time between its repetitions.
func TestReminders(t *testing.T) {
	for _, tt := range []struct {
		old, new time.Duration
		want     string
	}{
		{5 * time.Minute, 0, `a question for the approval of step "revoke" is not repeated any more; it was every 5m`},
		{0, 5 * time.Minute, `a question for the approval of step "revoke" is repeated every 5m; it was asked once`},
		{time.Hour, 5 * time.Minute, `a question for the approval of step "revoke" is repeated every 5m, not 1h`},
	} {
		old, new := runbookstest.Whole(), runbookstest.Whole()
		step(old, "revoke").Approval.Remind, step(new, "revoke").Approval.Remind = runbooks.Span(tt.old), runbooks.Span(tt.new)
		old.Digest, new.Digest = "a", "b"
		changes := diff.Compare(old, new)
		if len(changes) != 1 || changes[0].Weight != diff.Neutral || changes[0].Text != tt.want {
			t.Errorf("from %v to %v: %v, want %s", tt.old, tt.new, changes, tt.want)
		}
	}
}

func TestSentences(t *testing.T) {
	old, new := runbookstest.Whole(), runbookstest.Whole()
	step(new, "wipe").Approval.Quorum = 1
	step(new, "disable").If = runbookstest.Expr("inputs.count > 1")
	step(new, "disable").With.Members[1].Value = runbookstest.Text("bob")
	new.Inputs[3].Enum = []string{"soft"}
	old.Digest, new.Digest = "a", "b"
	var got []string
	changes := diff.Compare(old, new)
	for _, c := range changes {
		got = append(got, string(c.Weight)+": "+c.Text)
	}
	want := []string{
		`weaker: step "disable" runs if "inputs.count > 1", not if "steps.owner.outputs.status == \"Active\""`,
		`weaker: the quorum of the approval of step "wipe" is lowered from 2 to 1`,
		`breaking: the input "mode" may not be hard any more`,
		`neutral: step "disable" is given user = "bob", not ${{ steps.owner.outputs.user }}`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if !diff.Weakens(changes) || diff.Weakens(changes[2:]) {
		t.Error("weakens is wrong about these")
	}
}
