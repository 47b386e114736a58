package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/report"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// wellFormed reads a page as XML, strictly, and looks at what no page of ours
// may have: a script, a handler, an address outside, an id twice, a heading out
// of order, a row that does not fit its table.
func wellFormed(t *testing.T, page []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	ids, refs := map[string]bool{}, map[string]bool{}
	var open []string
	level, cells, columns := 0, 0, 0
	for {
		tok, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well formed: %v", err)
		}
		switch x := tok.(type) {
		case xml.StartElement:
			name := x.Name.Local
			open = append(open, name)
			if slices.Contains([]string{"script", "iframe", "object", "embed", "link", "img", "base", "form", "foreignObject"}, name) {
				t.Errorf("the page holds a <%s>", name)
			}
			for _, a := range x.Attr {
				key, val := a.Name.Local, a.Value
				switch {
				case strings.HasPrefix(key, "on") || key == "style":
					t.Errorf("<%s> has %s=%q", name, key, val)
				case key == "id":
					if ids[val] {
						t.Errorf("id %q is there twice", val)
					}
					ids[val] = true
				case key == "href" || key == "src":
					if !strings.HasPrefix(val, "#") {
						t.Errorf("<%s> points to %q", name, val)
					}
					refs[val[1:]] = true
				case key == "aria-labelledby":
					for _, id := range strings.Fields(val) {
						refs[id] = true
					}
				}
			}
			if len(name) == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' {
				if now := int(name[1] - '0'); now > level+1 {
					t.Errorf("<%s> follows a heading of level %d", name, level)
				} else {
					level = now
				}
			}
			switch name {
			case "thead":
				columns = 0
			case "th":
				columns++
				if !slices.ContainsFunc(x.Attr, func(a xml.Attr) bool { return a.Name.Local == "scope" }) {
					t.Error("a <th> has no scope")
				}
			case "tr":
				cells = 0
			case "td":
				cells++
			}
		case xml.EndElement:
			if x.Name.Local == "tr" && cells > 0 && cells != columns {
				t.Errorf("a row has %d cells below %d heads", cells, columns)
			}
			open = open[:len(open)-1]
		case xml.CharData:
			if len(open) > 0 && open[len(open)-1] != "style" && strings.Contains(string(x), "url(") {
				t.Errorf("text refers to an address: %q", x)
			}
		}
	}
	for id := range refs {
		if !ids[id] {
			t.Errorf("something refers to %q, which is not there", id)
		}
	}
}

// policed checks that the policy lets in exactly the styles of the page.
func policed(t *testing.T, page []byte) {
	t.Helper()
	m := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindSubmatch(page)
	if m == nil {
		t.Fatal("the page has no policy")
	}
	policy := strings.NewReplacer("&#39;", "'", "&#43;", "+").Replace(string(m[1]))
	if !strings.HasPrefix(policy, "default-src 'none';") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy: %s", policy)
	}
	found := regexp.MustCompile(`(?s)<style[^>]*>(.*?)</style>`).FindAllSubmatch(page, -1)
	for _, s := range found {
		sum := sha256.Sum256(s[1])
		if !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("the policy keeps out a style of the page: %.60s", s[1])
		}
	}
	if n := strings.Count(policy, "sha256-"); n != len(found) {
		t.Errorf("the policy lets in %d styles and the page has %d", n, len(found))
	}
}

func TestPages(t *testing.T) {
	for name, in := range reports(t) {
		for _, form := range []string{"html", "evidence-html"} {
			t.Run(name+"/"+form, func(t *testing.T) {
				page := written(t, made(t, in), form)
				wellFormed(t, page)
				policed(t, page)
				banner := bytes.Count(page, []byte("EXERCISE · "))
				if want := in.Result.Exercise; want != (banner > 0) {
					t.Errorf("an exercise: %v, and the banner is there %d times", want, banner)
				}
			})
		}
	}
}

