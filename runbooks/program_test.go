package runbooks_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/runbookstest"
)

func everything(t *testing.T) *runbooks.Program {
	t.Helper()
	p, out := load(t, "testdata/ok/everything.yaml")
	if p == nil {
		t.Fatal(out)
	}
	return p
}

func compile(t *testing.T, src string) *runbooks.Program {
	t.Helper()
	p, found := runbooks.Load("test.yaml", []byte(src), runbookstest.Catalog())
	if p == nil {
		var b strings.Builder
		_ = found.WriteText(&b, map[string][]byte{"test.yaml": []byte(src)})
		t.Fatal(b.String())
	}
	return p
}

const head = "apiVersion: firebreak/v1\nkind: Runbook\nid: test\ntitle: Test\nsteps:\n"

func TestDefaults(t *testing.T) {
	p := compile(t, head+`
  - {id: read, uses: test.types}
  - id: change
    uses: aws.iam.deactivate_access_key
    with: {access_key_id: AKIAIOSFODNN7EXAMPLE}
    approval: {from: [group:leads]}
    retry: {attempts: 2}
  - {id: person, manual: do it, needs: []}
`)
	read, _ := p.Step("read")
	change, _ := p.Step("change")
	person, _ := p.Step("person")
	if read.Timeout != runbooks.Span(30*time.Second) || read.Verify != nil || read.Retry != (runbooks.Retry{Attempts: 1}) || read.Needs != nil || read.With == nil {
		t.Errorf("read: %+v", read)
	}
	if read.OnFailure != runbooks.Stop || read.OnRefused != runbooks.Stop || read.Effect != actions.Read || read.Repeat != actions.Idempotent || read.ActionVersion != 1 {
		t.Errorf("read: %+v", read)
	}
	want := &runbooks.Approval{From: []string{"group:leads"}, Quorum: 1, Expires: runbooks.DefaultExpires}
	if diff := cmp.Diff(want, change.Approval); diff != "" {
		t.Error(diff)
	}
	if change.Timeout != runbooks.Span(time.Minute) || change.Settle != runbooks.Span(5*time.Second) || !change.CanUndo || change.Verify.Within != runbooks.DefaultWithin || !slices.Equal(change.Needs, []string{"read"}) {
		t.Errorf("change: %+v", change)
	}
	if change.Retry != (runbooks.Retry{Attempts: 2, Backoff: runbooks.DefaultBackoff}) {
		t.Errorf("retry: %+v", change.Retry)
	}
	if person.Uses != "" || person.Timeout != 0 || person.Manual == nil || len(person.Needs) != 0 || person.Name() != "person" {
		t.Errorf("person: %+v", person)
	}
}

