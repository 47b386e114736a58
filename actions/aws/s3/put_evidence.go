package s3

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// putEvidence stores one document that the runbook gives, with a record of its
// custody beside it.
type putEvidence struct{ cloud *cloud.Cloud }

type putEvidenceParams struct {
	Name       string            `json:"name" doc:"name of the document; it is kept as incident/run/step/name" example:"timeline.txt"`
	Text       string            `json:"text,omitempty" doc:"the document; either this or fields" example:"04:50 key AKIA... seen on a public page"`
	Fields     map[string]string `json:"fields,omitempty" doc:"the document as named values, kept as one JSON object; either this or text" example:"{user: ci-deploy, key: AKIAIOSFODNN7EXAMPLE}"`
	Bucket     string            `json:"bucket,omitempty" doc:"bucket with Object Lock; empty: the environment's bucket for evidence" example:"acme-evidence"`
	Mode       string            `json:"mode,omitempty" doc:"kind of lock: nobody at all can shorten COMPLIANCE; empty: the environment's, else GOVERNANCE" enum:"GOVERNANCE,COMPLIANCE"`
	RetainDays int               `json:"retain_days,omitempty" doc:"how many days it is kept at least, from the start of the step; empty: the environment's, else 30" example:"365"`
	LegalHold  bool              `json:"legal_hold,omitempty" doc:"keep it beyond that, until somebody lifts the hold" example:"true"`
	KMSKey     string            `json:"kms_key,omitempty" doc:"ARN of the key that encrypts it; empty: the environment's, else the bucket's own" example:"arn:aws:kms:us-east-1:111122223333:key/0a1b2c3d-0000-4000-8000-0123456789ab"`
	Owner      string            `json:"owner,omitempty" doc:"account that the bucket must belong to; empty: the environment's, else it is not checked" example:"111122223333" pattern:"^([0-9]{12})?$"`
}

type putEvidenceResult struct {
	Bucket      string    `json:"bucket" doc:"bucket that holds it"`
	Key         string    `json:"key" doc:"its key"`
	VersionID   string    `json:"version_id" doc:"version of the key that is the evidence"`
	SHA256      string    `json:"sha256" doc:"checksum of its bytes, in hex"`
	Size        int       `json:"size" doc:"bytes"`
	Mode        string    `json:"mode" doc:"GOVERNANCE or COMPLIANCE"`
	RetainUntil time.Time `json:"retain_until" doc:"it cannot be deleted before, in GOVERNANCE but by those who may bypass it"`
	Custody     Stored    `json:"custody" doc:"the record of its custody, an object under the same lock"`
}

func (putEvidence) Spec() actions.Spec {
	return actions.Spec{
		Name: "aws.s3.put_evidence", Version: 1,
		Title: "Keep a document as evidence",
		Doc: "Stores a document in a bucket with Object Lock, under a key that is free, with its checksum and its lock in the same request. " +
			"Beside it goes a record of its custody: what it is, who stored it on whose authority, when, for which incident, run and step.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true,
		BlastRadius: "None but the cost of storage: nothing that is there is changed.",
		StaysAlive: []string{"a delete marker can hide the object, though its version stays: read it by its version id", "in GOVERNANCE, principals with s3:BypassGovernanceRetention can delete it",
			"losing the key that encrypts it loses the evidence"},
		Permissions: slices.Concat(PutRights(), []actions.Permission{
			{Phase: actions.PhaseExecute, Action: "s3:PutObjectLegalHold", Resource: objectResource, Why: "put the legal hold in the same request, where one is asked for"},
			{Phase: actions.PhaseExecute, Action: "s3:GetObjectLegalHold", Resource: objectResource, Why: "read the legal hold back"},
			{Phase: actions.PhaseVerify, Action: "s3:GetObjectLegalHold", Resource: objectResource, Why: "read the legal hold back"},
		}),
	}
}

// place is the environment's place for evidence with what the step says of it.
func (p putEvidenceParams) place(c *cloud.Conn) cloud.Evidence {
	place := c.Evidence
	if p.Bucket != "" && p.Bucket != place.Bucket {
		place.Bucket, place.Owner, place.KMSKey = p.Bucket, "", "" // those belong to the other bucket
	}
	place.Owner, place.KMSKey = cmp.Or(p.Owner, place.Owner), cmp.Or(p.KMSKey, place.KMSKey)
	place.Mode, place.Days = cmp.Or(p.Mode, place.Mode), cmp.Or(p.RetainDays, place.Days)
	return place
}

