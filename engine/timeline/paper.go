package timeline

import (
	"encoding/base64"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/engine"
)

// paper is a form for people. What is said is the same in all of them; see
// [Record.tell]. Every text that it is given is escaped by it.
type paper interface {
	title(text string)
	banner(text string)                       // a loud mark
	fact(name, value string)                  // of the head
	section(name string)                      // begins a part
	says(text string)                         // a sentence of ours
	columns(names ...string)                  // begins a table
	cells(texts ...string)                    // one row of it
	entry(cells []string, at int64)           // one row of it that ends with a journal place; below 0: with a dash
	day(name string, columns ...string)       // begins a day of the timeline, with its table
	row(r *Row, cells []string, entry string) // one row of that
	end()                                     // of a table
	item(kind, where, text string)
	block(text string) // lines that are kept as they are
	chart() error      // the drawing, where there is one
	close() error      // writes what is left
}

// tell writes all of a record on a paper.
func (r *Record) tell(p paper, o Options) error {
	t := &teller{paper: p, Record: r, o: o, zone: o.Zone}
	if t.zone == time.UTC {
		t.zone = nil
	}
	t.head()
	t.keyTimes()
	if err := p.chart(); err != nil {
		return err
	}
	t.people()
	t.runs()
	t.outputs()
	t.groups()
	t.actions()
	t.containments()
	t.waits()
	t.approvals()
	t.glasses()
	t.refused()
	t.notDone()
	t.open()
	t.alive()
	if err := t.timeline(); err != nil {
		return err
	}
	t.hidden()
	t.checkpoint()
	return p.close()
}

// teller says what stands in a record.
type teller struct {
	paper
	*Record
	o    Options
	zone *time.Location
}

func (p *teller) head() {
	i := &p.Incident
	p.title(i.ID + ": " + i.Title)
	if i.Mode == "exercise" {
		p.banner("EXERCISE, not a real incident.")
	}
	if i.Private {
		p.banner("PRIVATE. Share it with members of the incident only.")
	}
	p.fact("Severity", fmt.Sprintf("%d (1 is the worst)", i.Severity))
	state := "open"
	if !i.ResolvedAt.IsZero() {
		state = "resolved " + stamp(i.ResolvedAt)
	}
	p.fact("State", state)
	if i.Summary != "" {
		p.fact("Summary", i.Summary)
	}
	if i.Channel != "" {
		p.fact("Channel", i.Channel)
	}
	p.fact("Written for", p.level.words())
	head := p.o.Head
	p.fact("Journal", fmt.Sprintf("%s, %d entries, root %s", head.Origin, head.Size, base64.StdEncoding.EncodeToString(head.Root[:])))
	times := "UTC"
	if p.zone != nil {
		times += ", and " + p.zone.String() + " where a column says so"
	}
	p.fact("Times", times)
	p.says("This page is a rendering of the journal; the signed head is at its end.")
}

// words says for whom a level is.
func (l Level) words() string {
	switch l {
	case Internal:
		return "the company (internal): addresses of people in chats, arguments and outputs are left out"
	case External:
		return "others (external): people and targets have stand-ins, free text is left out"
	}
	return "those who may see everything (full)"
}

func (p *teller) keyTimes() {
	p.section("Key times")
	columns := []string{"What", "When (UTC)", "Detail", "Entry"}
	if p.zone != nil {
		columns = []string{"What", "When (UTC)", p.zone.String(), "Detail", "Entry"}
	}
	p.columns(columns...)
	for _, k := range p.KeyTimes {
		cells := []string{k.Name, stamp(k.At), k.Text}
		if p.zone != nil {
			cells = []string{k.Name, stamp(k.At), p.local(k.At, true), k.Text}
		}
		p.entry(cells, k.Seq)
	}
	p.end()
}

// local is a time in the second zone: with its date, or with how many days it
// is away from the date in UTC.
func (p *teller) local(s engine.Stamp, date bool) string {
	if s.IsZero() {
		return "–"
	}
	t := s.In(p.zone)
	if date {
		return t.Format(time.DateTime + " MST")
	}
	text := t.Format(time.TimeOnly + " MST")
	switch utc, here := s.UTC().YearDay(), t.YearDay(); {
	case utc == here:
	case t.After(time.Date(s.UTC().Year(), s.UTC().Month(), s.UTC().Day(), 0, 0, 0, 0, p.zone).AddDate(0, 0, 1).Add(-1)):
		text += " (+1 day)"
	default:
		text += " (-1 day)"
	}
	return text
}

func (p *teller) people() {
	p.section("People")
	p.columns("Who", "Name", "Came by", "Did")
	for _, a := range p.People {
		who := a.ID
		if a.Type == string(engine.Stranger) {
			who = "a stranger"
		}
		p.cells(dash(who), dash(a.Name), dash(strings.Join(a.Via, ", ")), dash(strings.Join(a.Did, ", ")))
	}
	p.end()
}

