package runbooks

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Format is a text of a known form, which an input may have as its type. An
// editor can use the pattern alone; what no pattern can say (a day that the
// calendar has, a network without host bits) is checked besides.
type Format struct {
	Name    string // "aws.instance_id"
	Pattern string // matches the whole text: it begins with ^ and ends with $
	Example string
	Doc     string // what such a text is: "the id of an EC2 instance"
}

// Parts that several formats share.
const (
	whole     = `^(?:`
	end       = `)$`
	arnHead   = `arn:aws(?:-[a-z]+)*:`
	iamName   = `[A-Za-z0-9+=,.@_-]{1,64}`
	iamPath   = `(?:[!-.0-~]+/)*` // printable, without a slash
	longHex   = `(?:[0-9a-f]{8}|[0-9a-f]{17})`
	uuid      = `[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`
	hostLabel = `[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?`
	hostName  = hostLabel + `(?:\.` + hostLabel + `)*`
	byte8     = `(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])`
	address4  = byte8 + `(?:\.` + byte8 + `){3}`
	address6  = `[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:` + address4 + `)?`
)

// Formats lists the formats, sorted by name.
func Formats() []Format {
	return []Format{
		{"aws.access_key_id", whole + `(?:AKIA|ASIA)[A-Z0-9]{16}` + end, "AKIAIOSFODNN7EXAMPLE", "the id of an AWS access key"},
		{"aws.account_id", whole + `[0-9]{12}` + end, "111122223333", "the id of an AWS account"},
		{"aws.arn", whole + arnHead + `[a-z0-9-]+:[a-z0-9-]*:(?:[0-9]{12}|aws)?:[!-~]+` + end, "arn:aws:iam::111122223333:role/deploy", "an Amazon Resource Name"},
		{"aws.iam.principal_arn", whole + arnHead + `(?:iam::[0-9]{12}:(?:user|role)/` + iamPath + iamName + `|sts::[0-9]{12}:assumed-role/` + iamName + `/` + iamName + `)` + end, "arn:aws:iam::111122223333:user/alice", "the ARN of an IAM user, a role or a session of one"},
		{"aws.iam.role", whole + iamName + `|` + arnHead + `iam::[0-9]{12}:role/` + iamPath + iamName + end, "deploy", "the name or the ARN of an IAM role"},
		{"aws.iam.user", whole + iamName + end, "alice", "the name of an IAM user"},
		{"aws.instance_id", whole + `i-` + longHex + end, "i-0123456789abcdef0", "the id of an EC2 instance"},
		{"aws.kms_key_id", whole + uuid + `|mrk-[0-9a-f]{32}|` + arnHead + `kms:[a-z0-9-]+:[0-9]{12}:key/(?:` + uuid + `|mrk-[0-9a-f]{32})` + end, "1234abcd-12ab-34cd-56ef-1234567890ab", "the id or the ARN of a KMS key"},
		{"aws.region", whole + `[a-z]{2}(?:-[a-z]{2,12}){1,3}-[0-9]{1,2}` + end, "eu-central-1", "an AWS region"},
		{"aws.s3.bucket", whole + `[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]` + end, "customer-exports", "the name of an S3 bucket"},
		{"aws.secret_id", whole + `[A-Za-z0-9/_+=.@!-]{1,512}|` + arnHead + `secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]{1,519}` + end, "prod/db/password", "the name or the ARN of a secret in Secrets Manager"},
		{"aws.security_group_id", whole + `sg-` + longHex + end, "sg-0123456789abcdef0", "the id of a security group"},
		{"aws.snapshot_id", whole + `snap-` + longHex + end, "snap-0123456789abcdef0", "the id of an EBS snapshot"},
		{"aws.volume_id", whole + `vol-` + longHex + end, "vol-0123456789abcdef0", "the id of an EBS volume"},
		{"cidr", whole + address4 + `/(?:3[0-2]|[12]?[0-9])|` + address6 + `/(?:12[0-8]|1[01][0-9]|[1-9]?[0-9])` + end, "203.0.113.0/24", "a range of addresses in CIDR form"},
		{"date", whole + `[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])` + end, "2027-01-31", "a day"},
		{"email", whole + "[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@" + hostLabel + `(?:\.` + hostLabel + `)+` + end, "alice@example.com", "an email address"},
		{"hostname", whole + hostName + end, "db-1.example.com", "the name of a host"},
		{"ip", whole + address4 + `|` + address6 + end, "203.0.113.7", "an IP address"},
		{"slack.channel", whole + `[CGD][A-Z0-9]{8,20}` + end, "C0123456789", "the id of a Slack channel, such as C0123456789, not its name"},
		{"slack.user", whole + `[UW][A-Z0-9]{8,20}` + end, "U0123456789", "the id of a Slack user, such as U0123456789, not a name"},
		{"url", whole + `https://` + hostName + `(?::[0-9]{1,5})?(?:[/?#][!#-;=?-Z\[\]_a-z~]*)?` + end, "https://example.com/case/12", "an address that begins with https://"},
	}
}

// FindFormat finds a format by name.
func FindFormat(name string) (Format, bool) {
	list := Formats()
	i, ok := slices.BinarySearchFunc(list, name, func(f Format, name string) int { return strings.Compare(f.Name, name) })
	if !ok {
		return Format{}, false
	}
	return list[i], true
}

// beyond checks what a pattern cannot say. The hint helps where it can.
func (f Format) beyond(s string) (hint string, ok bool) {
	switch f.Name {
	case "aws.s3.bucket":
		_, err := netip.ParseAddr(s)
		return "a bucket is not named like an IP address, and has no two dots in a row", err != nil && !strings.Contains(s, "..")
	case "ip":
		_, err := netip.ParseAddr(s)
		return "", err == nil
	case "cidr":
		p, err := netip.ParsePrefix(s)
		if err != nil {
			return "", false
		}
		return "did you mean " + p.Masked().String() + "?", p == p.Masked()
	case "date":
		_, err := time.Parse(time.DateOnly, s)
		return "the calendar has no such day", err == nil
	case "hostname", "email", "url":
		host := s[strings.LastIndexByte(s, '@')+1:]
		host, _, _ = strings.Cut(strings.TrimPrefix(host, "https://"), "/")
		return "the name of the host is too long", len(host) <= 259
	}
	return "", true
}
