package s3

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"
)

// The three answers to a question about a bucket.
const (
	yes     = "yes"
	no      = "no"
	unknown = "unknown"
)

// maxListed is how many names an output lists at most; the document has all.
const maxListed = 50

func compareText(a, b *string) int { return strings.Compare(aws.ToString(a), aws.ToString(b)) }

// is answers a question that one call tells about.
func (d *description) is(section string, answer bool) string {
	switch {
	case !d.told(section):
		return unknown
	case answer:
		return yes
	}
	return no
}

// flags are settings in words, or that nobody told.
func (d *description) flags(section string, f *accessFlags) string {
	if !d.told(section) {
		return unknown
	}
	return f.String()
}

// facts sums up what was read.
func (d *description) facts() describeBucketResult {
	r := describeBucketResult{
		Bucket: d.b.name, Region: d.b.Region, BlockOfBucket: d.flags(blockSection, d.ofBucket), BlockOfAccount: d.flags(accountBlockSection, d.ofAccount),
		Policy: unknown, Ownership: unknown, Versioning: unknown,
		Website: d.is(websiteSection, d.sections[websiteSection] != nil), Logging: d.is(loggingSection, d.logging != nil), Replicates: d.is(replicationSection, d.replication != nil),
		Expires:      d.is(lifecycleSection, slices.ContainsFunc(d.lifecycle, deletes)),
		AccessPoints: []string{}, ReplicationTargets: []string{}, Tags: []string{}, Missing: d.missing,
	}
	if d.told(policySection) {
		r.Policy = describe(d.policy)
	}
	if d.told(ownershipSection) {
		r.Ownership = notConfigured
		if d.ownership != "" {
			r.Ownership = string(d.ownership)
		}
	}
	if d.told(versioningSection) {
		r.Versioning = "off"
		if d.versioning != "" {
			r.Versioning = string(d.versioning)
		}
	}
	if d.logging != nil {
		r.LogBucket = aws.ToString(d.logging.TargetBucket)
	}
	for _, point := range d.points {
		r.AccessPoints = append(r.AccessPoints, aws.ToString(point.Name))
	}
	r.AccessPoints = r.AccessPoints[:min(len(r.AccessPoints), maxListed)]
	if d.replication != nil {
		for _, rule := range d.replication.Rules {
			if rule.Destination != nil {
				r.ReplicationTargets = append(r.ReplicationTargets, aws.ToString(rule.Destination.Bucket))
			}
		}
		slices.Sort(r.ReplicationTargets)
		r.ReplicationTargets = slices.Compact(r.ReplicationTargets)
	}
	for _, tag := range d.tags {
		r.Tags = append(r.Tags, aws.ToString(tag.Key)+"="+aws.ToString(tag.Value))
	}
	r.Public, r.PublicBy, r.Blocked = d.public()
	r.Foreign, r.ForeignPrincipals = d.foreign()
	return r
}

// deletes says whether a rule of a lifecycle takes something away.
func deletes(rule types.LifecycleRule) bool {
	return rule.Status == types.ExpirationStatusEnabled && (rule.Expiration != nil || rule.NoncurrentVersionExpiration != nil)
}

// setting answers whether one of the four settings is on, for the bucket or for
// its account: either is enough.
func (d *description) setting(of func(*accessFlags) bool) string {
	answer := no
	for _, one := range []struct {
		section string
		flags   *accessFlags
	}{{blockSection, d.ofBucket}, {accountBlockSection, d.ofAccount}} {
		switch {
		case one.flags != nil && of(one.flags):
			return yes
		case !d.told(one.section):
			answer = unknown
		}
	}
	return answer
}

