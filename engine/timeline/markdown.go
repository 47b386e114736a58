package timeline

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
)

// Markdown writes the timeline for people, with the signed head of the journal
// it was read from. The same facts and the same head give the same bytes.
func (t *Timeline) Markdown(w io.Writer, head journal.Checkpoint) error {
	p := &page{out: bufio.NewWriter(w)}
	p.head(t, head)
	p.keyTimes(t)
	p.people(t)
	p.runs(t)
	p.outputs(t)
	p.groups(t)
	p.actions(t)
	p.containments(t)
	p.waits(t)
	p.approvals(t)
	p.refused(t)
	p.notDone(t)
	p.open(t)
	p.alive(t)
	p.rows(t)
	p.checkpoint(head)
	if err := p.out.Flush(); err != nil {
		return fmt.Errorf("write the timeline: %w", err)
	}
	return nil
}

// page writes Markdown. Words of ours go through line, words of others
// through escape or cells, and through nothing else.
type page struct{ out *bufio.Writer }

func (p *page) line(format string, args ...any) { fmt.Fprintf(p.out, format+"\n", args...) }

// section begins a part.
func (p *page) section(name string) { p.line("\n## %s\n", name) }

// columns begins a table.
func (p *page) columns(names ...string) {
	p.line("| %s |", strings.Join(names, " | "))
	p.line("|%s", strings.Repeat(" --- |", len(names)))
}

// cells is one row of a table; every cell is escaped.
func (p *page) cells(texts ...string) {
	for _, text := range texts {
		p.out.WriteString("| ")
		p.out.WriteString(escape(text))
		p.out.WriteByte(' ')
	}
	p.out.WriteString("|\n")
}

func (p *page) head(t *Timeline, head journal.Checkpoint) {
	i := &t.Incident
	p.line("# %s: %s", escape(i.ID), escape(i.Title))
	p.line("")
	if i.Mode == "exercise" {
		p.line("**EXERCISE, not a real incident.**\n")
	}
	if i.Private {
		p.line("**PRIVATE. Share it with members of the incident only.**\n")
	}
	state := "open"
	if !i.ResolvedAt.IsZero() {
		state = "resolved " + stamp(i.ResolvedAt)
	}
	p.line("- Severity: %d (1 is the worst)", i.Severity)
	p.line("- State: %s", state)
	if i.Summary != "" {
		p.line("- Summary: %s", escape(i.Summary))
	}
	if i.Channel != "" {
		p.line("- Channel: %s", escape(i.Channel))
	}
	p.line("- Journal: %s, %d entries, root %s", escape(head.Origin), head.Size, escape(base64.StdEncoding.EncodeToString(head.Root[:])))
	p.line("- All times are UTC. This page is a rendering of the journal; the signed head is at its end.")
}

func (p *page) keyTimes(t *Timeline) {
	p.section("Key times")
	p.columns("What", "When (UTC)", "Detail")
	for _, k := range t.KeyTimes {
		p.cells(k.Name, stamp(k.At), k.Text)
	}
}

func (p *page) people(t *Timeline) {
	p.section("People")
	p.columns("Who", "Name", "Came by", "Did")
	for _, a := range t.People {
		who := a.ID
		if a.Type == string(engine.Stranger) {
			who = "a stranger"
		}
		p.cells(dash(who), dash(a.Name), dash(strings.Join(a.Via, ", ")), dash(strings.Join(a.Did, ", ")))
	}
}

func (p *page) runs(t *Timeline) {
	p.section("Runs")
	if len(t.Runs) == 0 {
		p.line("No runbook was run.")
		return
	}
	p.columns("Run", "Runbook", "Environment", "By", "Started", "Ended", "Status", "Budget")
	for _, r := range t.Runs {
		p.cells(r.Run, r.Runbook+" "+short(r.Digest), dash(r.Environment), r.By.Who(), stamp(r.StartedAt), stamp(r.EndedAt), r.Status+because(r.Reason), r.budgetWords())
	}
}

func (r *Run) budgetWords() string {
	if r.Budget == BudgetNone {
		return "none set"
	}
	text := fmt.Sprintf("%s (%s", r.Budget, span(time.Duration(r.BudgetMS)*time.Millisecond))
	if r.ContainedMS > 0 {
		text += ", last change proven after " + span(time.Duration(r.ContainedMS)*time.Millisecond)
	}
	return text + ")"
}

func (p *page) actions(t *Timeline) {
	p.section("Actions")
	if len(t.Actions) == 0 {
		p.line("No action was started.")
		return
	}
	p.columns("Started", "Run/step", "Action", "Effect", "Target", "On authority of", "Attempts", "Outcome", "Read back", "Taken back")
	long := t.long()
	left := 0
	for _, a := range t.Actions {
		if g := long[a.Run+"/"+partOf(a.Step, a.UndoOf)]; g != nil && a.calm() {
			left++
			continue
		}
		action := a.Action
		if a.UndoOf != "" {
			action = "undo of " + action
		}
		p.cells(stamp(a.At), a.Run+"/"+a.Step, action, string(a.Effect), dash(targetWords(a.Targets)), dash(a.Authority), strconv.Itoa(a.Attempts),
			a.Outcome, a.proof(), dash(a.UndoneBy))
	}
	if left > 0 {
		p.line("\n%s of long loops went well and are counted above; the timeline below has each.", count(left, "action"))
	}
}