// The drawing of the timeline fits into the page, and the policy lets it in.
func TestCourse(t *testing.T) {
	for name, in := range reports(t) {
		in.Chart = func(w io.Writer) error { return in.Record.Lanes(w, timeline.Options{Head: in.Head}) }
		page := written(t, made(t, in), "html")
		if dir := *keep; dir != "" {
			if err := os.WriteFile(dir+"/"+name+"-course.html", page, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		wellFormed(t, page)
		policed(t, page)
		if bytes.Count(page, []byte("<svg")) < 2 {
			t.Errorf("%s has no drawing of the course", name)
		}
	}
}

func TestSameBytes(t *testing.T) {
	for name, in := range reports(t) {
		for _, f := range report.Formats() {
			if a, b := written(t, made(t, in), f.Name), written(t, made(t, in), f.Name); !bytes.Equal(a, b) {
				t.Errorf("%s as %s is not the same twice", name, f.Name)
			}
		}
	}
}

// hostile is a text that tries everything.
const hostile = "=cmd|' /C calc'!A0\u202Eevil\u2066\u200B\x00\x1b[31m</td></table><script>alert(1)</script>\"'><img src=x onerror=alert(1)>|a|b|\n# head\n- item @everyone [x](javascript:alert(1)) `code` ${{ x }} https://evil.example www.evil.example a\u0301\u0301\u0301\u0301\u0301\u0301 \xff"

// poison puts a text into every string that v holds, but for what is drawn from
// a closed list.
func poison(v reflect.Value, s string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			poison(v.Elem(), s)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Field(i).CanSet() && v.Type() != reflect.TypeFor[engine.Stamp]() {
				poison(v.Field(i), s)
			}
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return
		}
		if v.Len() == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		}
		for i := range v.Len() {
			poison(v.Index(i), s)
		}
	case reflect.String:
		v.SetString(s)
	}
}

func poisoned(t *testing.T, s string) report.Input {
	t.Helper()
	facts := record(t, "messy")
	for n, e := range facts {
		if b, ok := e.Body.(engine.Noted); ok && len(s) <= engine.MaxText {
			b.Text, facts[n].Actor.Name = s, s
			facts[n].Body = b
		}
	}
	in := input(t, facts)
	names := map[int]string{}
	for n, m := range in.Result.Metrics {
		names[n] = m.Name
	}
	poison(reflect.ValueOf(in.Result).Elem(), s)
	for n := range in.Result.Metrics {
		in.Result.Metrics[n].Name = names[n]
	}
	in.Result.ID = in.Record.Incident.ID
	in.Head.Origin, in.Verify = s, s
	return in
}

// Whatever people wrote, no form of the report does anything but show it.
func TestHostile(t *testing.T) {
	in := poisoned(t, hostile)
	r := made(t, in)
	for _, form := range []string{"html", "evidence-html"} {
		page := written(t, r, form)
		wellFormed(t, page)
		policed(t, page)
	}
	for _, f := range report.Formats() {
		out := string(written(t, r, f.Name))
		if f.Name == "json" {
			if !json.Valid([]byte(out)) {
				t.Error("the JSON is not valid")
			}
			continue
		}
		for _, x := range out {
			if x != '\n' && x != '\r' && (x < 0x20 || !unicode.IsPrint(x)) {
				t.Errorf("%s holds U+%04X, which is not seen", f.Name, x)
				break
			}
		}
		for _, active := range []string{"<script", "<img"} {
			if strings.Contains(out, active) && f.Name != "csv" {
				t.Errorf("%s holds %q", f.Name, active)
			}
		}
		if strings.HasSuffix(f.Ext, "md") {
			markdownHolds(t, f.Name, out)
		}
		if f.Name == "csv" {
			rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				for _, c := range row {
					if c != "" && strings.ContainsAny(c[:1], "=+-@\t|%") {
						t.Errorf("a cell is a formula: %q", c)
					}
				}
			}
		}
	}
}

