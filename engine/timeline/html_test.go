package timeline_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// tag is one tag of a page with its attributes.
type tag struct {
	name  string
	close bool
	empty bool
	attrs [][2]string
	after string // the text up to the next tag
}

var (
	tagName  = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9]*`)
	attr     = regexp.MustCompile(`^\s+([a-zA-Z][a-zA-Z0-9:-]*)="([^"<>]*)"`)
	entity   = regexp.MustCompile(`&(?:amp|lt|gt|#34|#39|#x9|#xA|#xD);`)
	voids    = words("meta br hr")
	elements = words(`html head meta title style body header nav main section h1 h2 h3 p strong a dl div dt dd table thead tbody tr th td ins del small ul li code pre figure figcaption span
		svg desc defs pattern path rect circle text g`)
)

// tags takes a page apart by the rules of the writer: quoted attributes, no
// comments, every sign that means something is an entity. It fails on the rest.
func tags(t *testing.T, page string) []tag {
	t.Helper()
	page = strings.TrimPrefix(page, "<!DOCTYPE html>\n")
	var list []tag
	for page != "" {
		if page[0] != '<' {
			t.Fatalf("text where a tag is due: %.80q", page)
		}
		rest := page[1:]
		var g tag
		if strings.HasPrefix(rest, "/") {
			g.close, rest = true, rest[1:]
		}
		if g.name = tagName.FindString(rest); !elements[g.name] {
			t.Fatalf("element %.60q is not one of ours", page)
		}
		rest = rest[len(g.name):]
		for m := attr.FindStringSubmatch(rest); m != nil; m = attr.FindStringSubmatch(rest) {
			if bare := entity.ReplaceAllString(m[2], ""); strings.Contains(bare, "&") {
				t.Errorf("an open ampersand in %q", m[0])
			}
			g.attrs = append(g.attrs, [2]string{m[1], m[2]})
			rest = rest[len(m[0]):]
		}
		if strings.HasPrefix(rest, "/") {
			g.empty, rest = true, rest[1:]
		}
		if !strings.HasPrefix(rest, ">") {
			t.Fatalf("tag does not end: %.120q", page)
		}
		rest = rest[1:]
		end := strings.IndexByte(rest, '<')
		if end < 0 {
			end = len(rest)
		}
		g.after, page = rest[:end], rest[end:]
		if bare := entity.ReplaceAllString(g.after, ""); g.name != "style" && strings.ContainsAny(bare, "&>") {
			t.Errorf("an open sign in text %.80q", g.after)
		}
		if strings.ContainsFunc(g.after, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
			t.Errorf("something hidden in text %.80q", g.after)
		}
		list = append(list, g)
	}
	return list
}

// check holds a page to the rules.
func check(t *testing.T, page string) {
	t.Helper()
	var open []string
	ids, needs := map[string]bool{}, []string{}
	heading, columns, cells := 0, 0, 0
	inHead := false
	styles, policy := []string{}, ""
	for _, g := range tags(t, page) {
		for _, a := range g.attrs {
			name, value := strings.ToLower(a[0]), a[1]
			switch {
			case strings.HasPrefix(name, "on"), name == "style", name == "src", name == "srcset", name == "action", name == "data", name == "xlink:href":
				t.Errorf("attribute %s=%q", name, value)
			case name == "id":
				if ids[value] {
					t.Errorf("id %q twice", value)
				}
				ids[value] = true
			case name == "href":
				if !strings.HasPrefix(value, "#") {
					t.Errorf("a link leads out: %q", value)
				}
				needs = append(needs, strings.TrimPrefix(value, "#"))
			case name == "aria-labelledby":
				needs = append(needs, strings.Fields(value)...)
			case name == "fill" && strings.HasPrefix(value, "url("):
				needs = append(needs, strings.TrimSuffix(strings.TrimPrefix(value, "url(#"), ")"))
			case name == "content" && strings.Contains(value, "default-src"):
				policy = strings.ReplaceAll(value, "&#39;", "'")
			case name != "xmlns" && strings.Contains(value, "//"):
				t.Errorf("an address in %s=%q", name, value)
			}
		}
		switch {
		case g.close:
			if len(open) == 0 || open[len(open)-1] != g.name {
				t.Fatalf("</%s> closes %v", g.name, open)
			}
			open = open[:len(open)-1]
		case !voids[g.name] && !g.empty:
			open = append(open, g.name)
		}
		switch {
		case g.name == "thead":
			inHead = !g.close
		case g.name == "tr" && !g.close:
			cells = 0
		case (g.name == "th" || g.name == "td") && !g.close:
			cells++
		case g.name == "tr" && inHead:
			columns = cells
		case g.name == "tr" && cells != columns:
			t.Errorf("a row of %d cells in a table of %d columns", cells, columns)
		case g.name == "style" && !g.close:
			styles = append(styles, g.after)
		case len(g.name) == 2 && g.name[0] == 'h' && g.name[1] >= '1' && g.name[1] <= '6' && !g.close:
			level := int(g.name[1] - '0')
			if level > heading+1 || level == 1 && heading != 0 {
				t.Errorf("h%d after h%d", level, heading)
			}
			heading = level
		}
	}
	if len(open) != 0 {
		t.Errorf("%v stay open", open)
	}
	for _, id := range needs {
		if !ids[id] {
			t.Errorf("#%s leads nowhere", id)
		}
	}
	if strings.HasPrefix(page, "<svg") {
		return
	}
	if len(styles) != 1 {
		t.Fatalf("%d style sheets, want one", len(styles))
	}
	if strings.Contains(styles[0], "url(") || strings.Contains(styles[0], "@import") {
		t.Error("the style sheet loads something")
	}
	sum := sha256.Sum256([]byte(styles[0]))
	if want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"; policy != want {
		t.Errorf("got policy %q, want %q", policy, want)
	}
}

