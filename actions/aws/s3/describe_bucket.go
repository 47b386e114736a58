package s3

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// describeBucket tells how a bucket stands, and keeps the documents that say so.
type describeBucket struct{ cloud *cloud.Cloud }

type describeBucketParams struct {
	Bucket         string `json:"bucket" doc:"name of the bucket" example:"customer-uploads" pattern:"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"`
	Store          string `json:"store,omitempty" doc:"whether the documents are kept as evidence: auto keeps them where a bucket for evidence is known" enum:"auto,always,never" default:"auto"`
	EvidenceBucket string `json:"evidence_bucket,omitempty" doc:"bucket with Object Lock; empty: the environment's bucket for evidence" example:"acme-evidence"`
}

// describeBucketResult holds what conditions and approval cards need. What could
// not be read is unknown, never no.
type describeBucketResult struct {
	Bucket             string   `json:"bucket" doc:"name of the bucket"`
	Region             string   `json:"region" doc:"region that it is in"`
	Public             string   `json:"public" doc:"whether the public can get at it now; unknown also when ACLs of single objects or access points may let the public in" enum:"yes,no,unknown"`
	PublicBy           []string `json:"public_by" doc:"what lets the public in, or may, one sentence each"`
	Blocked            string   `json:"blocked" doc:"whether the bucket or its account has all four settings of Block Public Access on" enum:"yes,no,unknown"`
	BlockOfBucket      string   `json:"block_of_bucket" doc:"the four settings of the bucket, in words"`
	BlockOfAccount     string   `json:"block_of_account" doc:"the four settings of its account, in words"`
	Policy             string   `json:"policy" doc:"its policy in words: the names of its statements"`
	Foreign            string   `json:"foreign" doc:"whether its policy or ACL lets principals in that are not of its account" enum:"yes,no,unknown"`
	ForeignPrincipals  []string `json:"foreign_principals" doc:"those principals, fifty at most"`
	Ownership          string   `json:"ownership" doc:"who owns its objects: BucketOwnerEnforced switches all ACLs off; not configured leaves them on" enum:"BucketOwnerEnforced,BucketOwnerPreferred,ObjectWriter,not configured,unknown"`
	AccessPoints       []string `json:"access_points" doc:"names of its access points, fifty at most"`
	Website            string   `json:"website" doc:"whether it is a website" enum:"yes,no,unknown"`
	Versioning         string   `json:"versioning" doc:"whether it keeps what is overwritten and deleted" enum:"Enabled,Suspended,off,unknown"`
	Expires            string   `json:"expires" doc:"whether a lifecycle rule deletes objects or versions" enum:"yes,no,unknown"`
	Logging            string   `json:"logging" doc:"whether server access logs are written" enum:"yes,no,unknown"`
	LogBucket          string   `json:"log_bucket" doc:"where they go; empty: nowhere, or not readable"`
	Replicates         string   `json:"replicates" doc:"whether a rule copies its objects elsewhere" enum:"yes,no,unknown"`
	ReplicationTargets []string `json:"replication_targets" doc:"ARNs of the buckets that it is copied to"`
	Tags               []string `json:"tags" doc:"its tags, each as name=value"`
	Missing            []string `json:"missing" doc:"calls that gave nothing, with the class of the error"`
	Evidence           Stored   `json:"evidence,omitzero" doc:"where the documents are kept; nothing when they are not"`
}

// describeState is what Plan captures, so that every attempt does the same.
type describeState struct {
	Store bool `json:"store"`
}

// notConfigured is what is said of a setting that is not there.
const notConfigured = "not configured"

func (describeBucket) Spec() actions.Spec {
	rows := []actions.Permission{{Phase: actions.PhasePlan, Action: "s3:GetBucketVersioning", Resource: bucketResource, Why: "see that the bucket is there, and whose it is"}}
	row := func(resource, why string, names ...string) {
		for _, name := range names {
			rows = append(rows, actions.Permission{Phase: actions.PhaseExecute, Action: name, Resource: resource, Why: why})
		}
	}
	row(bucketResource, "record who may use it", "s3:GetBucketPolicy", "s3:GetBucketPolicyStatus", "s3:GetBucketAcl", "s3:GetBucketOwnershipControls", "s3:GetBucketPublicAccessBlock")
	row("*", "record what its account allows", "s3:GetAccountPublicAccessBlock", "s3:ListAccessPoints") // AWS knows no resource for these
	row(bucketResource, "record what it is used for", "s3:GetBucketWebsite", "s3:GetBucketTagging", "s3:GetReplicationConfiguration")
	row(bucketResource, "record what of its past is left", "s3:GetBucketVersioning", "s3:GetBucketLogging", "s3:GetLifecycleConfiguration")
	return actions.Spec{
		Name: "aws.s3.describe_bucket", Version: 1,
		Title: "Find out how a bucket stands",
		Doc: "Reads the policy, ACL, ownership, Block Public Access of the bucket and its account, access points, website, replication, lifecycle, versioning, logging and tags of a bucket, and sums up who can get at it. " +
			"Where a bucket for evidence is known, the documents are kept there as they are, under a lock. No object is read. A call that fails is listed as missing, and what it would have told is unknown.",
		Effect: actions.Reversible, Repeat: actions.Idempotent, Adds: true, Timeout: 2 * time.Minute,
		BlastRadius: "None: it reads, and adds one document to the evidence.",
		StaysAlive: []string{"everything: this finds out how the bucket stands, it closes nothing",
			"ACLs of single objects, policies of access points, pre-signed URLs and what CloudFront gives out are not looked at"},
		Permissions: slices.Concat(rows, PutRightsIn("evidence_bucket")),
	}
}

