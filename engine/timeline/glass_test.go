package timeline_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// alone is a step that went on without its quorum: bob broke the glass. What
// came after is what more adds.
func alone(t testing.TB, id string, more ...func(*script)) *script {
	t.Helper()
	s := declared(id).start(t, time.Minute, 0)
	s.it(0, "disable", engine.StepReady{})
	s.it(0, "disable", engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{user}, Changes: []string{"set the key to Inactive"}}})
	s.it(0, "disable", asked("a1"))
	s.smash(3*time.Minute, bob, "disable", "a1", "svc-deploy", "nobody answers")
	for _, f := range more {
		f(s)
	}
	return s
}

func used(s *script) {
	s.it(0, "disable", intent(1, disable, actions.Reversible, "a1", "bob"))
	s.it(time.Second, "disable", engine.EffectOutcome{Attempt: 1, Millis: 900})
}

func reviewed(justified bool) func(*script) {
	return func(s *script) {
		s.say(time.Hour, dave, "R1", "disable", engine.GlassReviewed{ID: "review-a1", Justified: justified, Text: "I asked both leads"})
	}
}

// late is the timer of the review. It fires whether the review came or not.
func late(s *script) {
	due := noon.Add(4*time.Minute + 72*time.Hour)
	s.it(due.Sub(s.now), "disable", engine.TimerFired{Ref: "review:review-a1", Due: engine.At(due)})
}

// Who broke the glass, why, on which target, who is to review it and what came
// of that stands in the summary.
func TestGlassStandsInTheSummary(t *testing.T) {
	want := timeline.Glass{
		Run: "R1", Step: "disable", Approval: "a1", Digest: digest2, By: timeline.Actor{Type: "person", ID: "bob", Name: "Bob", Via: "slack:T01/U02"},
		At: engine.At(noon.Add(4 * time.Minute)), Reason: "nobody answers", Target: "svc-deploy", Signed: true, Review: "review-a1", Ask: []string{"group:auditors"},
		Due: engine.At(noon.Add(4*time.Minute + 72*time.Hour)), State: timeline.GlassUnreviewed, Seq: 45,
	}
	yes := want
	yes.State, yes.Text = timeline.GlassJustified, "I asked both leads"
	yes.Reviewer, yes.ReviewedAt = timeline.Actor{Type: "person", ID: "dave", Name: "Dave", Via: "cli:uid/1001"}, engine.At(noon.Add(64*time.Minute))
	no, over, after := yes, want, yes
	no.State, over.Overdue = timeline.GlassNotJustified, true
	after.Overdue, after.ReviewedAt = true, engine.At(want.Due.Add(time.Hour))
	for _, tt := range []struct {
		name  string
		story *script
		want  timeline.Glass
		open  string
		row   string // the last one
		mark  string
	}{
		{"nobody has looked", alone(t, "INC-1"), want, `step "disable" went on without its quorum on the word of bob; nobody has reviewed it, due 2026-11-25 12:04:00 UTC`,
			`the approval of step "disable" is granted without its quorum: the glass was broken by bob: nobody answers`, "✓"},
		{"nobody has looked in time", alone(t, "INC-1", late), over, `nobody has reviewed it, due 2026-11-25 12:04:00 UTC, and that time is over`,
			`OVERDUE: nobody has reviewed the broken glass of step "disable", due at 12:04:00 UTC; group:auditors were asked`, "!"},
		{"justified", alone(t, "INC-1", reviewed(true)), yes, "", `dave found it justified that bob broke the glass of step "disable": I asked both leads`, "✓"},
		{"not justified", alone(t, "INC-1", reviewed(false)), no, "", `dave found it NOT justified that bob broke the glass of step "disable": I asked both leads`, "✗"},
		{"reviewed, and then the timer", alone(t, "INC-1", reviewed(true), late), yes, "", `timer "review:review-a1" of step "disable" fired, due at 12:04:00 UTC`, "·"},
		{"overdue, and then reviewed", alone(t, "INC-1", late, reviewed(true)), after, "", `dave found it justified that bob broke the glass of step "disable": I asked both leads`, "✓"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tl := tt.story.fold(t)
			if diff := cmp.Diff([]timeline.Glass{tt.want}, tl.Glasses); diff != "" {
				t.Errorf("the glass differs (-want +got):\n%s", diff)
			}
			open := ""
			for _, o := range tl.Open {
				if o.Kind == timeline.OpenGlass {
					open += o.Text
				}
			}
			if !strings.HasSuffix(open, tt.open) || (open == "") != (tt.open == "") {
				t.Errorf("got open %q, want %q", open, tt.open)
			}
			last := tl.Rows[len(tl.Rows)-1]
			if last.Text != tt.row || last.Mark() != tt.mark || last.Minor != strings.HasPrefix(tt.row, "timer") {
				t.Errorf("got row %s %q, minor: %v; want %s %q", last.Mark(), last.Text, last.Minor, tt.mark, tt.row)
			}
		})
	}
}