func TestRoundTrip(t *testing.T) {
	p := everything(t)
	data, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := runbooks.DecodeProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := back.Encode()
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the second encoding differs: %v\n%s", err, cmp.Diff(string(data), string(again)))
	}
	if diff := cmp.Diff(p.Inputs, back.Inputs); diff != "" {
		t.Errorf("inputs: %s", diff)
	}
	env := runbooks.Env{
		Inputs: map[string]any{"key": "none", "mode": "soft", "n": int64(-3), "force": false, "wait": "1m30s", "plain": "010", "must": "alice"},
		Run:    "R1", Incident: runbooks.IncidentFacts{ID: "INC-1"}, Environment: runbooks.EnvironmentFacts{Region: "eu"}, Now: time.Unix(5, 0),
		Steps: map[string]runbooks.StepState{"look": {Status: "done", Outputs: map[string]any{
			"text": "t", "count": json.Number("2"), "force": true, "wait": "1h0m0s", "since": "2026-11-22T04:50:24Z", "names": []any{"a", "b"}, "labels": map[string]any{"a": "b"},
			"tags": []any{map[string]any{"key": "a"}}, "where": map[string]any{"key": "k", "value": "v"},
		}}},
	}
	for _, program := range []*runbooks.Program{p, back} {
		step, _ := program.Step("look")
		got, err := step.With.Resolve(env)
		want := map[string]any{
			"text": "1.10", "mode": "hard", "count": int64(5), "force": true, "wait": "1h", "since": "2026-11-22T04:50:24Z", "names": []any{"a", "yes", "010", "none"},
			"labels": map[string]any{"any key": "soft", "b": "null-like"}, "tags": []any{map[string]any{"key": "a"}, map[string]any{"key": "b", "value": "R1"}},
			"where": map[string]any{"key": "region-eu--3-false-1m30s"}, "token": "secret://env/TOKEN",
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		step, _ = program.Step("same_types")
		got, err = step.With.Resolve(env)
		want = map[string]any{
			"text": "t", "count": int64(4), "force": true, "wait": "1h0m0s", "since": "2026-11-22T04:50:24Z", "names": []any{"b"},
			"labels": map[string]any{"a": "b"}, "tags": []any{map[string]any{"key": "a", "value": ""}}, "where": map[string]any{"key": "k", "value": "v"},
		}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%v %s", err, diff)
		}
		step, _ = program.Step("end")
		if is, _, err := step.If.Bool(env); !is || err != nil {
			t.Errorf("got %v, %v", is, err)
		}
	}
}

// The bytes are those of the strict subset that the journal keeps.
func TestEncodingIsCanonical(t *testing.T) {
	data, err := everything(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`^[A-Za-z0-9_.:/-]+$`)
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for k, one := range v {
				if !key.MatchString(k) {
					t.Errorf("key %q", k)
				}
				visit(one)
			}
		case []any:
			for _, one := range v {
				visit(one)
			}
		case json.Number:
			if _, err := v.Int64(); err != nil {
				t.Errorf("number %s", v)
			}
		}
	}
	visit(tree)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(tree); err != nil || !bytes.Equal(bytes.TrimSpace(b.Bytes()), data) {
		t.Error("keys are not sorted, or there is space")
	}
}

