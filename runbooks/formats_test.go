package runbooks

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
)

func TestFormats(t *testing.T) {
	arn := "arn:aws:iam::111122223333:"
	cases := map[string]struct{ good, bad []string }{
		"aws.access_key_id":     {[]string{"AKIAIOSFODNN7EXAMPLE", "ASIA0000000000000001"}, []string{"", "AKIA", "akiaiosfodnn7example", "AIDAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE1", "AKIAIOSFODNN7EXAMPLE\n"}},
		"aws.account_id":        {[]string{"111122223333", "000000000000"}, []string{"", "11112222333", "1111222233334", "1111-2222-3333", "11112222333a"}},
		"aws.arn":               {[]string{arn + "user/alice", "arn:aws:s3:::bucket/key", "arn:aws-us-gov:ec2:us-gov-west-1:111122223333:instance/i-0", "arn:aws:iam::aws:policy/AWSDenyAll"}, []string{"", "arn:aws:s3", "arn:gcp:iam::111122223333:user/a", "arn:aws:iam::1111:user/a", arn + "user/a b", arn}},
		"aws.iam.principal_arn": {[]string{arn + "user/alice", arn + "role/ci/deploy", "arn:aws-cn:iam::111122223333:role/x", "arn:aws:sts::111122223333:assumed-role/deploy/session"}, []string{"", "alice", arn + "group/a", arn + "root", arn + "user/", arn + "policy/a", "arn:aws:iam::1:user/a"}},
		"aws.iam.role":          {[]string{"deploy", "a.b_c-d+e=f,g@h", arn + "role/ci/deploy"}, []string{"", "a b", "a/b", arn + "user/alice", strings.Repeat("a", 65)}},
		"aws.iam.user":          {[]string{"alice", "alice@example.com"}, []string{"", "a b", "a/b", arn + "user/alice", strings.Repeat("a", 65)}},
		"aws.instance_id":       {[]string{"i-0123456789abcdef0", "i-01234567"}, []string{"", "i-", "i-0123456789ABCDEF0", "i-0123456789abcdef", "0123456789abcdef0"}},
		"aws.kms_key_id":        {[]string{"1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-" + strings.Repeat("a1", 16), "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"}, []string{"", "alias/a", "1234abcd", "arn:aws:kms:eu-central-1:111122223333:alias/a"}},
		"aws.region":            {[]string{"eu-central-1", "us-gov-west-1", "ap-southeast-2", "us-iso-east-1"}, []string{"", "frankfurt", "eu-central", "eu-central-1a", "EU-CENTRAL-1"}},
		"aws.s3.bucket":         {[]string{"abc", "customer-exports", "a.b.c"}, []string{"", "ab", "A-bucket", "-ab", "ab-", "a..b", "203.0.113.7", "a_b", strings.Repeat("a", 64)}},
		"aws.secret_id":         {[]string{"prod/db/password", "rds!db-1", "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/db-AbCdEf"}, []string{"", "a b", "arn:aws:s3:::x"}},
		"aws.security_group_id": {[]string{"sg-0123456789abcdef0", "sg-01234567"}, []string{"", "sg-", "default", "sg-xyz"}},
		"aws.snapshot_id":       {[]string{"snap-0123456789abcdef0"}, []string{"", "snap-", "vol-0123456789abcdef0"}},
		"aws.volume_id":         {[]string{"vol-0123456789abcdef0"}, []string{"", "vol-", "snap-0123456789abcdef0"}},
		"cidr":                  {[]string{"203.0.113.0/24", "0.0.0.0/0", "203.0.113.7/32", "2001:db8::/32", "::/0"}, []string{"", "203.0.113.7", "203.0.113.7/24", "203.0.113.0/33", "2001:db8::1/32", "2001:db8::/129", "a/8"}},
		"date":                  {[]string{"2027-01-31", "2028-02-29"}, []string{"", "2027-02-29", "2027-13-01", "27-01-31", "31.1.2027", "2027-1-31"}},
		"email":                 {[]string{"alice@example.com", "a.b+c@sub.example.org"}, []string{"", "alice", "alice@", "@example.com", "alice@example", "a b@example.com", "alice@example..com", "<alice@example.com>"}},
		"hostname":              {[]string{"web-1", "db-1.example.com", "EXAMPLE.com"}, []string{"", "-web", "web-", "a..b", "web_1", "a b", strings.Repeat("a", 64), strings.Repeat("a.", 140) + "a"}},
		"ip":                    {[]string{"203.0.113.7", "2001:db8::1", "::1", "::ffff:203.0.113.7"}, []string{"", "203.0.113", "203.0.113.256", "203.0.113.07", "::1::", "fe80::1%eth0", "localhost", "1:2:3:4:5:6:7:8:9"}},
		"slack.channel":         {[]string{"C0123456789", "G0123456789"}, []string{"", "#general", "general", "U0123456789", "C"}},
		"slack.user":            {[]string{"U0123456789", "W0123456789"}, []string{"", "@alice", "alice", "C0123456789"}},
		"url":                   {[]string{"https://example.com", "https://example.com:8443/a?b=c#d", "https://example.com/"}, []string{"", "http://example.com", "example.com", "https://", "https://user:pw@example.com", "https://example.com/a b", "https://example.com/<x>", "javascript:alert(1)"}},
	}
	list := Formats()
	if !slices.IsSortedFunc(list, func(a, b Format) int { return strings.Compare(a.Name, b.Name) }) || len(list) != len(cases) {
		t.Errorf("%d formats, %d are tested; they must be sorted", len(list), len(cases))
	}
	for _, f := range list {
		found, ok := FindFormat(f.Name)
		if !ok || found != f {
			t.Errorf("%s is not found", f.Name)
		}
		if !strings.HasPrefix(f.Pattern, "^(?:") || !strings.HasSuffix(f.Pattern, ")$") || f.Doc == "" {
			t.Errorf("%s: %+v", f.Name, f)
		}
		if _, err := regexp.Compile(f.Pattern); err != nil {
			t.Errorf("%s: %v", f.Name, err)
			continue
		}
		in := Input{Name: "x", Type: actions.String, Format: f.Name}
		for _, good := range append(cases[f.Name].good, f.Example) {
			if v, problems := in.Check(good); len(problems) > 0 || v != any(good) {
				t.Errorf("%s: %q is refused: %v", f.Name, good, problems)
			}
		}
		for _, bad := range append(cases[f.Name].bad, f.Example+"\n", " "+f.Example, f.Example+"\x00", "x\n"+f.Example) {
			if _, problems := in.Check(bad); len(problems) != 1 {
				t.Errorf("%s: %q is taken: %v", f.Name, bad, problems)
			}
		}
	}
	if _, ok := FindFormat("aws.iam.rol"); ok {
		t.Error("a format that does not exist is found")
	}
	unknown := Input{Name: "x", Type: actions.String, Format: "aws.later"}
	if _, problems := unknown.Check("x"); len(problems) == 0 {
		t.Error("a format of a later build takes everything")
	}
}
