package cloudtrail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/s3"
)

// lookupEvents finds what was done, and keeps it.
type lookupEvents struct {
	cloud *cloud.Cloud
	pacer *pacer
}

type lookupEventsParams struct {
	AccessKeyID string       `json:"access_key_id,omitempty" doc:"what was done with this access key; exactly one of access_key_id, user and resource" example:"AKIAIOSFODNN7EXAMPLE" pattern:"^((AKIA|ASIA)[A-Z0-9]{16})?$"`
	User        string       `json:"user,omitempty" doc:"what was done by this user; of a role's session, the name of the session" example:"ci-deploy"`
	Resource    string       `json:"resource,omitempty" doc:"what was done to this thing, by its name or id" example:"i-0abc1234def567890"`
	Within      actions.Span `json:"within,omitempty" doc:"how far to look back from the end; CloudTrail keeps 90 days" example:"24h" default:"24h"`
	Until       time.Time    `json:"until,omitzero" doc:"end of the time that is looked at; empty: the start of the step" example:"2026-11-22T04:50:24Z"`
	Regions     []string     `json:"regions,omitempty" doc:"regions to ask; empty: all that the account uses. IAM and other global services are told in us-east-1" example:"[us-east-1, eu-central-1]"`
	MaxEvents   int          `json:"max_events,omitempty" doc:"newest events to read in each region, 50 a call and two calls a second" example:"1000" default:"1000"`
	Store       string       `json:"store,omitempty" doc:"whether the events are kept as evidence: auto keeps them where a bucket is known" enum:"auto,always,never" default:"auto"`
	Bucket      string       `json:"bucket,omitempty" doc:"bucket with Object Lock; empty: the environment's bucket for evidence" example:"acme-evidence"`
}

type lookupEventsResult struct {
	Events            int            `json:"events" doc:"how many events were read"`
	Complete          bool           `json:"complete" doc:"whether nothing was left out: no limit reached, no region refused, no event unreadable"`
	Limits            []string       `json:"limits" doc:"what was left out, one sentence each"`
	Names             map[string]int `json:"names" doc:"how often each call was made, by name, such as iam:CreateUser; the most frequent hundred"`
	Regions           map[string]int `json:"regions" doc:"how many events were read in each region that answered"`
	First             string         `json:"first" doc:"time of the oldest event; empty when there is none"`
	Last              string         `json:"last" doc:"time of the newest event; empty when there is none"`
	SourceIPs         int            `json:"source_ips" doc:"from how many addresses"`
	Errors            map[string]int `json:"errors" doc:"how often calls were refused, by code"`
	AssumedRoles      []string       `json:"assumed_roles" doc:"ARNs of the roles that were assumed, a hundred at most"`
	CreatedPrincipals []string       `json:"created_principals" doc:"users, roles, access keys and passwords that were made, a hundred at most"`
	Evidence          s3.Stored      `json:"evidence,omitzero" doc:"where the events are kept; nothing when they are not"`
}

// lookupState is what Plan captures, so that every attempt asks the same regions.
type lookupState struct {
	Regions []string `json:"regions"`
	Store   bool     `json:"store"`
}

const keptFor = 90 * 24 * time.Hour

func (lookupEvents) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.cloudtrail.lookup_events", Version: 1,
		Title: "Find what was done with a key, by a user or to a thing",
		Doc: "Reads management events of CloudTrail, region by region, newest first, and sums them up. Where a bucket for evidence is known the events are kept there as one document, under a lock. " +
			"CloudTrail tells events up to 15 minutes late, keeps them for 90 days, and tells no data events here, such as reads of objects.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true, Timeout: 10 * time.Minute,
		BlastRadius: "None: it reads, and adds a document to the evidence. Other look-ups in the account may be throttled meanwhile.",
		StaysAlive:  []string{"everything: this finds what was done, it stops nothing", "events of the last minutes, data events, and sessions that were made from the key are not among what it finds"},
		Permissions: slices.Concat([]actions.Permission{ // AWS knows no resource for these
			{Phase: actions.PhasePlan, Action: "ec2:DescribeRegions", Resource: "*", Why: "find the regions that the account uses, where none are named"},
			{Phase: actions.PhaseExecute, Action: "cloudtrail:LookupEvents", Resource: "*", Why: "read the events"},
		}, s3.PutRights()),
	}
}

// subject is what is looked for, as CloudTrail calls it.
func (p lookupEventsParams) subject() (types.LookupAttributeKey, string, error) {
	var key types.LookupAttributeKey
	var value string
	given := 0
	for _, one := range []struct {
		key   types.LookupAttributeKey
		value string
	}{{types.LookupAttributeKeyAccessKeyId, p.AccessKeyID}, {types.LookupAttributeKeyUsername, p.User}, {types.LookupAttributeKeyResourceName, p.Resource}} {
		if one.value != "" {
			key, value = one.key, one.value
			given++
		}
	}
	if given != 1 {
		return key, value, invalid("", "give exactly one of access_key_id, user and resource, not %d of them", given)
	}
	return key, value, nil
}

func invalid(hint, format string, args ...any) error {
	return &actions.Error{Class: actions.Invalid, Op: "aws.cloudtrail.lookup_events", Err: fmt.Errorf(format, args...), Hint: hint}
}