// proof says what was read back, or that nothing was.
func (a *Action) proof() string {
	switch {
	case a.Verified != "":
		return verdictOf(actions.Verdict(a.Verified)) + because(a.Reading)
	case a.Effect == actions.Read:
		return "–"
	}
	return "not read back"
}

func (p *page) approvals(t *Timeline) {
	p.section("Approvals")
	if len(t.Approvals) == 0 {
		p.line("Nobody was asked.")
		return
	}
	p.columns("Asked", "Run/step", "Plan", "From", "Needed", "Votes", "Verdict", "After")
	for _, a := range t.Approvals {
		from := strings.Join(append(append([]string{}, a.From...), a.EscalatedTo...), ", ")
		needed := strconv.Itoa(a.Quorum)
		if a.Floor {
			needed += " (environment)"
		}
		if a.Items > 0 {
			needed += ", for " + count(a.Items, "item")
		}
		after := "–"
		if !a.ClosedAt.IsZero() {
			after = span(time.Duration(a.LatencyMS) * time.Millisecond)
		}
		verdict := a.Verdict
		if a.Verdict == string(engine.ApprovalConsumed) {
			verdict = "granted and used"
		}
		p.cells(stamp(a.AskedAt), a.Run+"/"+a.Step, short(a.Digest), from, needed, dash(a.votes()), verdict+because(a.Reason), after)
	}
}

func (a *Approval) votes() string {
	words := make([]string, len(a.Votes))
	for i, v := range a.Votes {
		words[i] = v.Actor.Who() + " no"
		if v.Approve {
			words[i] = v.Actor.Who() + " yes"
		}
		if v.Signed {
			words[i] += ", signed"
		}
		words[i] += because(v.Reason)
	}
	return strings.Join(words, "; ")
}

func (p *page) refused(t *Timeline) {
	p.section("Refused requests")
	if len(t.Refused) == 0 {
		p.line("No request was refused.")
		return
	}
	p.columns("When", "Who", "Asked for", "Code", "Why")
	for _, r := range t.Refused {
		p.cells(stamp(r.At), r.Actor.Who(), r.Verb, r.Code, r.Text)
	}
}

func (p *page) notDone(t *Timeline) {
	p.section("Not done")
	if len(t.NotDone) == 0 {
		p.line("No step ended without being done.")
		return
	}
	p.columns("Run/step", "Status", "Why")
	long := t.long()
	left := 0
	for _, n := range t.NotDone {
		if long[n.Run+"/"+partOf(n.Step, "")] != nil && (n.Status == string(engine.StepSkipped) || n.Status == string(engine.StepCancelled)) {
			left++
			continue
		}
		p.cells(n.Run+"/"+n.Step, n.Status, dash(n.Reason))
	}
	if left > 0 {
		p.line("\n%s of long loops had no turn; they are counted above.", count(left, "item"))
	}
}

func (p *page) open(t *Timeline) {
	p.section("Open")
	if len(t.Open) == 0 {
		p.line("Nothing is open.")
		return
	}
	for _, o := range t.Open {
		where := ""
		if o.Run != "" {
			where = " (" + escape(o.Run)
			if o.Step != "" {
				where += "/" + escape(o.Step)
			}
			where += ")"
		}
		p.line("- **%s**%s: %s", strings.ReplaceAll(o.Kind, "_", " "), where, escape(o.Text))
	}
}

func (p *page) alive(t *Timeline) {
	if len(t.Alive) == 0 {
		return
	}
	p.section("What stays alive or breaks")
	for _, w := range t.Alive {
		p.line("- %s/%s: %s", escape(w.Run), escape(w.Step), escape(w.Text))
	}
}

func (p *page) rows(t *Timeline) {
	p.section("Timeline")
	day, minor := "", 0
	for i := range t.Rows {
		r := &t.Rows[i]
		if r.Minor {
			minor++
			continue
		}
		if d := r.At.UTC().Format(time.DateOnly); d != day {
			if day != "" {
				p.line("")
			}
			day = d
			p.line("### %s\n", day)
			p.columns("Time", "", "Who", "What", "Run/step", "Entry")
		}
		where := r.Run
		if r.Step != "" {
			where += "/" + r.Step
		}
		entry := strconv.FormatInt(r.Seq, 10)
		if r.Derived {
			entry = "after " + entry
		}
		p.cells(r.At.UTC().Format(time.TimeOnly), r.Mark(), r.Actor.Who(), r.Text, dash(where), entry)
	}
	if minor > 0 {
		p.line("\nLeft out here and in the JSON export: %s of machinery (messages posted, timers).", count(minor, "row"))
	}
}

// checkpoint shows the signed note in a block that nothing in it can end.
func (p *page) checkpoint(head journal.Checkpoint) {
	p.section("Journal head")
	if len(head.Note) == 0 {
		p.line("The journal gave no signed head.")
		return
	}
	p.line("Save these lines as a file and compare: firebreak verify --anchor FILE\n")
	for line := range strings.Lines(string(head.Note)) {
		p.line("    %s", visible(strings.TrimSuffix(line, "\n")))
	}
}

// stamp is a time with its date, or a dash.
func stamp(s engine.Stamp) string {
	if s.IsZero() {
		return "–"
	}
	return s.UTC().Format(time.DateTime)
}

func dash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
