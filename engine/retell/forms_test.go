package retell

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func fresh() *Redactor {
	return &Redactor{names: map[string]string{}, taken: map[string]bool{}, counts: map[string]int{}, keep: map[string]bool{"": true}, groups: map[string]bool{}, people: map[string]string{}, shift: 24 * time.Hour}
}

// A stand-in is of the form of what it stands for, whatever type an input has.
func TestStandInsFitFormats(t *testing.T) {
	for _, f := range runbooks.Formats() {
		t.Run(f.Name, func(t *testing.T) {
			got := fresh().Text(f.Example)
			in := runbooks.Input{Name: "x", Type: "string", Format: f.Name}
			if _, problems := in.Check(got); len(problems) > 0 {
				t.Errorf("%q becomes %q: %v", f.Example, got, problems)
			}
			if got == f.Example && f.Name != "aws.region" {
				t.Errorf("%q stays", got)
			}
		})
	}
}

func TestStandIns(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"secret://file/etc/house/token", `^secret://env/SECRET_1$`},
		{"AKIAABCDEFGHIJKLMNOP", `^AKIA[A-Z0-9]{16}$`},
		{"AROAABCDEFGHIJKLMNOPQ", `^AROA[A-Z0-9]{17}$`},
		{"777788889999", `^[0-9]{12}$`},
		{"arn:aws:s3:::house-bucket/house-key", `^arn:aws:s3:::name-1/name-2$`},
		{"arn:aws-cn:iam::777788889999:role/house/app", `^arn:aws-cn:iam::9999[0-9]{8}:role/name-1/name-2$`},
		{"arn:aws:sts::777788889999:assumed-role/house/alice@house.example", `^arn:aws:sts::9999[0-9]{8}:assumed-role/name-1/name-1@example.com$`},
		{"arn:aws:logs:eu-central-1:777788889999:log-group:/house/app:*", `^arn:aws:logs:eu-central-1:9999[0-9]{8}:log-group:/name-1/name-2:text 1$`},
		{"i-0abcdef1234567890", `^i-[0-9a-f]{17}$`},
		{"203.0.113.77", `^198\.51\.100\.[0-9]+$`},
		{"203.0.113.77/32", `^198\.18\.0\.2/32$`},
		{"10.0.0.0/8", `^10\.0\.0\.0/8$`},
		{"203.0.113.0/24", `^198\.18\.1\.0/24$`},
		{"house/db/password", `^name-1/name-2/name-3$`},
		{"https://house.example/case/12?x=1", `^https://name-1\.example\.com/$`},
		{"2026-03-04", `^2026-03-05$`},
		{"2001:db8:1::5", `^2001:db8::1$`},
		{"alice@house.example", `^name-1@example\.com$`},
		{"C0HOUSE0001", `^C[A-Z0-9]{10}$`},
		{"1755555555.123456", `^[0-9]{10}\.[0-9]{6}$`},
		{"6ba7b810-9dad-11d1-80b4-00c04fd430c8", `^00000000-0000-4000-8000-000000000001$`},
		{"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", `^[0-9a-f]{64}$`},
		{"2026-03-04T05:06:07Z", `^2026-03-05T05:06:07Z$`},
		{"a text of the house", `^text 1$`},
		{"eu-central-1", `^eu-central-1$`},
	} {
		r := fresh()
		got := r.Text(tt.text)
		if !regexp.MustCompile(tt.want).MatchString(got) {
			t.Errorf("%q becomes %q, want %s", tt.text, got, tt.want)
		}
		if again := r.Text(tt.text); again != got {
			t.Errorf("%q becomes %q and then %q", tt.text, got, again)
		}
	}
	r := fresh()
	for i := range 300 { // more than there are stand-ins
		if s := fmt.Sprintf("172.%d.0.0/12", 16*(i%16)); r.Text(s) == s {
			t.Errorf("%q stays", s)
		}
	}
	r = fresh()
	if a, b := r.Text("one"), r.Text("two"); a == b {
		t.Errorf("two names become one: %q", a)
	}
	if got := r.Text("name-3"); got == "name-3" {
		t.Error("a name that looks like a stand-in stays")
	}
}

// Where a pattern leaves no room for a made up name, the stand-in has the shape
// of what it stands for, and stands for it from then on; names of members can be
// written into the journal.
func TestStandInsFitPatterns(t *testing.T) {
	r := fresh()
	for _, tt := range []struct{ text, pattern string }{
		{"90676a42bc-1a2b3c4d-0a1b-2c3d-4e5f-0123456789ab", `^([0-9a-f]{10}-)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`},
		{"ou-ab12-cd34ef56", `^ou-[0-9a-z]{4}-[0-9a-z]{8}$`},
		{"HOUSE", `^[A-Z]{5}$`},
		{"--", `^--$`},
	} {
		got := r.ofField(tt.text, actions.Field{Pattern: tt.pattern})
		if !regexp.MustCompile(tt.pattern).MatchString(got) || got == tt.text && tt.text != "--" {
			t.Errorf("%q becomes %q, which must fit %s", tt.text, got, tt.pattern)
		}
		if again := r.ofField(tt.text, actions.Field{Pattern: tt.pattern}); again != got {
			t.Errorf("%q becomes %q and then %q", tt.text, got, again)
		}
	}
	m := fresh().Value(map[string]any{"house: a name": int64(1)}, actions.Field{Kind: actions.Map, Elem: &actions.Field{Kind: actions.Int}})
	for k := range m.(map[string]any) {
		if k != "text-1" {
			t.Errorf("the name of a member becomes %q", k)
		}
	}
}