// window is the time to look at. Its end is the same for every attempt.
func (p lookupEventsParams) window(started time.Time) (from, to time.Time) {
	to = p.Until
	if to.IsZero() {
		to = started
	}
	to = to.UTC().Truncate(time.Second)
	return to.Add(-time.Duration(p.Within)), to
}

// place is where the events go.
func (p lookupEventsParams) place(c *cloud.Conn) cloud.Evidence {
	place := c.Evidence
	if p.Bucket != "" && p.Bucket != place.Bucket {
		place.Bucket, place.Owner, place.KMSKey = p.Bucket, "", "" // those belong to the other bucket
	}
	return place
}

func (a lookupEvents) Plan(ctx context.Context, call actions.Call, p lookupEventsParams) (actions.Preview, error) {
	key, value, err := p.subject()
	if err != nil {
		return actions.Preview{}, err
	}
	from, to := p.window(a.cloud.Now())
	switch {
	case p.MaxEvents < 1 || p.MaxEvents > maxEvents:
		return actions.Preview{}, invalid("", "max_events must be from 1 to %d, not %d", maxEvents, p.MaxEvents)
	case p.Within <= 0:
		return actions.Preview{}, invalid("write it like 24h", "within must be longer than nothing")
	case to.Before(a.cloud.Now().Add(-keptFor)):
		return actions.Preview{}, invalid("read the trail's bucket instead", "CloudTrail keeps 90 days, and %s is longer ago", to.Format(time.RFC3339))
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	state := lookupState{Regions: slices.Compact(slices.Sorted(slices.Values(p.Regions)))}
	preview := actions.Preview{Calls: []string{"cloudtrail:LookupEvents"}, NoUndo: "it stops nothing and changes nothing that was there"}
	if len(state.Regions) == 0 {
		if state.Regions, err = allRegions(ctx, c); err != nil {
			return preview, err
		}
	}
	place := p.place(c)
	state.Store = p.Store == "always" || p.Store != "never" && place.Bucket != ""
	if state.Store {
		if err := s3.Ready(ctx, c, place); err != nil {
			return preview, err
		}
		preview.Calls = append(preview.Calls, "s3:PutObject", "s3:HeadObject")
	}
	preview.Targets = []actions.Target{{Type: "aws.cloudtrail.events", ID: value, Account: c.Account}}
	preview.Changes = []string{fmt.Sprintf("Nothing that is there changes: read up to %d events in each of %d regions in which %s is %s, from %s to %s.",
		p.MaxEvents, len(state.Regions), key, value, from.Format(time.RFC3339), to.Format(time.RFC3339))}
	if state.Store {
		preview.Changes = append(preview.Changes, fmt.Sprintf("The events are kept in bucket %s.", place.Bucket))
	} else {
		preview.Warnings = append(preview.Warnings, "The events are not kept, only their summary is.")
	}
	if from.Before(a.cloud.Now().Add(-keptFor)) {
		preview.Warnings = append(preview.Warnings, "CloudTrail keeps 90 days; what is older is not found here.")
	}
	if c.Partition() == "aws" && !slices.Contains(state.Regions, "us-east-1") {
		preview.Warnings = append(preview.Warnings, "IAM and other global services are told in us-east-1, which is not asked.")
	}
	return preview, preview.Capture(state)
}

func (a lookupEvents) Execute(ctx context.Context, call actions.Call, p lookupEventsParams) (lookupEventsResult, error) {
	var state lookupState
	if err := call.LoadState(&state); err != nil {
		return lookupEventsResult{}, err
	}
	key, value, err := p.subject()
	if err != nil {
		return lookupEventsResult{}, err
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return lookupEventsResult{}, err
	}
	from, to := p.window(call.Started)
	answers, err := a.everywhere(ctx, c, state.Regions, query{key, value, from, to, p.MaxEvents})
	if err != nil {
		return lookupEventsResult{}, err
	}
	result, events := sumUp(answers)
	if !state.Store {
		return result, nil
	}
	body, name, err := document(c.Account, query{key, value, from, to, p.MaxEvents}, result, events)
	if err != nil {
		return lookupEventsResult{}, err
	}
	result.Evidence, err = s3.Put(ctx, c, call, p.place(c), s3.Item{Name: name, Body: body, ContentType: "application/json"})
	return result, err
}

func (a lookupEvents) Verify(ctx context.Context, call actions.Call, p lookupEventsParams, r lookupEventsResult) (actions.Reading, error) {
	var state lookupState
	if err := call.LoadState(&state); err != nil {
		return actions.Reading{}, err
	}
	switch {
	case len(r.Regions) == 0:
		return actions.Reading{Verdict: actions.NotVerified, Detail: "no region answered"}, nil
	case !state.Store:
		return actions.Reading{Verdict: actions.Verified, Detail: strings.Join(append([]string{fmt.Sprintf("%d events were read, and none kept", r.Events)}, r.Limits...), "; ")}, nil
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	reading, err := s3.Check(ctx, c, r.Evidence, p.place(c))
	if err == nil {
		reading.Detail = strings.Join(append([]string{cmp.Or(reading.Detail, "kept")}, r.Limits...), "; ")
	}
	return reading, err
}
