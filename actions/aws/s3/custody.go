package s3

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// custodySuffix makes the name of the record from that of the document.
const custodySuffix = ".custody.json"

// custody is what the record says, in the order in which it is written.
type custody struct {
	Format      string `json:"format"` // firebreak/custody/v1
	Document    Stored `json:"document"`
	ContentType string `json:"content_type"`
	Actor       string `json:"actor"` // on whose authority
	By          string `json:"by"`    // ARN that stored it
	When        string `json:"when"`  // first intent of the step
	Incident    string `json:"incident"`
	Run         string `json:"run"`
	Step        string `json:"step"`
	StepKey     string `json:"step_key"` // joins with the journal
	Environment string `json:"environment"`
	Account     string `json:"account"`
	RequestID   string `json:"request_id,omitempty"` // none when the answer of the attempt that stored it was lost
}

// keepCustody stores the record beside its document. When an earlier attempt
// did so, that record counts, and so does the version that it names: a later
// copy under the same key, made because somebody hid the first, is not taken
// for the evidence.
func keepCustody(ctx context.Context, c *cloud.Conn, call actions.Call, place cloud.Evidence, item Item, document Stored, request string) (Stored, Stored, error) {
	record := custody{"firebreak/custody/v1", document, item.ContentType, call.Actor, c.Selves[len(c.Selves)-1].ARN(), call.Started.UTC().Format(time.RFC3339), call.Incident, call.Run, call.Step,
		string(call.Key), call.Environment, c.Account, request}
	body, err := json.MarshalIndent(record, "", "  ")
	if err != nil {
		return document, Stored{}, err
	}
	beside := Item{Name: item.Name + custodySuffix, Body: append(body, '\n'), ContentType: "application/json", Hold: item.Hold}
	kept, err := Put(ctx, c, call, place, beside)
	if actions.ClassOf(err) != actions.Precondition {
		return document, kept, err
	}
	first, kept, err := readCustody(ctx, c, call, place, beside)
	if err != nil {
		return document, kept, err
	}
	if first.Document.SHA256 != document.SHA256 || first.Document.Key != document.Key || first.StepKey != record.StepKey || first.When != record.When {
		return document, kept, &actions.Error{Class: actions.Unknown, Op: "s3:PutObject", Err: fmt.Errorf("%q is stored, but %q beside it is no record of it", document.Key, kept.Key),
			Hint: "look at both objects: somebody else wrote the record"}
	}
	return first.Document, kept, nil
}

// readCustody reads the record that is there.
func readCustody(ctx context.Context, c *cloud.Conn, call actions.Call, place cloud.Evidence, item Item) (custody, Stored, error) {
	var record custody
	b, place, err := open(c, place)
	if err != nil {
		return record, Stored{}, err
	}
	key, err := keyOf(call, item.Name)
	if err != nil {
		return record, Stored{}, err
	}
	unknown := func(err error) error {
		return &actions.Error{Class: actions.Unknown, Op: "s3:GetObject", Err: fmt.Errorf("the document is stored, but the record of its custody in %q is not readable: %w", key, err), Hint: "repeat the step"}
	}
	want := Stored{Bucket: b.name, Key: key, RetainUntil: retainUntil(call, place), Hold: item.Hold}
	kept, err := b.readBack(ctx, want)
	if err != nil {
		return record, kept, unknown(err)
	}
	kept = want.recorded(kept)
	out, err := do(ctx, b, cloud.Reads, "s3:GetObject", (*s3.Client).GetObject, &s3.GetObjectInput{Bucket: &b.name, Key: &key, ExpectedBucketOwner: b.owner})
	if err != nil {
		return record, kept, unknown(err)
	}
	defer func() { _ = out.Body.Close() }()
	if err := json.NewDecoder(io.LimitReader(out.Body, 64<<10)).Decode(&record); err != nil {
		return record, kept, unknown(err)
	}
	return record, kept, nil
}