// public says whether the public can get at the bucket, and by what. Each way in
// has a lock that may be unknown, and then the way is.
func (d *description) public() (answer string, by []string, blocked string) {
	restricted := d.setting(func(f *accessFlags) bool { return f.RestrictBucket })
	ignored := d.setting(func(f *accessFlags) bool { return f.IgnoreACLs })
	blocked = d.setting(func(f *accessFlags) bool { return *f == *allBlocked() })
	if d.ownership == types.ObjectOwnershipBucketOwnerEnforced {
		ignored = yes
	}
	answer, by = no, []string{}
	open := func(sure bool, lock, format string, args ...any) {
		switch {
		case lock == yes:
			return
		case sure && lock == no:
			answer = yes
		case answer == no:
			answer = unknown
		}
		by = append(by, fmt.Sprintf(format, args...))
	}
	switch {
	case d.policyPublic != nil && *d.policyPublic:
		open(true, restricted, "Its policy is public.")
	case !d.told(statusSection):
		open(false, restricted, "Whether its policy is public could not be read.")
	}
	switch {
	case d.acl == nil:
		open(false, ignored, "Its ACL could not be read.")
	default:
		for _, grant := range d.acl.Grants {
			if publicGrantee(grant) {
				open(true, ignored, "Its ACL grants %s to the public.", grant.Permission)
			}
		}
	}
	open(false, ignored, "ACLs of single objects are obeyed, and were not looked at.")
	switch {
	case !d.told(pointsSection):
		open(false, restricted, "Its access points could not be read.")
	case slices.ContainsFunc(d.points, func(p controltypes.AccessPoint) bool { return p.NetworkOrigin != controltypes.NetworkOriginVpc }):
		open(false, restricted, "It has access points that the internet reaches, whose policies were not looked at.")
	}
	return answer, by, blocked
}

func publicGrantee(grant types.Grant) bool {
	if grant.Grantee == nil {
		return false
	}
	uri := aws.ToString(grant.Grantee.URI)
	return strings.HasSuffix(uri, "/groups/global/AllUsers") || strings.HasSuffix(uri, "/groups/global/AuthenticatedUsers")
}

// foreign says whether somebody outside of the account is let in by name. Whom a
// statement for everybody means under its conditions is not known.
func (d *description) foreign() (answer string, principals []string) {
	answer, principals = no, []string{}
	if !d.told(policySection) || !d.told(aclSection) {
		answer = unknown
	}
	if d.policy != nil {
		found, sure := namedIn(*d.policy, d.b.Account)
		principals = append(principals, found...)
		if !sure {
			answer = unknown
		}
	}
	if d.acl != nil && d.ownership != types.ObjectOwnershipBucketOwnerEnforced {
		for _, grant := range d.acl.Grants {
			if g := grant.Grantee; g != nil && aws.ToString(g.ID) != "" && aws.ToString(g.ID) != aws.ToString(d.acl.Owner.ID) {
				principals = append(principals, "canonical user "+*g.ID)
			}
		}
	}
	slices.Sort(principals)
	if principals = slices.Compact(principals); len(principals) > 0 {
		answer = yes
	}
	return answer, principals[:min(len(principals), maxListed)]
}

// namedIn lists the principals that a policy allows something and that are not
// of the account. It is not sure when the policy is not readable, or allows
// everybody something under conditions.
func namedIn(policy, account string) (found []string, sure bool) {
	var document struct{ Statement json.RawMessage }
	if json.Unmarshal([]byte(policy), &document) != nil {
		return nil, false
	}
	sure = true
	for _, raw := range statementsOf(document.Statement) {
		var s struct {
			Effect                  string
			Principal, NotPrincipal json.RawMessage
			Condition               map[string]json.RawMessage
		}
		if json.Unmarshal(raw, &s) != nil {
			sure = false
			continue
		}
		if s.Effect != "Allow" {
			continue
		}
		names, readable := principalsOf(s.Principal)
		if !readable || s.NotPrincipal != nil {
			sure = false
		}
		for _, name := range names {
			switch {
			case name == "*":
				sure = sure && len(s.Condition) == 0 // without any it is public, which is not foreign
			case !ownPrincipal(name, account):
				found = append(found, name)
			}
		}
	}
	return found, sure
}

// principalsOf reads "*", or the lists of principals that are no service of AWS.
func principalsOf(raw json.RawMessage) (names []string, readable bool) {
	var all string
	if json.Unmarshal(raw, &all) == nil {
		return []string{all}, true
	}
	var kinds map[string]json.RawMessage
	if json.Unmarshal(raw, &kinds) != nil {
		return nil, raw == nil
	}
	readable = true
	for kind, list := range kinds {
		if kind == "Service" {
			continue
		}
		var one string
		var many []string
		switch {
		case json.Unmarshal(list, &one) == nil:
			many = []string{one}
		case json.Unmarshal(list, &many) != nil:
			readable = false
		}
		for _, name := range many {
			if kind == "CanonicalUser" {
				name = "canonical user " + name
			}
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, readable
}

// ownPrincipal says whether a principal of a policy is of the account. One that
// has no account in its name is not: nobody knows whose it is.
func ownPrincipal(name, account string) bool {
	if name == account {
		return true
	}
	parts := strings.SplitN(name, ":", 6)
	return len(parts) == 6 && parts[0] == "arn" && parts[4] == account
}