// What one person let pass never reads like what a quorum approved.
func TestGlassIsNoQuorum(t *testing.T) {
	tl := alone(t, "INC-1", used).fold(t)
	if a := tl.Approvals[0]; !a.Glass || a.LatencyMS != 0 || a.ClosedAt.IsZero() || a.Verdict != string(engine.ApprovalConsumed) || len(a.Votes) != 0 {
		t.Errorf("got approval %+v, want one that was passed over, without a vote and without a latency", a)
	}
	if a := tl.Actions[0]; !a.Glass || a.Authority != "bob" {
		t.Errorf("got action %+v, want one without a quorum", a)
	}
	marked := 0
	for _, r := range tl.Rows {
		if r.Type == "approval.closed" && r.Millis != 0 {
			t.Errorf("a quorum would have taken %d ms", r.Millis)
		}
		if r.Details["glass"] != "" {
			marked++
		}
	}
	if marked != 4 {
		t.Errorf("%d rows are marked, want the break, the question, the end of the approval and the attempt", marked)
	}
	page := string(markdown(t, alone(t, "INC-1", used)))
	for _, want := range []string{
		"| bob (broken glass) | 1 | done |", "| – | granted by broken glass and used: the glass was broken by bob: nobody answers | – |",
		"## Broken glass\n\n| When | Run/step | Who | Why | Typed out | Who reviews | Until | Review | Entry |",
		"| 2026-11-22 12:04:00 | R1/disable | bob, signed | nobody answers | svc-deploy | group:auditors | 2026-11-25 12:04:00 | nobody has looked at it | 45 |",
		"- **broken glass** (R1/disable): step", "| bob | Bob | slack:T01/U02 | broke the glass |",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q:\n%s", want, page)
		}
	}

	// The next attempt has people behind it, and another approval is as ever.
	again := alone(t, "INC-1", used, func(s *script) {
		s.it(0, "disable", asked("a2"))
		s.say(time.Minute, bob, "R1", "disable", engine.Vote{Approval: "a2", Approve: true})
		s.it(0, "disable", engine.ApprovalClosed{ID: "a2", Verdict: engine.ApprovalGranted})
		s.it(0, "disable", intent(2, disable, actions.Reversible, "a2", "bob"))
	}).fold(t)
	if a := again.Approvals[1]; a.Glass || a.LatencyMS != 60_000 || again.Actions[0].Glass {
		t.Errorf("got approval %+v and action %+v, want those of a quorum", a, again.Actions[0])
	}
	// A break that came to nothing is no grant.
	denied := declared("INC-1").start(t, 0, 0).it(0, "disable", asked("a1")).say(time.Minute, bob, "R1", "disable", engine.GlassBroken{Approval: "a1", Target: "x", Reason: "y"})
	denied.it(0, "disable", engine.ApprovalClosed{ID: "a1", Verdict: engine.ApprovalDenied, Reason: "denied by carol"})
	tl = denied.fold(t)
	if last := tl.Rows[len(tl.Rows)-1]; last.Text != `the approval of step "disable" is denied: denied by carol` || tl.Approvals[0].LatencyMS != 60_000 || tl.Glasses[0].Signed {
		t.Errorf("got %q, %+v, %+v", last.Text, tl.Approvals[0], tl.Glasses[0])
	}
}