// markdownHolds checks that no text broke out of its place: each table keeps
// its columns, and no line of a person begins a heading, mentions anybody or is
// a link.
func markdownHolds(t *testing.T, form, out string) {
	t.Helper()
	columns := 0
	for line := range strings.Lines(out) {
		line = strings.TrimSuffix(line, "\n")
		bare := regexp.MustCompile(`\\.`).ReplaceAllString(line, "")
		switch {
		case strings.HasPrefix(line, "| "):
			n := strings.Count(bare, "|")
			if columns == 0 {
				columns = n
			}
			if n != columns {
				t.Errorf("%s: a row has %d bars, its table %d: %.200s", form, n, columns, line)
			}
		default:
			columns = 0
		}
		bare = strings.ReplaceAll(bare, "<!-- -->", "\x00")
		for _, active := range []string{"@everyone", "https://", " www.", "`code", "[x]", "<td", "</"} {
			if strings.Contains(bare, active) {
				t.Errorf("%s: %q is alive in: %.200s", form, active, line)
			}
		}
	}
}

// A text of a megabyte is cut, with a count, and not in the JSON.
func TestLongText(t *testing.T) {
	long := strings.Repeat("né ", 350_000)
	in := input(t, record(t, "messy"))
	d := in.Result.Drill
	in.Result.Title, d.Title, d.Scenario, d.Briefing, d.EndText, d.Injects[0].Text = long, long, long, long, long, long
	in.Result.Correct[0].Text, in.Result.Wash[0].Badly, in.Result.Judged[0].Text, in.Result.Aims[0].Text, in.Result.Asked[0].Reason = long, long, long, long, long
	in.Result.Steps[0].ID, in.Result.Runs[0].Title, in.Result.People[0].ID, in.Result.Why[0] = long, long, long, long
	r := made(t, in)
	for _, f := range report.Formats() {
		out := written(t, r, f.Name)
		if f.Name == "json" {
			if !bytes.Contains(out, []byte(long)) {
				t.Error("the JSON does not have all of it")
			}
			continue
		}
		if len(out) > 100_000 || !bytes.Contains(out, []byte("more characters)")) {
			t.Errorf("%s has %d bytes", f.Name, len(out))
		}
	}
}

// Nothing is left out that a reader asks for: the words of the messy exercise
// are in the page and in the Markdown alike.
func TestSaysTheSame(t *testing.T) {
	in := reports(t)["messy"]
	page, md := string(written(t, made(t, in), "html")), string(written(t, made(t, in), "md"))
	for _, word := range []string{
		"Everything at once", "destroys evidence", "the press office was forgotten", "Legal wants the disk untouched", "a press contact in the runbook", "overdue",
		"nobody knew who decides", "without a name", in.Result.Drill.Digest, in.Result.Drill.RunbookDigest, "look who may say yes", "Dave tells the press office",
		"SBNJTRN", "data protection authority", "carol", "1 min 30 s", "10 min 56 s", "+3, worse",
	} {
		if !strings.Contains(page, word) && !strings.Contains(page, strings.ReplaceAll(word, "+", "&#43;")) {
			t.Errorf("the page does not say %q", word)
		}
		if !strings.Contains(md, word) && !strings.Contains(md, `\`+word) {
			t.Errorf("the Markdown does not say %q", word)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	messy, kept := input(t, record(t, "messy")), input(t, record(t, "kept"))
	twice := scored(t, record(t, "twice"))
	for _, tt := range []struct {
		name string
		in   report.Input
		want string
	}{
		{"nothing", report.Input{}, "needs a result"},
		{"another record", report.Input{Result: &score.Result{ID: "DRL-9"}, Record: kept.Record}, "the result is of DRL-9"},
		{"another runbook before", report.Input{Result: messy.Result, Previous: twice}, "not of a rehearsal of the same runbook"},
		{"a chart that fails", report.Input{Result: messy.Result, Chart: func(io.Writer) error { return errors.New("no room") }}, "no room"},
	} {
		if _, err := report.New(tt.in); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
	if err := made(t, messy).Write(io.Discard, "pdf"); err == nil || !strings.Contains(err.Error(), "known: csv, evidence-html") {
		t.Errorf("an unknown form: %v", err)
	}
}

type full struct{ left int }

func (w *full) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

// A writer that fails is never taken for one that worked.
func TestWriterFails(t *testing.T) {
	r := made(t, reports(t)["messy"])
	for _, f := range report.Formats() {
		if err := r.Write(&full{left: 100}, f.Name); err == nil {
			t.Errorf("%s did not notice", f.Name)
		}
	}
}