func zone(t testing.TB) *time.Location {
	t.Helper()
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Skip("this machine knows no time zones: ", err)
	}
	return z
}

// huge is a record with a note of a megabyte, of words and without any break.
func huge(t testing.TB) *script {
	s := declared("INC-1")
	s.say(time.Minute, bob, "", "", engine.Noted{Text: strings.Repeat("A<&\"'é\u202E", 1<<17), Class: engine.Observation})
	return s.say(time.Minute, bob, "", "", engine.Noted{Text: strings.Repeat("word ", 1<<17), Class: engine.Observation})
}

func stories(t testing.TB) map[string]*script {
	return map[string]*script{
		"told": told(t), "tiny": declared("DRL-3"), "doubt": doubtful(t), "wide": wide(t, 300), "long": long(t, 300), "played": played(t), "rehearsed": rehearsed(),
		"hostile": hostileStory(t, bait), "calm": hostileStory(t, "calm"), "huge": huge(t),
	}
}

func TestHTMLIsValid(t *testing.T) {
	for name, s := range stories(t) {
		t.Run(name, func(t *testing.T) {
			for _, level := range timeline.Levels() {
				for _, z := range []*time.Location{nil, zone(t)} {
					check(t, string(write(t, s, "html", timeline.Options{Redact: level, Zone: z})))
					check(t, string(write(t, s, "svg", timeline.Options{Redact: level, Zone: z})))
				}
			}
		})
	}
}

// With hostile text in every place a page has the tags that it has without.
func TestHostileTextInHTML(t *testing.T) {
	shape := func(text, format string) []string {
		var list []string
		for _, g := range tags(t, string(write(t, hostileStory(t, text), format, timeline.Options{}))) {
			list = append(list, fmt.Sprint(g.name, g.close, len(g.attrs)))
		}
		return list
	}
	calm, wild := shape("calm", "html"), shape(bait, "html")
	if !slices.Equal(calm, wild) {
		t.Errorf("got %d tags, want %d as without the bait", len(wild), len(calm))
	}
	if n := len(write(t, huge(t), "html", timeline.Options{})); n > 200_000 {
		t.Errorf("a note of a megabyte makes a page of %d bytes", n)
	}
}

func TestMarksOfThePage(t *testing.T) {
	private := declared("INC-1")
	private.facts[0].Body = engine.Declared{ID: "INC-1", Title: "t", Severity: 1, Private: true, Store: "s"}
	for _, tt := range []struct {
		story *script
		want  []string
		not   []string
	}{
		{declared("DRL-3"), []string{`<p class="banner exercise">`, `content:"EXERCISE, not a real incident"`}, []string{"PRIVATE"}},
		{private, []string{`<p class="banner private">`, `content:"PRIVATE"`}, []string{"EXERCISE"}},
		{declared("INC-1"), []string{`content:""`}, []string{"banner private", "banner exercise\">"}},
	} {
		page := string(write(t, tt.story, "html", timeline.Options{}))
		for _, want := range tt.want {
			if !strings.Contains(page, want) {
				t.Errorf("the page has no %q", want)
			}
		}
		for _, not := range tt.not {
			if strings.Contains(page, not) {
				t.Errorf("the page holds %q", not)
			}
		}
	}
}

// What players must not see yet stays out of what people read, until it is over.
func TestRowsOfFacilitatorsStayOut(t *testing.T) {
	s := declared("DRL-1")
	s.say(0, alice, "", "", engine.DrillStarted{Scenario: "s", Title: "t", Pace: 1})
	s.say(0, alice, "", "", engine.OutcomeSet{Step: "disable", Outcome: "unknown"})
	const secret = "comes to: unknown"
	for _, format := range []string{"md", "html"} {
		if page := string(write(t, s, format, timeline.Options{})); strings.Contains(page, secret) || !strings.Contains(page, "1 row for its facilitators") {
			t.Errorf("%s shows what is for facilitators while the exercise goes on", format)
		}
	}
	s.say(time.Minute, alice, "", "", engine.DrillEnded{Why: engine.EndTime})
	for _, format := range []string{"md", "html"} {
		if page := string(write(t, s, format, timeline.Options{})); !strings.Contains(page, secret) {
			t.Errorf("%s hides it after the exercise", format)
		}
	}
}