// A broken glass stands out in each form for machines, and an exercise calls
// nobody out of bed.
func TestGlassStandsOut(t *testing.T) {
	for _, incident := range []string{"INC-1", "DRL-1"} {
		s := alone(t, incident, used, late, reviewed(false)).chained()
		table, canonical, sketch, eight, nine := checkAll(t, s)
		row := func(typ, outcome string) int {
			return slices.IndexFunc(table, func(r map[string]string) bool { return r["type"] == typ && r["outcome"] == outcome })
		}
		for _, tt := range []struct {
			typ, outcome, kind, desc string
			severity                 json.Number
		}{
			{"glass.broken", "broken", "action", "Approval decided", "4"},
			{"glass.review_asked", "unreviewed", "approval", "Approval requested", "1"},
			{"approval.closed", "granted", "approval", "Approval decided", "1"},
			{"timer.fired", "overdue", "approval", "Fact recorded", "3"},
			{"glass.reviewed", "not justified", "approval", "Approval decided", "4"},
		} {
			n := row(tt.typ, tt.outcome)
			if n < 0 {
				t.Fatalf("%s: no row of %s with outcome %q", incident, tt.typ, tt.outcome)
			}
			if r := table[n]; r["kind"] != tt.kind || !strings.HasSuffix(r["tags"], " broken_glass") || !strings.Contains(r["details"], "glass=broken") {
				t.Errorf("csv: got %v", r)
			}
			if m := canonical[n]; !slices.Contains(m["tags"].([]any), any("broken_glass")) || m["outcome"] != tt.outcome {
				t.Errorf("jsonl: got %v", m)
			}
			at := slices.IndexFunc(sketch, func(m map[string]any) bool { return m["fb_type"] == tt.typ && m["fb_outcome"] == tt.outcome })
			if at < 0 || !slices.Contains(sketch[at]["tag"].([]any), any("broken_glass")) || sketch[at]["timestamp_desc"] != tt.desc {
				t.Errorf("timesketch has no %s with %q", tt.typ, tt.desc)
			}
			severity := tt.severity
			if incident == "DRL-1" {
				severity = "1"
			}
			for _, m := range []map[string]any{eight[n], nine[n]} {
				if m["severity_id"] != severity || m["class_uid"] != json.Number("0") || m["activity_id"] != json.Number("99") || m["status"] != tt.outcome {
					t.Errorf("ocsf: got severity %v, class %v, status %v of %s; want severity %s", m["severity_id"], m["class_uid"], m["status"], tt.typ, severity)
				}
				if !slices.Contains(m["metadata"].(map[string]any)["labels"].([]any), any("broken_glass")) {
					t.Errorf("ocsf: %s has no label", tt.typ)
				}
			}
		}
		if m := canonical[row("glass.broken", "broken")]; m["reason"] != "nobody answers" || m["details"].(map[string]any)["target_typed"] != "svc-deploy" || m["plan_digest"] != digest2 {
			t.Errorf("jsonl: got %v", m)
		}
	}
	page := svg(t, alone(t, "INC-1", used))
	for _, want := range []string{`class="p glass"`, ">went on without its quorum<", `class="ask"`, "GLASS BROKEN: bob"} {
		if !strings.Contains(page, want) {
			t.Errorf("the drawing has no %q", want)
		}
	}
	if n := strings.Count(page, `class="p glass"><title>`); n != 2 {
		t.Errorf("%d marks, want one in the lane of the step and one in that of bob", n)
	}
}

// Who broke a glass, and of which step, is drawn however much there is to draw,
// and no mark beside it covers it.
func TestGlassIsAlwaysDrawn(t *testing.T) {
	s := alone(t, "INC-1", used)
	s.say(time.Second, bob, "", "", engine.Noted{Text: "it went well", Class: engine.Observation})
	for k := range 300 {
		step, who := fmt.Sprintf("step%d", k), engine.Actor{Type: engine.Person, ID: fmt.Sprintf("person%d", k%30)}
		s.say(time.Minute, who, "", "", engine.Noted{Text: "note", Class: engine.Observation})
		s.it(0, step, intent(1, disable, actions.Reversible, "", "alice"))
		s.it(time.Second, step, engine.EffectOutcome{Attempt: 1, Failure: &engine.Failure{Class: actions.Denied, Message: "no"}})
		s.it(0, step, engine.StepEnded{Status: engine.StepFailed, Reason: "no"})
	}
	page := svg(t, s)
	for _, want := range []string{">bob<", ">disable<"} {
		if !strings.Contains(page, want) {
			t.Errorf("the drawing has no lane %q", want)
		}
	}
	if n := strings.Count(page, `class="p glass"><title>`); n != 2 {
		t.Errorf("%d marks, want one in the lane of the step and one in that of bob", n)
	}
}

// The list is never null, and a record without one has no section of it.
func TestNoGlass(t *testing.T) {
	s := declared("INC-1")
	if data := jsonOf(t, s); !bytes.Contains(data, []byte("\n\"broken_glass\": [],\n")) {
		t.Errorf("the JSON has no empty list:\n%s", data)
	}
	if page := markdown(t, s); bytes.Contains(page, []byte("glass")) {
		t.Errorf("the page speaks of a glass:\n%s", page)
	}
}