// place is where the documents go.
func (p describeBucketParams) place(c *cloud.Conn) cloud.Evidence {
	place := c.Evidence
	if p.EvidenceBucket != "" && p.EvidenceBucket != place.Bucket {
		place.Bucket, place.Owner, place.KMSKey = p.EvidenceBucket, "", "" // those belong to the other bucket
	}
	return place
}

func (a describeBucket) Plan(ctx context.Context, call actions.Call, p describeBucketParams) (actions.Preview, error) {
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Preview{}, err
	}
	b := openBucket(c, p.Bucket, c.Account)
	if _, err := do(ctx, b, cloud.Reads, "s3:GetBucketVersioning", (*s3.Client).GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: &b.name, ExpectedBucketOwner: b.owner}); err != nil {
		return actions.Preview{}, err
	}
	place := p.place(c)
	state := describeState{Store: p.Store == "always" || p.Store != "never" && place.Bucket != ""}
	preview := actions.Preview{
		Targets: []actions.Target{b.target()}, NoUndo: "it changes nothing that was there",
		Changes: []string{fmt.Sprintf("Nothing that is there changes: read how bucket %s stands.", b.name)},
	}
	if !state.Store {
		preview.Warnings = []string{"The documents are not kept, only their summary is."}
		return preview, preview.Capture(state)
	}
	if err := Ready(ctx, c, place); err != nil {
		return preview, err
	}
	preview.Changes = append(preview.Changes, fmt.Sprintf("Its policy and settings are kept in bucket %s.", place.Bucket))
	preview.Calls = []string{"s3:PutObject"}
	return preview, preview.Capture(state)
}

func (a describeBucket) Execute(ctx context.Context, call actions.Call, p describeBucketParams) (describeBucketResult, error) {
	var r describeBucketResult
	var state describeState
	if err := call.LoadState(&state); err != nil {
		return r, err
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return r, err
	}
	d := newDescription(openBucket(c, p.Bucket, c.Account))
	d.read(ctx)
	if err := ctx.Err(); err != nil { // what is missing then says nothing about rights
		return r, &actions.Error{Class: actions.Transient, Op: "aws.s3.describe_bucket", Err: fmt.Errorf("the time was up before everything was read: %w", err)}
	}
	if d.gone != nil {
		return r, d.gone
	}
	r = d.facts()
	if !state.Store {
		return r, nil
	}
	body, err := d.document(call)
	if err != nil {
		return r, &actions.Error{Class: actions.Invalid, Op: "aws.s3.describe_bucket", Err: err}
	}
	// An attempt after a crash may find the bucket changed. Its document gets a
	// name of its own then; both are true.
	sum := sha256.Sum256(body)
	r.Evidence, err = Put(ctx, c, call, p.place(c), Item{Name: p.Bucket + "/bucket-" + hex.EncodeToString(sum[:6]) + ".json", Body: body, ContentType: "application/json"})
	return r, err
}

func (a describeBucket) Verify(ctx context.Context, call actions.Call, p describeBucketParams, r describeBucketResult) (actions.Reading, error) {
	var state describeState
	if err := call.LoadState(&state); err != nil {
		return actions.Reading{}, err
	}
	left := ""
	if len(r.Missing) > 0 {
		left = "; not read: " + strings.Join(r.Missing, ", ")
	}
	if !state.Store {
		return actions.Reading{Verdict: actions.Verified, Detail: "it was read, and nothing was to be kept" + left}, nil
	}
	c, err := a.cloud.Open(ctx, call)
	if err != nil {
		return actions.Reading{}, err
	}
	reading, err := Check(ctx, c, r.Evidence, p.place(c))
	if err == nil {
		reading.Detail += left
	}
	return reading, err
}

// document is what is kept: the answers as they came, the policy byte for byte.
func (d *description) document(call actions.Call) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(struct {
		Format   string         `json:"format"`
		Bucket   string         `json:"bucket"`
		Account  string         `json:"account"`
		Region   string         `json:"region"`
		Incident string         `json:"incident"`
		Run      string         `json:"run"`
		Step     string         `json:"step"`
		Started  time.Time      `json:"started"`
		Missing  []string       `json:"missing"`
		Sections map[string]any `json:"sections"` // encoding/json sorts them
	}{"firebreak/s3-bucket/v1", d.b.name, d.b.Account, d.b.Region, call.Incident, call.Run, call.Step, call.Started.UTC().Truncate(time.Second), d.missing, d.sections})
	return out.Bytes(), err
}
