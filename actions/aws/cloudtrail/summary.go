package cloudtrail

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
)

// mostNames is how many names, roles or principals an output holds.
const mostNames = 100

// record is as much of an event as the summary needs. What stands in it was
// typed by whoever made the call, an attacker perhaps.
type record struct {
	EventSource     string
	EventName       string
	SourceIPAddress string
	ErrorCode       string
	Request         json.RawMessage `json:"requestParameters"`
	Response        json.RawMessage `json:"responseElements"`
}

// details are read of those events alone that are known to have them: the same
// names mean other things in other services.
type details struct {
	RoleArn   string
	UserName  string
	User      struct{ Arn string }
	Role      struct{ Arn string }
	AccessKey struct{ AccessKeyID, UserName string }
}

func detailsOf(raw json.RawMessage) (d details) {
	_ = json.Unmarshal(raw, &d) // what is not readable names nobody
	return d
}

// What may stand in an output. Other text stays in the evidence.
var (
	plainName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)
	userName  = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	plainARN  = regexp.MustCompile(`^arn:[A-Za-z0-9_+=,.@:/-]{1,600}$`)
	keyID     = regexp.MustCompile(`^[A-Z0-9]{16,128}$`)
)

// sumUp makes the summary of all answers, and gives the events, oldest first.
func sumUp(answers []answer) (lookupEventsResult, []types.Event) {
	r := lookupEventsResult{Limits: []string{}, Names: map[string]int{}, Regions: map[string]int{}, Errors: map[string]int{}}
	addresses, roles, made := map[string]bool{}, map[string]bool{}, map[string]bool{}
	var events []types.Event
	unreadable := 0
	for _, one := range answers {
		switch {
		case one.refused != "":
			r.Limits = append(r.Limits, fmt.Sprintf("%s refused to tell its events: %s", one.region, one.refused))
			continue
		case one.more:
			r.Limits = append(r.Limits, fmt.Sprintf("%s has more events than the newest %d that were read", one.region, len(one.events)))
		}
		r.Regions[one.region] = len(one.events)
		for _, event := range one.events {
			events = append(events, event)
			var e record
			if json.Unmarshal([]byte(aws.ToString(event.CloudTrailEvent)), &e) != nil || e.EventName == "" {
				unreadable++
				continue
			}
			e.note(&r, addresses, roles, made)
		}
	}
	slices.SortFunc(events, func(a, b types.Event) int {
		return cmp.Or(aws.ToTime(a.EventTime).Compare(aws.ToTime(b.EventTime)), cmp.Compare(aws.ToString(a.EventId), aws.ToString(b.EventId)))
	})
	r.Events, r.SourceIPs = len(events), len(addresses)
	if len(events) > 0 {
		r.First, r.Last = stamp(events[0]), stamp(events[len(events)-1])
	}
	if unreadable > 0 {
		r.Limits = append(r.Limits, fmt.Sprintf("%d events are not readable, and are only counted", unreadable))
	}
	r.AssumedRoles, r.Limits = some(roles, "assumed roles", r.Limits)
	r.CreatedPrincipals, r.Limits = some(made, "created principals", r.Limits)
	r.Names, r.Limits = most(r.Names, "names of calls", r.Limits)
	r.Errors, r.Limits = most(r.Errors, "codes of errors", r.Limits)
	r.Complete = len(r.Limits) == 0
	return r, events
}

// note adds one event to the summary.
func (e record) note(r *lookupEventsResult, addresses, roles, made map[string]bool) {
	name := "other"
	if source := strings.TrimSuffix(e.EventSource, ".amazonaws.com"); plainName.MatchString(source) && plainName.MatchString(e.EventName) {
		name = source + ":" + e.EventName
	}
	r.Names[name]++
	if e.SourceIPAddress != "" {
		addresses[e.SourceIPAddress] = true
	}
	if e.ErrorCode != "" {
		if !plainName.MatchString(e.ErrorCode) {
			e.ErrorCode = "other"
		}
		r.Errors[e.ErrorCode]++
		return // it had no effect
	}
	switch e.EventName {
	case "AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity":
		if arn := detailsOf(e.Request).RoleArn; plainARN.MatchString(arn) {
			roles[arn] = true
		}
	case "CreateUser":
		if arn := detailsOf(e.Response).User.Arn; plainARN.MatchString(arn) {
			made[arn] = true
		}
	case "CreateRole":
		if arn := detailsOf(e.Response).Role.Arn; plainARN.MatchString(arn) {
			made[arn] = true
		}
	case "CreateAccessKey":
		if key := detailsOf(e.Response).AccessKey; keyID.MatchString(key.AccessKeyID) && userName.MatchString(key.UserName) {
			made["access key "+key.AccessKeyID+" of user "+key.UserName] = true
		}
	case "CreateLoginProfile":
		if user := detailsOf(e.Request).UserName; userName.MatchString(user) {
			made["password of user "+user] = true
		}
	}
}

func stamp(e types.Event) string { return aws.ToTime(e.EventTime).UTC().Format(time.RFC3339) }

// some gives up to a hundred of a set, sorted, and says when there are more.
func some(set map[string]bool, what string, limits []string) ([]string, []string) {
	list := slices.AppendSeq([]string{}, maps.Keys(set))
	slices.Sort(list)
	if len(list) > mostNames {
		limits = append(limits, fmt.Sprintf("of %d %s only the first %d are listed", len(list), what, mostNames))
		list = list[:mostNames]
	}
	return list, limits
}

// most gives the hundred most frequent, and says when there are more.
func most(counts map[string]int, what string, limits []string) (map[string]int, []string) {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(counts[b]-counts[a], cmp.Compare(a, b))
	})
	if len(names) <= mostNames {
		return counts, limits
	}
	kept := map[string]int{}
	for _, name := range names[:mostNames] {
		kept[name] = counts[name]
	}
	return kept, append(limits, fmt.Sprintf("of %d %s only the most frequent %d are listed", len(names), what, mostNames))
}

// document is what is kept: the question, what was left out, and the events as
// CloudTrail gave them. Its name follows from its content.
func document(account string, q query, r lookupEventsResult, events []types.Event) (body []byte, name string, err error) {
	raw := []json.RawMessage{}
	for _, e := range events {
		text := []byte(aws.ToString(e.CloudTrailEvent))
		if !json.Valid(text) {
			if text, err = json.Marshal(string(text)); err != nil {
				return nil, "", err
			}
		}
		raw = append(raw, text)
	}
	body, err = json.Marshal(struct {
		Format   string            `json:"format"`
		Account  string            `json:"account"`
		Question map[string]string `json:"question"`
		From     time.Time         `json:"from"`
		To       time.Time         `json:"to"`
		Regions  map[string]int    `json:"regions"`
		Limits   []string          `json:"limits"`
		Events   []json.RawMessage `json:"events"`
	}{"firebreak/cloudtrail-events/v1", account, map[string]string{string(q.key): q.value}, q.from, q.to, r.Regions, r.Limits, raw})
	if err != nil {
		return nil, "", fmt.Errorf("write the events down: %w", err)
	}
	sum := sha256.Sum256(body)
	return body, "cloudtrail-" + hex.EncodeToString(sum[:8]) + ".json", nil
}
