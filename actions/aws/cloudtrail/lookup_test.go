package cloudtrail_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// summary is the result without what differs from run to run.
type summary struct {
	Events            int            `json:"events"`
	Complete          bool           `json:"complete"`
	Limits            []string       `json:"limits"`
	Names             map[string]int `json:"names"`
	Regions           map[string]int `json:"regions"`
	SourceIPs         int            `json:"source_ips"`
	Errors            map[string]int `json:"errors"`
	AssumedRoles      []string       `json:"assumed_roles"`
	CreatedPrincipals []string       `json:"created_principals"`
	Evidence          struct {
		Bucket, Key string
	} `json:"evidence"`
}

func read(t *testing.T, s *awstest.Step) summary {
	t.Helper()
	var got summary
	if err := json.Unmarshal(s.Result, &got); err != nil {
		t.Fatal(err)
	}
	return got
}

func events(t *testing.T, moto *awstest.Emulator) {
	lookup := func(t *testing.T, w *awstest.World, with map[string]any) *awstest.Step {
		return awstest.NewStep(t, provider(w), "aws.cloudtrail.lookup_events", asked(with))
	}
	t.Run("are summed up and kept", func(t *testing.T) {
		w := watched(t, moto)
		step := lookup(t, w, nil).Plan().Execute()
		got := read(t, step)
		want := summary{Events: 8, Complete: true, Limits: []string{}, Regions: map[string]int{"us-east-1": 6, "eu-west-1": 2}, SourceIPs: 3,
			Names:  map[string]int{"sts:GetCallerIdentity": 1, "iam:CreateUser": 1, "iam:CreateAccessKey": 1, "iam:AttachUserPolicy": 1, "sts:AssumeRole": 2, "lambda:CreateFunction20150331": 1, "ec2:RunInstances": 1},
			Errors: map[string]int{"AccessDenied": 2}, AssumedRoles: []string{"arn:aws:iam::123456789012:role/admin"},
			CreatedPrincipals: []string{"access key AKIABACKUPBACKUP0000 of user backup", "arn:aws:iam::123456789012:user/backup"}}
		want.Evidence = got.Evidence
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		step.Is(actions.Verified, "locked as GOVERNANCE")
		out, err := w.S3().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &got.Evidence.Bucket, Key: &got.Evidence.Key})
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(out.Body)
		if err != nil {
			t.Fatal(err)
		}
		var kept struct {
			Account  string
			Question map[string]string
			Events   []json.RawMessage
		}
		if err := json.Unmarshal(body, &kept); err != nil || len(kept.Events) != 8 || kept.Question["AccessKeyId"] != key || kept.Account != w.Account {
			t.Errorf("got %+v, error %v", kept, err)
		}
		if !strings.Contains(string(kept.Events[0]), "GetCallerIdentity") || !strings.Contains(string(body), "canary-session-token") {
			t.Errorf("the events are not as CloudTrail gave them, the oldest first: %s", body)
		}
	})
	t.Run("that come late are kept beside", func(t *testing.T) {
		w := watched(t, moto)
		step := lookup(t, w, nil).Plan().Execute()
		first := read(t, step)
		w.Proxy.Heal()
		w.Events(t, append(theft(), event("eu-west-1", 1, "ec2", "StopInstances", ""))...)
		second := read(t, step.Execute())
		if second.Events != first.Events+1 || second.Evidence.Key == first.Evidence.Key {
			t.Errorf("got %+v, then %+v", first, second)
		}
	})
	t.Run("beyond the limit are said to be missing", func(t *testing.T) {
		w := moto.World(t)
		var many []awstest.Event
		for i := range 130 {
			many = append(many, event("us-east-1", i+1, "ec2", "DescribeInstances", ""))
		}
		w.Events(t, many...)
		for _, test := range []struct{ most, read, calls int }{{120, 120, 3}, {130, 130, 3}, {50, 50, 1}, {1000, 130, 3}} {
			w.Proxy.Forget()
			step := lookup(t, w, map[string]any{"max_events": test.most, "store": "never", "regions": []any{"us-east-1"}}).Plan().Execute()
			got := read(t, step)
			if got.Events != test.read || got.Complete != (test.read == 130) || (len(got.Limits) == 0) != got.Complete || pages(w) != test.calls {
				t.Errorf("at most %d: got %+v in %d pages", test.most, got, pages(w))
			}
			step.Is(actions.Verified, "none kept")
		}
	})
	t.Run("of a region that refuses", func(t *testing.T) {
		w := moto.World(t)
		only := func(open string) http.HandlerFunc {
			return func(rw http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.Header.Get("Authorization"), "/"+open+"/") {
					_, _ = io.WriteString(rw, `{"Events":[]}`)
					return
				}
				rw.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
				rw.WriteHeader(http.StatusBadRequest)
				_, _ = io.WriteString(rw, `{"message":"with an explicit deny in a service control policy"}`)
			}
		}
		w.Proxy.Answer("cloudtrail:LookupEvents", only("us-east-1"))
		got := read(t, lookup(t, w, map[string]any{"store": "never"}).Plan().Execute())
		if got.Complete || len(got.Limits) != 1 || !strings.Contains(got.Limits[0], "eu-west-1 refused") || len(got.Regions) != 1 {
			t.Errorf("got %+v", got)
		}
		w.Proxy.Heal()
		w.Proxy.Answer("cloudtrail:LookupEvents", only("nowhere"))
		step := lookup(t, w, map[string]any{"store": "never"}).Plan()
		_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
		awstest.Fails(t, err, actions.Denied, "grant cloudtrail:LookupEvents")
	})
	t.Run("that are strange", func(t *testing.T) {
		w := moto.World(t)
		w.Events(t, event("us-east-1", 1, "iam", "Create\\nUser", ""), awstest.Event{Region: "us-east-1", ID: "x", AccessKey: key, Time: time.Now().Add(-time.Minute), Text: "no JSON"},
			event("us-east-1", 2, "sts", "AssumeRole", `,"requestParameters":{"roleArn":"arn:aws:iam::1:role/<!channel>"}`), event("us-east-1", 3, "sts", "AssumeRole", `,"requestParameters":"none"`))
		got := read(t, lookup(t, w, map[string]any{"store": "never"}).Plan().Execute())
		if got.Complete || got.Events != 4 || len(got.AssumedRoles) != 0 || got.Names["sts:AssumeRole"] != 2 || len(got.Limits) != 1 || !strings.Contains(got.Limits[0], "1 events are not readable") {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("are asked for at the pace that CloudTrail allows", func(t *testing.T) {
		w := moto.World(t)
		var many []awstest.Event
		for i := range 130 {
			many = append(many, event([]string{"us-east-1", "eu-west-1"}[i%2], i+1, "ec2", "DescribeInstances", ""))
		}
		w.Events(t, many...)
		var mu sync.Mutex
		var pauses []time.Duration
		r := paced(w, func(_ context.Context, d time.Duration) error {
			mu.Lock()
			defer mu.Unlock()
			pauses = append(pauses, d)
			return nil
		})
		with := asked(map[string]any{"store": "never"})
		awstest.NewStep(t, r, "aws.cloudtrail.lookup_events", with).Plan().Execute()
		// Two pages in each region: one pause in each.
		if diff := cmp.Diff(slices.Repeat([]time.Duration{500 * time.Millisecond}, 2), pauses); diff != "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		// Another step goes on in the same lanes.
		awstest.NewStep(t, r, "aws.cloudtrail.lookup_events", with).Plan().Execute()
		if len(pauses) != 6 {
			t.Errorf("after another step there were %d pauses, want 6", len(pauses))
		}
	})
	t.Run("take longer than the step has", func(t *testing.T) {
		w := moto.World(t)
		var many []awstest.Event
		for i := range 60 {
			many = append(many, event("us-east-1", i+1, "ec2", "DescribeInstances", ""))
		}
		w.Events(t, many...)
		r := paced(w, func(context.Context, time.Duration) error { return context.DeadlineExceeded })
		step := awstest.NewStep(t, r, "aws.cloudtrail.lookup_events", asked(map[string]any{"store": "never"})).Plan()
		_, err := step.Handler.Execute(t.Context(), step.Call, step.Params)
		awstest.Fails(t, err, actions.Transient, "ask for fewer regions or events")
	})
	t.Run("questions that make no sense", func(t *testing.T) {
		w := watched(t, moto)
		for _, test := range []struct {
			with map[string]any
			says string
		}{
			{map[string]any{"user": "ci-deploy"}, "exactly one of"},
			{map[string]any{"access_key_id": ""}, "exactly one of"},
			{map[string]any{"max_events": 0}, "from 1 to 20000"},
			{map[string]any{"max_events": 20001}, "from 1 to 20000"},
			{map[string]any{"within": "0s"}, "longer than nothing"},
			{map[string]any{"until": "2020-01-01T00:00:00Z"}, "keeps 90 days"},
			{map[string]any{"store": "yes"}, "is not one of"},
		} {
			step := lookup(t, w, test.with)
			_, err := step.Handler.Plan(t.Context(), step.Call, step.Params)
			awstest.Fails(t, err, actions.Invalid, test.says)
		}
	})
}

// pages counts the pages that were asked for; one that is asked for again,
// because a read may be repeated, counts once.
func pages(w *awstest.World) int {
	tokens := map[any]bool{}
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "cloudtrail:LookupEvents" {
			tokens[call.Body["NextToken"]] = true
		}
	}
	return len(tokens)
}
