package timeline_test

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// The readers here are written from the rules of each form, and know nothing of
// how it is written.

// checkCSV reads what a spreadsheet would, and returns the cells by column.
func checkCSV(t *testing.T, data []byte) []map[string]string {
	t.Helper()
	if !utf8.Valid(data) {
		t.Error("the table is not UTF-8")
	}
	if bytes.HasPrefix(data, []byte("\ufeff")) {
		t.Error("the table begins with a byte order mark")
	}
	for n, b := range data {
		if b == '\n' && (n == 0 || data[n-1] != '\r') || b == '\r' && (n+1 == len(data) || data[n+1] != '\n') {
			t.Fatalf("byte %d: a line does not end with CR LF", n)
		}
	}
	if !bytes.HasSuffix(data, []byte("\r\n")) {
		t.Error("the last record has no end")
	}
	r := csv.NewReader(bytes.NewReader(data))
	all, err := r.ReadAll() // which also wants the same number of cells in each record
	if err != nil {
		t.Fatal(err)
	}
	var rows []map[string]string
	for n, record := range all[1:] {
		row := map[string]string{}
		for c, cell := range record {
			row[all[0][c]] = cell
			checkCell(t, fmt.Sprintf("record %d, %s", n+1, all[0][c]), cell)
		}
		if _, err := strconv.ParseInt(row["seq"], 10, 64); err != nil {
			t.Errorf("record %d: seq %q", n+1, row["seq"])
		}
		for _, at := range []string{"occurred_at", "recorded_at"} {
			if _, err := time.Parse(time.RFC3339Nano, row[at]); err != nil {
				t.Errorf("record %d: %s: %v", n+1, at, err)
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// checkCell wants a cell that shows all of itself and computes nothing.
func checkCell(t *testing.T, where, cell string) {
	t.Helper()
	if len([]rune(cell)) > 32_767 {
		t.Errorf("%s: a spreadsheet cuts a cell of %d characters", where, len(cell))
	}
	if trimmed := strings.TrimSpace(cell); trimmed != "" && strings.ContainsAny(trimmed[:1], "=+-@") {
		t.Errorf("%s: %.40q is a formula", where, cell)
	}
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(strings.TrimSpace(cell), wide) {
			t.Errorf("%s: %.40q is a formula in wide letters", where, cell)
		}
	}
	for _, r := range cell {
		if !unicode.IsPrint(r) {
			t.Errorf("%s: %U is hidden in it", where, r)
			break
		}
	}
}

// sketchTypes is what Timesketch's index would know after some lines: the type
// of each field, which the first line with it decides.
type sketchTypes map[string]string

// checkSketch reads what Timesketch's importer would.
func checkSketch(t *testing.T, data []byte, types sketchTypes) []map[string]any {
	t.Helper()
	reserved := []string{"_id", "_type", "_index", "_source", "__ts_timeline_id", "label", "labels", "__ts_star", "__ts_comment"}
	list := objects(t, data)
	if len(list) < 3 {
		t.Errorf("%d lines; a file of fewer than three has failed in an importer", len(list))
	}
	for n, m := range list {
		fault := func(format string, args ...any) { t.Errorf("line %d: %s", n+1, fmt.Sprintf(format, args...)) }
		for _, name := range []string{"message", "datetime", "timestamp_desc", "data_type"} {
			if s, ok := m[name].(string); !ok || s == "" {
				fault("%s is %v", name, m[name])
			}
		}
		message, _ := m["message"].(string)
		if len(message) > 4<<10 {
			fault("message has %d bytes", len(message))
		}
		at, _ := m["datetime"].(string)
		if !regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$`).MatchString(at) {
			fault("datetime is %q", at)
		}
		when, err := time.Parse("2006-01-02T15:04:05.000000-07:00", at)
		if err != nil || when.Year() < 1700 {
			fault("datetime %q: %v", at, err)
		}
		if us, err := m["timestamp"].(json.Number).Int64(); err != nil || us != when.UnixMicro() {
			fault("timestamp %v is not the microseconds of %s", m["timestamp"], at)
		}
		known := []string{"Action started", "Action finished", "Approval requested", "Approval decided", "Note recorded", "Observed time",
			"Evidence collected", "Inject delivered", "Fact recorded", "Record exported"}
		if desc, _ := m["timestamp_desc"].(string); !slices.Contains(known, desc) {
			fault("timestamp_desc %q", desc)
		}
		if typ, _ := m["data_type"].(string); !strings.HasPrefix(typ, "firebreak:") {
			fault("data_type %q", typ)
		}
		if _, ok := m["tag"].([]any); !ok {
			fault("tag is %v, not a list", m["tag"])
		}
		for name, value := range m {
			if slices.Contains(reserved, name) {
				fault("%s is not ours", name)
			}
			switch name {
			case "message", "datetime", "timestamp", "timestamp_desc", "data_type", "tag", "details":
			default:
				if !strings.HasPrefix(name, "fb_") {
					fault("%s does not begin with fb_", name)
				}
			}
			is := sketchType(value)
			if was := cmp.Or(types[name], is); was != is && is != "[]" {
				fault("%s is %s, and was %s before", name, is, was)
			}
			if is != "[]" {
				types[name] = is
			}
			if s, ok := value.(string); ok && len(s) > 32_766 {
				fault("%s has %d bytes, and could not be sorted", name, len(s))
			}
		}
	}
	return list
}

func sketchType(value any) string {
	switch v := value.(type) {
	case string:
		return "text"
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return "integer"
		}
		return "float"
	case []any:
		if len(v) == 0 {
			return "[]"
		}
		return "list of " + sketchType(v[0])
	}
	return fmt.Sprintf("%T", value)
}

// The tables of the OCSF schema that concern us: of each class its category,
// its activities, its statuses, and what it asks for.
var ocsfRules = map[int64]struct {
	category   int64
	activities []int64
	statuses   []int64
	required   []string
	oneOf      []string
	versions   []string
}{
	0:    {0, []int64{0, 99}, []int64{0, 1, 2, 99}, nil, nil, []string{"1.8.0", "1.9.0"}},
	2005: {2, []int64{0, 1, 2, 3, 99}, []int64{0, 1, 2, 3, 4, 5, 99}, []string{"finding_info_list"}, []string{"assignee", "assignee_group"}, []string{"1.8.0", "1.9.0"}},
	3005: {3, []int64{0, 1, 2, 3, 4, 99}, []int64{0, 1, 2, 99}, []string{"user"}, nil, []string{"1.8.0"}},
	3007: {3, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 99}, []int64{0, 1, 2, 99}, []string{"user"}, nil, []string{"1.9.0"}},
	6003: {6, []int64{0, 1, 2, 3, 4, 99}, []int64{0, 1, 2, 99}, []string{"actor", "api", "src_endpoint"}, nil, []string{"1.8.0", "1.9.0"}},
	7001: {7, []int64{0, 1, 2, 3, 4, 99}, []int64{0, 1, 2, 3, 4, 5, 6, 99}, []string{"command_uid"}, nil, []string{"1.8.0", "1.9.0"}},
}

// members of events that every class has, and those that only some have.
var (
	ocsfCommon = strings.Fields("activity_id activity_name category_uid category_name class_uid class_name type_uid type_name severity_id severity status_id status status_detail time duration message metadata unmapped")
	ocsfExtra  = map[int64]string{
		2005: "finding_info_list assignee assignee_group", 3005: "user actor resources", 3007: "user actor resources", 6003: "actor api src_endpoint resources", 7001: "command_uid",
	}
)

// checkOCSF reads events as the schema wants them.
func checkOCSF(t *testing.T, data []byte, version string) []map[string]any {
	t.Helper()
	list := objects(t, data)
	for n, m := range list {
		fault := func(format string, args ...any) { t.Errorf("line %d: %s", n+1, fmt.Sprintf(format, args...)) }
		number := func(name string) int64 {
			v, ok := m[name].(json.Number)
			i, err := v.Int64()
			if !ok || err != nil {
				fault("%s is %v", name, m[name])
			}
			return i
		}
		class := number("class_uid")
		rule, ok := ocsfRules[class]
		if !ok || !slices.Contains(rule.versions, version) {
			fault("class %d is not in version %s", class, version)
			continue
		}
		if got := number("category_uid"); got != rule.category {
			fault("class %d is of category %d", class, got)
		}
		activity := number("activity_id")
		if !slices.Contains(rule.activities, activity) {
			fault("class %d has no activity %d", class, activity)
		}
		if got := number("type_uid"); got != class*100+activity {
			fault("type_uid %d of class %d, activity %d", got, class, activity)
		}
		if got := number("severity_id"); !slices.Contains([]int64{0, 1, 2, 3, 4, 5, 6, 99}, got) {
			fault("severity_id %d", got)
		}
		if got := number("status_id"); !slices.Contains(rule.statuses, got) {
			fault("class %d has no status %d", class, got)
		}
		if at := number("time"); at < 1e12 || at > 1e13 {
			fault("time %d is not in milliseconds", at)
		}
		for _, name := range rule.required {
			if m[name] == nil || reflect.ValueOf(m[name]).Len() == 0 {
				fault("class %d needs %s", class, name)
			}
		}
		if rule.oneOf != nil && !slices.ContainsFunc(rule.oneOf, func(name string) bool { return m[name] != nil }) {
			fault("class %d needs one of %v", class, rule.oneOf)
		}
		for name := range m {
			if !slices.Contains(ocsfCommon, name) && !slices.Contains(strings.Fields(ocsfExtra[class]), name) && (name != "attestation_list" || version != "1.9.0") {
				fault("class %d of version %s has no %s", class, version, name)
			}
		}
		checkMetadata(t, n+1, m, version)
		if class == 2005 {
			for _, f := range m["finding_info_list"].([]any) {
				if f.(map[string]any)["uid"] == "" {
					fault("a finding without uid")
				}
			}
		}
		if api, ok := m["api"].(map[string]any); ok && api["operation"] == "" {
			fault("an api without operation")
		}
		for _, who := range []string{"user", "assignee"} {
			if u, ok := m[who].(map[string]any); ok && u["name"] == nil && u["uid"] == nil {
				fault("%s has neither name nor uid", who)
			}
		}
		if a, ok := m["actor"].(map[string]any); ok && a["user"] == nil && a["app_name"] == nil {
			fault("an actor who is nobody")
		}
	}
	return list
}

func checkMetadata(t *testing.T, line int, m map[string]any, version string) {
	t.Helper()
	fault := func(format string, args ...any) {
		t.Errorf("line %d: metadata: %s", line, fmt.Sprintf(format, args...))
	}
	meta, ok := m["metadata"].(map[string]any)
	if !ok {
		fault("there is none")
		return
	}
	product, _ := meta["product"].(map[string]any)
	if product["name"] == "" || product["vendor_name"] == "" || meta["version"] != version {
		fault("product %v, version %v", product, meta["version"])
	}
	for _, name := range []string{"uid", "correlation_uid", "log_name", "event_code"} {
		if s, _ := meta[name].(string); s == "" {
			fault("%s is %v", name, meta[name])
		}
	}
	if _, err := meta["sequence"].(json.Number).Int64(); err != nil {
		fault("sequence %v", meta["sequence"])
	}
	profiles, _ := meta["profiles"].([]any)
	if attested := slices.Contains(profiles, any("record_integrity")); attested != (m["attestation_list"] != nil) {
		fault("profiles %v, and attestations %v", profiles, m["attestation_list"])
	}
	if class := m["class_uid"].(json.Number); slices.Contains(profiles, any("incident")) != (class == "2005") {
		fault("profiles %v of class %s", profiles, class)
	}
	attested, _ := m["attestation_list"].([]any)
	for _, a := range attested {
		a := a.(map[string]any)
		if a["chain_uid"] == "" || a["uid"] != meta["uid"] {
			fault("attestation %v", a)
		}
		checkFingerprint(t, line, a["fingerprint"])
		if prev, ok := a["prev_event"].(map[string]any); ok {
			checkFingerprint(t, line, prev["fingerprint"])
		}
		signatures, _ := a["signatures"].([]any)
		for _, s := range signatures {
			if _, err := s.(map[string]any)["algorithm_id"].(json.Number).Int64(); err != nil {
				fault("a signature without an algorithm")
			}
		}
	}
}

func checkFingerprint(t *testing.T, line int, f any) {
	t.Helper()
	m, _ := f.(map[string]any)
	if value, _ := m["value"].(string); m["algorithm_id"] != json.Number("3") || !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(value) {
		t.Errorf("line %d: fingerprint %v", line, f)
	}
}

// checkCanonical reads the jsonl form as its documentation describes it.
func checkCanonical(t *testing.T, data []byte) []map[string]any {
	t.Helper()
	must := map[string]reflect.Type{}
	for _, name := range strings.Fields("id incident mode occurred_at recorded_at time_source kind type text") {
		must[name] = reflect.TypeFor[string]()
	}
	for _, name := range strings.Fields("evidence refs redactions tags") {
		must[name] = reflect.TypeFor[[]any]()
	}
	must["seq"], must["actor"] = reflect.TypeFor[json.Number](), reflect.TypeFor[map[string]any]()
	may := strings.Fields("on_behalf_of runbook run step attempt targets outcome reason duration_ms plan_digest details corrected hidden prev_hash hash")
	list := objects(t, data)
	ids := map[any]bool{}
	for n, m := range list {
		for name, is := range must {
			if reflect.TypeOf(m[name]) != is {
				t.Errorf("line %d: %s is %v", n+1, name, m[name])
			}
		}
		for name := range m {
			if must[name] == nil && !slices.Contains(may, name) {
				t.Errorf("line %d: %s is not one of the members", n+1, name)
			}
		}
		for _, at := range []string{"occurred_at", "recorded_at"} {
			if when, err := time.Parse("2006-01-02T15:04:05.000000Z", m[at].(string)); err != nil {
				t.Errorf("line %d: %s: %v %v", n+1, at, when, err)
			}
		}
		if !slices.Contains([]any{"engine", "aws", "slack", "human", "scenario"}, m["time_source"]) || !slices.Contains([]any{"live", "exercise"}, m["mode"]) {
			t.Errorf("line %d: time_source %v, mode %v", n+1, m["time_source"], m["mode"])
		}
		if ids[m["id"]] {
			t.Errorf("line %d: id %v stands twice", n+1, m["id"])
		}
		ids[m["id"]] = true
	}
	return list
}

// checkAll writes a story in each form for machines and reads it back by the
// rules of the form.
func checkAll(t *testing.T, s *script) (table []map[string]string, canonical, sketch, eight, nine []map[string]any) {
	t.Helper()
	o := timeline.Options{Head: head()}
	table = checkCSV(t, s.written(t, "csv", o))
	canonical = checkCanonical(t, s.written(t, "jsonl", o))
	sketch = checkSketch(t, s.written(t, "timesketch", o), sketchTypes{})
	eight = checkOCSF(t, s.written(t, "ocsf", o), "1.8.0")
	o.OCSF = "1.9"
	nine = checkOCSF(t, s.written(t, "ocsf", o), "1.9.0")
	n := int(s.record(t).Count)
	if len(table) != n || len(canonical) != n || len(eight) != n || len(nine) != n || len(sketch) < n {
		t.Errorf("of %d rows there are %d, %d, %d, %d, %d", n, len(table), len(canonical), len(sketch), len(eight), len(nine))
	}
	return table, canonical, sketch, eight, nine
}

// What is written follows the rules of each form, for every story and for every
// kind of fact, calm or hostile, and the types of Timesketch's fields never change.
func TestMachinesFollowTheRules(t *testing.T) {
	types := sketchTypes{}
	for name, s := range map[string]*script{
		"told": told(t), "tiny": declared("INC-1"), "drill": rehearsed(), "wide": wide(t, 3), "doubt": doubtful(t), "calm": hostileStory(t, "calm"), "bait": hostileStory(t, bait),
		"formula": hostileStory(t, "=cmd|' /C calc'!A0"), "at": hostileStory(t, "@everyone <!channel>"), "tab": hostileStory(t, "\t=1+1"), "wide letters": hostileStory(t, "＝1+1"),
		"nul": hostileStory(t, "a\x00b\x1b[2J"), "bytes": hostileStory(t, "\xff\xfe\xc3("), "turned": hostileStory(t, "\u202e\u2066abc\u2069"), "empty": hostileStory(t, ""), "break": hostileStory(t, "a\r\n\"b\",c\u2028d"),
	} {
		t.Run(name, func(t *testing.T) {
			s.chained()
			checkAll(t, s)
			checkSketch(t, s.written(t, "timesketch", timeline.Options{}), types)
		})
	}
}

// A note of a megabyte is cut where a form has room for less, and what is cut is
// counted; the canonical form has all of it.
func TestLongTextIsCutAndCounted(t *testing.T) {
	long := strings.Repeat("ä€x", 1<<20/6)
	s := declared("INC-1").say(0, bob, "", "", engine.Noted{Text: long, Class: engine.Observation}).chained()
	table, canonical, sketch, eight, _ := checkAll(t, s)
	text := "bob noted (observation): " + long
	if got := canonical[1]["text"]; got != text {
		t.Error("the canonical form has not all of the text")
	}
	total := utf8.RuneCountInString(text)
	for _, tt := range []struct{ name, got string }{
		{"csv", table[1]["text"]}, {"timesketch", sketch[3]["message"].(string)}, {"ocsf", eight[1]["message"].(string)},
	} {
		kept, rest, _ := strings.Cut(tt.got, "… (")
		n, err := strconv.Atoi(rest[:strings.IndexByte(rest, ' ')])
		if err != nil || utf8.RuneCountInString(kept)+n != total || !strings.HasPrefix(text, kept) {
			t.Errorf("%s: %d characters and a count of %d, want %d in all", tt.name, utf8.RuneCountInString(kept), n, total)
		}
	}
	kept, _, _ := strings.Cut(sketch[3]["message"].(string), "… (")
	if details, _ := sketch[3]["details"].(string); !strings.HasPrefix(text, kept+strings.SplitN(details, "… (", 2)[0]) {
		t.Error("details do not go on where the message is cut")
	}
}

// The chain of the journal can be followed in each form that carries it.
func TestChainStandsInEachForm(t *testing.T) {
	table, canonical, sketch, _, nine := checkAll(t, told(t).chained())
	follow := func(name string, of func(n int) (prev, hash any), rows int) {
		last := any(strings.Repeat("0", 64))
		seen := 0
		for n := range rows {
			prev, hash := of(n)
			if hash == nil || hash == "" {
				continue // a row that no fact stands behind
			}
			if seen++; prev != last {
				t.Errorf("%s: row %d follows %v, want %v", name, n, prev, last)
			}
			last = hash
		}
		if seen < 60 {
			t.Errorf("%s: %d hashes", name, seen)
		}
	}
	follow("csv", func(n int) (any, any) { return table[n]["prev_hash"], table[n]["hash"] }, len(table))
	follow("jsonl", func(n int) (any, any) { return canonical[n]["prev_hash"], canonical[n]["hash"] }, len(canonical))
	var facts []map[string]any // without the second line of what was observed
	for _, m := range sketch {
		if id, _ := m["fb_id"].(string); !strings.HasSuffix(id, "/observed") {
			facts = append(facts, m)
		}
	}
	follow("timesketch", func(n int) (any, any) { return facts[n]["fb_prev_hash"], facts[n]["fb_hash"] }, len(facts))
	uid := any(nil)
	follow("ocsf", func(n int) (any, any) {
		list, _ := nine[n]["attestation_list"].([]any)
		if list == nil {
			return nil, nil
		}
		a := list[0].(map[string]any)
		hash := a["fingerprint"].(map[string]any)["value"]
		prev, _ := a["prev_event"].(map[string]any)
		if prev == nil {
			uid = a["uid"]
			return strings.Repeat("0", 64), hash
		}
		if prev["uid"] != uid {
			t.Errorf("row %d: follows event %v, want %v", n, prev["uid"], uid)
		}
		uid = a["uid"]
		return prev["fingerprint"].(map[string]any)["value"], hash
	}, len(nine))
}

// What people add is marked on the row it is about, beside the record's words,
// and is a row of its own.
func TestOverlayStandsInEachForm(t *testing.T) {
	s := told(t)
	s.say(0, bob, "", "", engine.RowCorrected{Of: 43, Text: "=our own scanner found it", Reason: "clearer"})
	s.say(0, bob, "", "", engine.RowHidden{Of: 44, Reason: "personal"})
	table, canonical, sketch, eight, _ := checkAll(t, s.chained())
	if r := table[3]; r["corrected"] == "" || strings.HasPrefix(r["corrected"], "=") || !strings.Contains(r["text"], "a scanner found the key") || table[4]["hidden"] != "hidden by bob: personal" {
		t.Errorf("csv: %v", r)
	}
	if m := canonical[3]; m["corrected"].(map[string]any)["text"] != "=our own scanner found it" || canonical[4]["hidden"] == nil || canonical[len(canonical)-2]["type"] != "timeline.corrected" {
		t.Errorf("jsonl: %v", m)
	}
	if n := slices.IndexFunc(sketch, func(m map[string]any) bool { return m["fb_corrected"] == "=our own scanner found it" }); n < 0 || sketch[n]["fb_seq"] != json.Number("43") {
		t.Error("timesketch: the corrected row is not marked")
	}
	if u := eight[3]["unmapped"].(map[string]any); u["fb_corrected"] != "=our own scanner found it" || !slices.Contains(eight[4]["metadata"].(map[string]any)["labels"].([]any), any("hidden")) {
		t.Errorf("ocsf: %v", u)
	}
}

// What is written for others names nobody and nothing, and its chain still holds.
func TestRedactedFormsFollowTheRules(t *testing.T) {
	for _, form := range machines {
		form.o.Head, form.o.Redact = head(), timeline.External
		data := told(t).chained().written(t, form.format, form.o)
		for _, word := range []string{"alice", "Alice", "svc-deploy", "111122223333", "U01", "scanner", "AKIA"} {
			if bytes.Contains(data, []byte(word)) {
				t.Errorf("%s: %q is told to others", form.name, word)
			}
		}
		switch form.format {
		case "csv":
			checkCSV(t, data)
		case "jsonl":
			if list := checkCanonical(t, data); len(list[0]["redactions"].([]any)) != 1 {
				t.Error("jsonl does not say that it is redacted")
			}
		case "timesketch":
			checkSketch(t, data, sketchTypes{})
		case "ocsf":
			checkOCSF(t, data, map[string]string{"": "1.8.0", "1.9": "1.9.0"}[form.o.OCSF])
		}
		if form.o.OCSF != "1.9" && !bytes.Contains(data, []byte("96a296d224f285c6")) {
			t.Errorf("%s: the chain is gone", form.name)
		}
	}
}

// Whatever people write, each form stays what it is.
func FuzzTextOfMachines(f *testing.F) {
	for _, text := range []string{"", bait, "=1+1", "\t@x", "a\x00\xff", "\u202e", strings.Repeat("ä", 5000), "\"\r\n,", "{\"a\":1}", " \u00a0=x", "＋1"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := declared("INC-1")
		s.say(0, engine.Actor{Type: engine.Person, ID: text, Name: text, Via: text}, "", "", engine.Noted{Text: text, Class: engine.NoteKind(text), Observed: s.stamp(-time.Hour)})
		s.say(0, engine.Actor{Type: engine.Stranger, Via: text}, text, text, engine.Refused{Verb: text, Code: engine.Code(text), Message: text})
		s.it(0, text, intent(1, text, "", text, text))
		s.say(0, engine.Actor{Type: engine.Person, ID: text}, text, text, engine.GlassBroken{Approval: text, Target: text, Reason: text})
		s.it(0, text, engine.GlassReviewAsked{ID: text, Approval: text, By: text, Ask: []string{text}})
		s.it(0, text, engine.TimerFired{Ref: "review:" + text})
		s.say(0, engine.Actor{Type: engine.Person, ID: text}, text, text, engine.GlassReviewed{ID: text, Text: text})
		checkAll(t, s.chained())
	})
}