// item is the document itself.
func (p putEvidenceParams) item() (Item, error) {
	wrong := func(hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Invalid, Op: "aws.s3.put_evidence", Err: fmt.Errorf(format, args...), Hint: hint}
	}
	item := Item{Name: p.Name, Body: []byte(p.Text), ContentType: "text/plain; charset=utf-8", Hold: p.LegalHold}
	switch {
	case (p.Text == "") == (len(p.Fields) == 0):
		return item, wrong("", "give either text or fields, and not both")
	case strings.HasSuffix(p.Name, custodySuffix):
		return item, wrong("choose another name", "%q is how the record of custody is called", p.Name)
	case len(p.Fields) > 0:
		data, err := json.Marshal(p.Fields)
		if err != nil {
			return item, wrong("", "the fields do not make a document: %w", err)
		}
		item.Body, item.ContentType = data, "application/json"
	case strings.HasSuffix(p.Name, ".json"):
		if !json.Valid(item.Body) {
			return item, wrong("name it .txt, or give fields", "%q is no JSON", p.Name)
		}
		item.ContentType = "application/json"
	}
	return item, nil
}

func (a putEvidence) Plan(ctx context.Context, call actions.Call, p putEvidenceParams) (actions.Preview, error) {
	item, err := p.item()
	if err != nil {
		return actions.Preview{}, err
	}
	planned := call
	planned.Started = a.cloud.Now() // only to see that a key can be made
	key, err := keyOf(planned, p.Name)
	if err != nil {
		return actions.Preview{}, err
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	place := p.place(c)
	if err := Ready(ctx, c, place); err != nil {
		return actions.Preview{}, err
	}
	b, place, err := open(c, place)
	if err != nil {
		return actions.Preview{}, err
	}
	preview := actions.Preview{
		Targets: []actions.Target{{Type: "aws.s3.object", ID: b.name + "/" + key, Account: cmp.Or(place.Owner, c.Account)}},
		Changes: []string{fmt.Sprintf("Document %s of %d bytes is kept in bucket %s as %s, locked as %s for %d days, with a record of its custody.", p.Name, len(item.Body), b.name, key, place.Mode, place.Days)},
		Calls:   []string{"s3:PutObject", "s3:HeadObject"},
		NoUndo:  "evidence is not taken back",
	}
	if place.Mode == "COMPLIANCE" {
		preview.Warnings = append(preview.Warnings, "Nobody can delete it or shorten its lock before then, the account's root user included.")
	}
	if place.Owner == "" {
		preview.Warnings = append(preview.Warnings, "It is not checked whose bucket this is: give the environment's evidence bucket an owner.")
	}
	return preview, nil
}

func (a putEvidence) Execute(ctx context.Context, call actions.Call, p putEvidenceParams) (putEvidenceResult, error) {
	item, err := p.item()
	if err != nil {
		return putEvidenceResult{}, err
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return putEvidenceResult{}, err
	}
	place := p.place(c)
	stored, id, err := put(ctx, c, call, place, item)
	if err != nil {
		return putEvidenceResult{}, err
	}
	stored, record, err := keepCustody(ctx, c, call, place, item, stored, id)
	if err != nil {
		return putEvidenceResult{}, err
	}
	return putEvidenceResult{Bucket: stored.Bucket, Key: stored.Key, VersionID: stored.VersionID, SHA256: stored.SHA256, Size: stored.Size, Mode: stored.Mode, RetainUntil: stored.RetainUntil, Custody: record}, nil
}

func (a putEvidence) Verify(ctx context.Context, call actions.Call, p putEvidenceParams, r putEvidenceResult) (actions.Reading, error) {
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	place := p.place(c)
	stored := Stored{r.Bucket, r.Key, r.VersionID, r.SHA256, r.Mode, r.Size, r.RetainUntil, p.LegalHold}
	reading, err := Check(ctx, c, stored, place)
	if err != nil || reading.Verdict != actions.Verified {
		return reading, err
	}
	record, err := Check(ctx, c, r.Custody, place)
	if err == nil && record.Verdict != actions.Verified {
		record.Detail = "the record of custody: " + record.Detail
	} else if err == nil {
		record.Detail = reading.Detail + "; so is the record of its custody"
	}
	return record, err
}
