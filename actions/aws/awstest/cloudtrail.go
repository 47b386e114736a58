package awstest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
)

// CloudTrail is a client of CloudTrail that goes around the proxy.
func (w *World) CloudTrail() *cloudtrail.Client { return cloudtrail.NewFromConfig(w.Config) }

// Trail makes a trail into a bucket that is there, logging or not, and gives
// its ARN.
func (w *World) Trail(t *testing.T, name, bucket string, logging bool) string {
	t.Helper()
	out, err := w.CloudTrail().CreateTrail(t.Context(), &cloudtrail.CreateTrailInput{Name: &name, S3BucketName: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	w.arns["trail/"+name] = aws.ToString(out.TrailARN)
	if logging {
		w.SetLogging(t, name, true)
	}
	return aws.ToString(out.TrailARN)
}

// SetLogging starts or stops a trail, as somebody else would.
func (w *World) SetLogging(t *testing.T, name string, on bool) {
	t.Helper()
	var err error
	if on {
		_, err = w.CloudTrail().StartLogging(t.Context(), &cloudtrail.StartLoggingInput{Name: &name})
	} else {
		_, err = w.CloudTrail().StopLogging(t.Context(), &cloudtrail.StopLoggingInput{Name: &name})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// cloudtrailState reads the trails, and whether they log.
func (w *World) cloudtrailState(t *testing.T) string {
	t.Helper()
	out, err := w.CloudTrail().DescribeTrails(t.Context(), &cloudtrail.DescribeTrailsInput{})
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	for _, trail := range out.TrailList {
		status, err := w.CloudTrail().GetTrailStatus(t.Context(), &cloudtrail.GetTrailStatusInput{Name: trail.TrailARN})
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, fmt.Sprintf("trail %s %v\n", aws.ToString(trail.TrailARN), aws.ToBool(status.IsLogging)))
	}
	slices.Sort(rows)
	return strings.Join(rows, "")
}

// cloudtrailNeeds are the rights of calls to CloudTrail. AWS knows no resource
// for those that list.
func (w *World) cloudtrailNeeds(t *testing.T, call Call) []Need {
	t.Helper()
	switch call.Operation {
	case "cloudtrail:LookupEvents", "cloudtrail:DescribeTrails":
		return []Need{{call.Operation, "*"}}
	}
	name, _ := call.Body["Name"].(string)
	if arn, ok := w.arns["trail/"+name]; ok {
		name = arn
	}
	if !strings.HasPrefix(name, "arn:") {
		t.Fatalf("%s is about the trail %q, which this world does not have", call.Operation, name)
	}
	return []Need{{call.Operation, name}}
}

// Event is one event of CloudTrail, as a test tells it.
type Event struct {
	Region, ID                string
	AccessKey, User, Resource string
	Time                      time.Time
	Text                      string // the event itself, in JSON
}

// Events answers LookupEvents in the place of moto, which does not have it: with
// the events of the region that was asked which fit the question, the newest
// first, page by page, as CloudTrail does. It ends with Proxy.Heal.
func (w *World) Events(t *testing.T, events ...Event) {
	t.Helper()
	newest := slices.SortedFunc(slices.Values(events), func(a, b Event) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.ID, b.ID))
	})
	w.Proxy.Answer("cloudtrail:LookupEvents", func(rw http.ResponseWriter, r *http.Request) {
		var question struct {
			LookupAttributes   []struct{ AttributeKey, AttributeValue string }
			StartTime, EndTime float64
			MaxResults         int
			NextToken          string
		}
		if err := json.NewDecoder(r.Body).Decode(&question); err != nil || len(question.LookupAttributes) != 1 || question.MaxResults < 1 || question.MaxResults > 50 {
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(rw, `{"__type":"InvalidLookupAttributesException","message":"no question that CloudTrail takes"}`)
			return
		}
		region := strings.Split(r.Header.Get("Authorization"), "/")[2]
		var fit []map[string]any
		for _, e := range newest {
			at := float64(e.Time.Unix())
			values := map[string]string{"AccessKeyId": e.AccessKey, "Username": e.User, "ResourceName": e.Resource}
			asked := question.LookupAttributes[0]
			if e.Region == region && at >= question.StartTime && at <= question.EndTime && values[asked.AttributeKey] == asked.AttributeValue {
				fit = append(fit, map[string]any{"EventId": e.ID, "EventTime": at, "AccessKeyId": e.AccessKey, "Username": e.User, "CloudTrailEvent": e.Text})
			}
		}
		from, _ := strconv.Atoi(question.NextToken) // the first page has no token
		from = min(from, len(fit))
		to := min(from+question.MaxResults, len(fit))
		answer := map[string]any{"Events": fit[from:to]}
		if to < len(fit) {
			answer["NextToken"] = strconv.Itoa(to)
		}
		rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
		rw.Header().Set("X-Amzn-Requestid", "lookup-"+region+"-"+strconv.Itoa(from))
		_ = json.NewEncoder(rw).Encode(answer) // a client that has gone needs no answer
	})
}