func (p *teller) open() {
	p.section("Open")
	if len(p.Open) == 0 {
		p.says("Nothing is open.")
		return
	}
	for _, o := range p.Open {
		where := o.Run
		if o.Step != "" {
			where += "/" + o.Step
		}
		p.item(strings.ReplaceAll(o.Kind, "_", " "), where, o.Text)
	}
	p.end()
}

func (p *teller) alive() {
	if len(p.Alive) == 0 {
		return
	}
	p.section("What stays alive or breaks")
	for _, w := range p.Alive {
		p.item("", w.Run+"/"+w.Step, w.Text)
	}
	p.end()
}

// timeline tells the rows, a table for each day.
func (p *teller) timeline() error {
	p.section("Timeline")
	columns := []string{"Time", "", "Who", "What", "Run/step", "Data", "Entry"}
	if p.zone != nil {
		columns = []string{"Time (UTC)", p.zone.String(), "", "Who", "What", "Run/step", "Data", "Entry"}
	}
	day, minor, hidden, secret := "", 0, 0, 0
	for r, err := range p.rows(p.o) {
		if err != nil {
			return fmt.Errorf("write the timeline: %w", err)
		}
		switch {
		case r.Hidden != nil:
			hidden++
			continue
		case p.secret(&r):
			secret++
			continue
		case r.Minor:
			minor++
			continue
		}
		if d := r.At.UTC().Format(time.DateOnly); d != day {
			if day != "" {
				p.end()
			}
			day = d
			p.day(day, columns...)
		}
		cells := []string{r.At.UTC().Format(time.TimeOnly)}
		if p.zone != nil {
			cells = append(cells, p.local(r.At, false))
		}
		cells = append(cells, r.Mark(), r.Actor.Who(), r.Words(), dash(r.where()), dash(r.data()))
		entry := strconv.FormatInt(r.Seq, 10)
		if r.Derived {
			entry = "after " + entry
		}
		p.row(&r, cells, entry)
	}
	if day != "" {
		p.end()
	}
	if minor > 0 {
		p.says(fmt.Sprintf("Left out here: %s of machinery (messages posted, timers). The JSON export has them.", count(minor, "row")))
	}
	if hidden > 0 {
		p.says(fmt.Sprintf("Left out here: %s that people have hidden; they are listed below by their journal places.", count(hidden, "row")))
	}
	if secret > 0 {
		p.says(fmt.Sprintf("Left out here until the exercise is over: %s for its facilitators.", count(secret, "row")))
	}
	return nil
}

// secret says whether a row of an exercise is kept from its players for now.
func (t *Timeline) secret(r *Row) bool { return r.Control && t.Incident.ResolvedAt.IsZero() }

// where is the run and the step of a row.
func (r *Row) where() string {
	if r.Step == "" {
		return r.Run
	}
	return r.Run + "/" + r.Step
}

// data names what lets a reader look up the data behind a row elsewhere: the
// provider's own request ids, the plan, the digest of a result, a source.
func (r *Row) data() string {
	var list []string
	if len(r.Refs) > 0 {
		list = append(list, "requests "+requestWords(r.Refs))
	}
	if r.Digest != "" {
		list = append(list, "plan "+short(r.Digest))
	}
	for _, d := range []struct{ name, text string }{
		{"result_sha256", "result "}, {"items_sha256", "list "}, {"program_digest", "program "}, {"scenario_digest", "scenario "}, {"sha256", "facts "},
	} {
		if v := r.Details[d.name]; v != "" {
			list = append(list, d.text+short(v))
		}
	}
	if v := r.Details["source"]; v != "" {
		list = append(list, "source "+v)
	}
	return strings.Join(list, "; ")
}

// hidden lists the rows that people took out, by their places.
func (p *teller) hidden() {
	if len(p.Hidden) == 0 {
		return
	}
	p.section("Hidden rows")
	p.columns("Hidden", "By", "When (UTC)", "Why")
	for _, h := range p.Hidden {
		p.cells(strconv.FormatInt(h.Of, 10), h.By.Who(), stamp(h.At), h.Reason)
	}
	p.end()
}

// checkpoint shows the signed note.
func (p *teller) checkpoint() {
	p.section("Journal head")
	note := string(p.o.Head.Note)
	if note == "" {
		p.says("The journal gave no signed head.")
		return
	}
	p.says("Save these lines as a file and compare: firebreak verify --anchor FILE")
	p.block(note)
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

// writeMarkdown writes a record for people.
func (r *Record) writeMarkdown(w io.Writer, o Options) error {
	return r.tell(newPage(w), o)
}