func TestDigestKeepsThroughLayout(t *testing.T) {
	src, err := os.ReadFile("testdata/ok/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before := compile(t, string(src))
	for name, change := range map[string]func(string) string{
		"comment":  func(s string) string { return "# more\n\n" + strings.Replace(s, "budget: 20m", "budget: 20m # why", 1) },
		"spelling": func(s string) string { return strings.Replace(s, "budget: 20m", "budget: 1200s", 1) },
		"quotes":   func(s string) string { return strings.Replace(s, "id: everything", `id: "everything"`, 1) },
		"crlf":     func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"block": func(s string) string {
			return strings.Replace(s, "verify: {within: 2m}", "verify:\n      within: 120s", 1)
		},
		"key order": func(s string) string {
			return strings.Replace(s, "id: end\n    uses: test.terminate", "uses: test.terminate\n    id: end", 1)
		},
		"spaces": func(s string) string { return strings.Replace(s, "${{ run }}", "${{run}}", 1) },
		"defaults": func(s string) string {
			return strings.Replace(s, "id: at_once", "id: at_once\n    timeout: 30s\n    on_failure: stop", 1)
		},
		"parameters": func(s string) string {
			return strings.Replace(s, "mode: hard\n      count: 5", "count: 5\n      mode: hard", 1)
		},
	} {
		changed := change(string(src))
		if changed == string(src) {
			t.Fatalf("%s changes nothing", name)
		}
		after := compile(t, changed)
		if after.Digest != before.Digest {
			t.Errorf("%s moves the digest", name)
		}
		if after.Source.SHA256 == before.Source.SHA256 {
			t.Errorf("%s keeps the hash of the file", name)
		}
	}
	renamed, _ := runbooks.Load("other.yaml", src, runbookstest.Catalog())
	if renamed.Digest != before.Digest {
		t.Error("the name of the file moves the digest")
	}
}

// Every field of a program counts, but for the digest itself, the source and
// positions. A new field is covered without a change here.
func TestDigestMovesWithEveryField(t *testing.T) {
	seen := map[string]int{}
	for _, p := range []*runbooks.Program{everything(t), language(t)[0]} {
		data, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		everyField(t, data, seen)
	}
	for _, path := range []string{
		"ID", "Semantics", "Steps.With.Members.Value.Literal", "Steps.If.Source", "Steps.Approval.Escalate.To", "Steps.Outputs.Kind", "Inputs.Default", "Steps.Needs", "Steps.Settle",
		"Inputs.Format", "Inputs.Min", "Inputs.Of.Of.Max", "Inputs.Sensitive", "Outputs.Value.Source", "Outputs.Field.Kind", "OnCancel.ID", "Waivers.Expires", "Steps.Critical", "Steps.Evidence", "Steps.Total",
		"Steps.ForEach.In.Source", "Steps.ForEach.Item.Kind", "Steps.ForEach.MaxPercent", "Steps.Wait.For", "Steps.Wait.Until.Source", "Steps.Contains.Ask", "Steps.Undo.Within", "Steps.Undo.Approval.Quorum",
		"Steps.Undo.Manual.Parts.Text", "Steps.Manual.Answer.Enum", "Steps.Approval.StepUp", "Steps.Approval.Remind", "Steps.Approval.BreakGlass.By", "Steps.Approval.BreakGlass.Review", "Steps.Undo.Approval.BreakGlass.Within", "Steps.Runbook.Digest", "Steps.Runbook.Program.Steps.Uses",
	} {
		if seen[path] == 0 {
			t.Errorf("%s was not tried", path)
		}
	}
	all := slices.Sorted(maps.Keys(seen))
	if len(all) < 150 {
		t.Errorf("only %d fields were tried: %v", len(all), all)
	}
}

// everyField changes each field of a program, one after the other.
func everyField(t *testing.T, data []byte, seen map[string]int) {
	t.Helper()
	accepted := func(p *runbooks.Program) bool {
		changed, err := p.Encode()
		if err != nil {
			t.Fatal(err)
		}
		_, err = runbooks.DecodeProgram(changed)
		if err != nil && !regexp.MustCompile("digest|semantics|default|not text|called").MatchString(err.Error()) {
			t.Fatalf("refused for another reason: %v", err)
		}
		return err == nil
	}
	var visit func(path string, v reflect.Value, p *runbooks.Program)
	visit = func(path string, v reflect.Value, p *runbooks.Program) {
		try := func(change func()) {
			place := regexp.MustCompile(`\[\d+\]`).ReplaceAllString(path, "")
			if seen[place]++; seen[place] > 2 {
				return // the same field of the third step
			}
			old := reflect.New(v.Type()).Elem()
			old.Set(v)
			change()
			free := regexp.MustCompile(`(^|\.Program\.)Source\.(Name|SHA256|Text)$`).MatchString(path) || strings.HasSuffix(path, "Pos.Line") || strings.HasSuffix(path, "Pos.Col")
			if got := accepted(p); got != free {
				t.Errorf("%s: accepted after a change: %v", path, got)
			}
			v.Set(old)
		}
		switch v.Kind() {
		case reflect.String:
			try(func() { v.SetString(v.String() + "x") })
		case reflect.Int, reflect.Int64:
			try(func() { v.SetInt(v.Int() + 1) })
		case reflect.Bool:
			try(func() { v.SetBool(!v.Bool()) })
		case reflect.Interface:
			if !v.IsNil() {
				try(func() { v.Set(reflect.ValueOf("changed")) })
			}
		case reflect.Pointer:
			if !v.IsNil() {
				visit(path, v.Elem(), p)
			}
		case reflect.Slice:
			for i := range v.Len() {
				visit(fmt.Sprintf("%s[%d]", path, i), v.Index(i), p)
			}
			if v.Len() > 0 {
				try(func() { v.Set(v.Slice(0, v.Len()-1)) })
			}
		case reflect.Struct:
			for f, value := range v.Fields() {
				if f.IsExported() {
					visit(strings.TrimPrefix(path+"."+f.Name, "."), value, p)
				}
			}
		default:
			t.Errorf("%s is a %s", path, v.Kind())
		}
	}
	p, err := runbooks.DecodeProgram(data)
	if err != nil {
		t.Fatal(err)
	}
	visit("", reflect.ValueOf(p).Elem(), p)
	if !accepted(p) {
		t.Error("the program was not put back")
	}
}

func TestDecodeRefuses(t *testing.T) {
	data, err := everything(t).Encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ old, new, want string }{
		"newer":         {`"semantics":1`, `"semantics":2`, "use a newer firebreak"},
		"none":          {`"semantics":1`, `"semantics":0`, "semantics 0"},
		"changed":       {`"quorum":2`, `"quorum":1`, "it was changed"},
		"other digest":  {`"digest":"`, `"digest":"0`, "it was changed"},
		"unknown field": {`"budget":`, `"budgets":`, "unknown field"},
		"not JSON":      {`{`, `[`, "decode a program"},
		"expression":    {`"source":"!inputs.force`, `"source":"!inputs.forced`, "it was changed"},
	} {
		changed := strings.Replace(string(data), tt.old, tt.new, 1)
		if changed == string(data) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := runbooks.DecodeProgram([]byte(changed)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

// An action that gives more, later, does not change a runbook that does not
// read it; one that gives something else does.
func TestDigestAndTheCatalog(t *testing.T) {
	src := head + "  - {id: a, uses: test.types}\n  - {id: b, uses: slack.post, with: {text: '${{ steps.a.outputs.text }}'}}\n"
	digest := func(change func(*actions.Spec)) string {
		p, found := runbooks.Load("test.yaml", []byte(src), changed{runbookstest.Catalog(), change})
		if p == nil {
			t.Fatal(found)
		}
		return p.Digest
	}
	before := digest(func(*actions.Spec) {})
	if digest(func(s *actions.Spec) {
		s.Outputs = append(s.Outputs, actions.Field{Name: "more", Kind: actions.Int})
		s.Doc = "x"
	}) != before {
		t.Error("an output that is not read moves the digest")
	}
	for name, change := range map[string]func(*actions.Spec){
		"effect":  func(s *actions.Spec) { s.Effect = actions.Destructive },
		"repeat":  func(s *actions.Spec) { s.Repeat = actions.Once },
		"version": func(s *actions.Spec) { s.Version++ },
		"settle":  func(s *actions.Spec) { s.Settle += time.Second },
		"timeout": func(s *actions.Spec) { s.Timeout += time.Second },
		"undo":    func(s *actions.Spec) { s.CanUndo = !s.CanUndo },
	} {
		if digest(change) == before {
			t.Errorf("a change of %s keeps the digest", name)
		}
	}
}

type changed struct {
	runbooks.Catalog
	change func(*actions.Spec)
}

func (c changed) Spec(name string) (actions.Spec, bool) {
	spec, ok := c.Catalog.Spec(name)
	c.change(&spec)
	return spec, ok
}

// A caller that overlooks what Parse reported gets no program of half a file.
func TestCompileRemembersParse(t *testing.T) {
	rb, found := runbooks.Parse("test.yaml", []byte(head+"  - {id: a, uses: test.nothing, aproval: {from: [group:leads]}}\n"))
	if rb == nil || len(found) != 1 {
		t.Fatalf("got %v, %v", rb, found)
	}
	if p, more := runbooks.Compile(rb, runbookstest.Catalog()); p != nil || len(more) != 0 {
		t.Errorf("got a program: %v, %v", p != nil, more)
	}
}
