package awstest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

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