// What was typed out has the stand-in of the target that was meant, also when
// its plan is that of an item of a loop; and nothing else that was written is
// told to others.
func TestGlassForOthers(t *testing.T) {
	typed := func(step, target string) timeline.Glass {
		s := declared("INC-1").start(t, 0, 0)
		for n, target := range []actions.Target{user, {Type: "aws.ec2.instance", ID: "i-0abc"}, {Type: "aws.ec2.instance", ID: "i-0abc", Account: "222233334444"}} {
			s.it(0, []string{"disable", "lift.1", "lift.2"}[n], engine.StepPlanned{N: 1, Digest: digest2, Preview: actions.Preview{Targets: []actions.Target{target}}})
		}
		s.it(0, step, asked("a1")).smash(time.Minute, bob, step, "a1", target, "nobody answers about i-0abc")
		s.say(time.Minute, dave, "R1", step, engine.GlassReviewed{ID: "review-a1", Text: "carol was awake"})
		data := write(t, s, "json", timeline.Options{Redact: timeline.External})
		for _, secret := range []string{"svc-deploy", "i-0abc", "elsewhere", "bob", "dave", "carol", "commanders", "auditors", "nobody answers", "SSH SIGNATURE"} {
			if bytes.Contains(data, []byte(secret)) {
				t.Errorf("%s: others are told %q", target, secret)
			}
		}
		var got struct {
			Glasses []timeline.Glass `json:"broken_glass"`
		}
		if err := json.Unmarshal(data, &got); err != nil || len(got.Glasses) != 1 {
			t.Fatalf("got %+v, %v", got, err)
		}
		return got.Glasses[0]
	}
	classes := timeline.FactClasses()
	if got, want := classes["engine.GlassBroken"]["Signature"], classes["engine.Vote"]["Signature"]; got != want {
		t.Errorf("the signature is %q, want %q as that of a vote", got, want)
	}
	for _, tt := range []struct{ step, typed, want string }{
		{"disable", "svc-deploy", "target 1"},
		{"disable", user.String(), "target 1"},
		{"lift.1", "i-0abc", "target 2"}, // there is another one of that name
		{"lift.2", "i-0abc", "target 3"},
		{"lift", "i-0abc", "target 3"},
		{"disable", "elsewhere", "target 4"},
		{"tell", "tell", "tell"}, // it has no target
	} {
		if g := typed(tt.step, tt.typed); g.Target != tt.want || !g.Signed || g.State != timeline.GlassNotJustified || g.By.ID == "" || g.Reason != timeline.LeftOut || g.Text != timeline.LeftOut {
			t.Errorf("%q typed at %s: got %+v, want target %q", tt.typed, tt.step, g, tt.want)
		}
	}
}

// A bundle shows the glass to who may see it, and its pages say what it was.
func TestGlassInABundle(t *testing.T) {
	s := alone(t, "INC-1", used, late)
	for _, level := range timeline.Levels() {
		c := &core{script: s, t: t, inc: &engine.Incident{ID: "INC-1"}}
		k := keep(t, c)
		of := files(t, k.bundle(t, c, timeline.Options{Redact: level}))
		for name, want := range map[string]string{"timeline.md": "## Broken glass", "timeline.html": `<h2 id="broken-glass">`, "timeline.json": `"state":"unreviewed"`} {
			if !bytes.Contains(of[name], []byte(want)) {
				t.Errorf("%s: %s has no %q", level, name, want)
			}
		}
		shown := bytes.Contains(of["records.jsonl"], []byte("SSH SIGNATURE"))
		if shown != (level == timeline.Full) {
			t.Errorf("%s: the signature is shown: %v", level, shown)
		}
	}
}

// However often a glass is broken, the summary is bounded and counts the rest.
func TestGlassesAreCounted(t *testing.T) {
	s := declared("INC-1").start(t, 0, 0)
	const n = 1000
	for k := range n {
		id := fmt.Sprintf("a%d", k)
		s.it(0, "disable", asked(id))
		s.smash(time.Second, bob, "disable", id, "svc-deploy", "again")
	}
	tl := s.fold(t)
	kept := len(tl.Glasses)
	want := fmt.Sprintf("%d more glasses were broken", n-kept)
	if kept == 0 || kept > 300 || !slices.ContainsFunc(tl.Open, func(o timeline.OpenItem) bool { return strings.HasPrefix(o.Text, want) }) {
		t.Errorf("%d are kept, and %d are open: %+v", kept, len(tl.Open), tl.Open[len(tl.Open)-1])
	}
}
