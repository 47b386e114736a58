package s3

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/s3control"
	controltypes "github.com/aws/aws-sdk-go-v2/service/s3control/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// description is what was read about a bucket. What a call did not tell has no
// section, and is unknown; a setting that is not there has the section nil.
type description struct {
	b        *bucket
	sections map[string]any // by name of the call
	missing  []string
	gone     error // there is no such bucket

	ofBucket, ofAccount *accessFlags
	policy              *string
	policyPublic        *bool // nil: there is no policy, or nobody says
	acl                 *s3.GetBucketAclOutput
	ownership           types.ObjectOwnership
	points              []controltypes.AccessPoint
	versioning          types.BucketVersioningStatus
	lifecycle           []types.LifecycleRule
	logging             *types.LoggingEnabled
	replication         *types.ReplicationConfiguration
	tags                []types.Tag
}

func newDescription(b *bucket) *description {
	return &description{b: b, sections: map[string]any{}, missing: []string{}}
}

// Names of the sections, which are those of the calls.
const (
	blockSection        = "GetPublicAccessBlock"
	accountBlockSection = "GetAccountPublicAccessBlock"
	policySection       = "GetBucketPolicy"
	statusSection       = "GetBucketPolicyStatus"
	aclSection          = "GetBucketAcl"
	ownershipSection    = "GetBucketOwnershipControls"
	pointsSection       = "ListAccessPoints"
	websiteSection      = "GetBucketWebsite"
	versioningSection   = "GetBucketVersioning"
	lifecycleSection    = "GetBucketLifecycleConfiguration"
	loggingSection      = "GetBucketLogging"
	replicationSection  = "GetBucketReplication"
	tagsSection         = "GetBucketTagging"
)

// told says whether a call answered.
func (d *description) told(section string) bool {
	_, ok := d.sections[section]
	return ok
}

// keep notes an answer, or that there was none.
func (d *description) keep(section string, answer any, err error) {
	switch {
	case cloud.Code(err) == "NoSuchBucket":
		d.gone = err
	case missing(err):
		d.sections[section] = nil
	case err != nil:
		d.missing = append(d.missing, section+": "+string(actions.ClassOf(err)))
	default:
		d.sections[section] = answer
	}
}

// read asks for everything. The versioning comes first: its answer tells the
// region of the bucket, and it is refused when the bucket is somebody else's.
func (d *description) read(ctx context.Context) {
	b := d.b
	versioning, err := do(ctx, b, cloud.Reads, "s3:GetBucketVersioning", (*s3.Client).GetBucketVersioning, &s3.GetBucketVersioningInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil {
		d.versioning = versioning.Status
	}
	d.keep(versioningSection, map[string]any{"Status": d.versioning}, err)
	d.readAccess(ctx)
	d.readUse(ctx)
}

// readAccess asks who may use it.
func (d *description) readAccess(ctx context.Context) {
	b := d.b
	var err error
	d.ofBucket, err = b.publicAccess(ctx)
	d.keep(blockSection, d.ofBucket, err)
	control := account{b.Conn, controlClient(b.Conn)}
	d.ofAccount, err = control.publicAccess(ctx)
	d.keep(accountBlockSection, d.ofAccount, err)
	d.points, err = control.accessPoints(ctx, b.name)
	d.keep(pointsSection, d.points, err)
	d.policy, err = b.policy(ctx)
	d.keep(policySection, d.policy, err)
	status, err := do(ctx, b, cloud.Reads, "s3:GetBucketPolicyStatus", (*s3.Client).GetBucketPolicyStatus, &s3.GetBucketPolicyStatusInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	switch {
	case err == nil && (status.PolicyStatus == nil || status.PolicyStatus.IsPublic == nil):
		err = emptyAnswer("s3:GetBucketPolicyStatus", fmt.Sprintf("bucket %q", b.name))
	case err == nil:
		d.policyPublic = status.PolicyStatus.IsPublic
	}
	d.keep(statusSection, map[string]any{"IsPublic": d.policyPublic}, err)
	d.acl, err = do(ctx, b, cloud.Reads, "s3:GetBucketAcl", (*s3.Client).GetBucketAcl, &s3.GetBucketAclInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil && (d.acl.Owner == nil || aws.ToString(d.acl.Owner.ID) == "") {
		err = emptyAnswer("s3:GetBucketAcl", fmt.Sprintf("bucket %q", b.name))
	}
	if err != nil {
		d.acl = nil
	}
	var grants any
	if d.acl != nil {
		grants = map[string]any{"Owner": d.acl.Owner, "Grants": d.acl.Grants}
	}
	d.keep(aclSection, grants, err)
	owner, err := do(ctx, b, cloud.Reads, "s3:GetBucketOwnershipControls", (*s3.Client).GetBucketOwnershipControls, &s3.GetBucketOwnershipControlsInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil && (owner.OwnershipControls == nil || len(owner.OwnershipControls.Rules) == 0) {
		err = emptyAnswer("s3:GetBucketOwnershipControls", fmt.Sprintf("bucket %q", b.name))
	} else if err == nil {
		d.ownership = owner.OwnershipControls.Rules[0].ObjectOwnership
	}
	d.keep(ownershipSection, map[string]any{"ObjectOwnership": d.ownership}, err)
}

// readUse asks what it is used for, and what of its past is left.
func (d *description) readUse(ctx context.Context) {
	b := d.b
	website, err := do(ctx, b, cloud.Reads, "s3:GetBucketWebsite", (*s3.Client).GetBucketWebsite, &s3.GetBucketWebsiteInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	var pages any
	if err == nil {
		pages = map[string]any{"IndexDocument": website.IndexDocument, "ErrorDocument": website.ErrorDocument, "RedirectAllRequestsTo": website.RedirectAllRequestsTo, "RoutingRules": website.RoutingRules}
	}
	d.keep(websiteSection, pages, err)
	lifecycle, err := do(ctx, b, cloud.Reads, "s3:GetBucketLifecycleConfiguration", (*s3.Client).GetBucketLifecycleConfiguration, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil {
		d.lifecycle = lifecycle.Rules
	}
	d.keep(lifecycleSection, d.lifecycle, err)
	logging, err := do(ctx, b, cloud.Reads, "s3:GetBucketLogging", (*s3.Client).GetBucketLogging, &s3.GetBucketLoggingInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil {
		d.logging = logging.LoggingEnabled
	}
	d.keep(loggingSection, d.logging, err)
	replication, err := do(ctx, b, cloud.Reads, "s3:GetBucketReplication", (*s3.Client).GetBucketReplication, &s3.GetBucketReplicationInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil && replication.ReplicationConfiguration == nil {
		err = emptyAnswer("s3:GetBucketReplication", fmt.Sprintf("bucket %q", b.name))
	} else if err == nil {
		d.replication = replication.ReplicationConfiguration
	}
	d.keep(replicationSection, d.replication, err)
	tags, err := do(ctx, b, cloud.Reads, "s3:GetBucketTagging", (*s3.Client).GetBucketTagging, &s3.GetBucketTaggingInput{Bucket: &b.name, ExpectedBucketOwner: b.owner})
	if err == nil {
		d.tags = tags.TagSet
		slices.SortFunc(d.tags, func(a, b types.Tag) int { return compareText(a.Key, b.Key) })
	}
	d.keep(tagsSection, d.tags, err)
}

// accessPoints lists the access points of a bucket, sorted by name.
func (a account) accessPoints(ctx context.Context, bucket string) ([]controltypes.AccessPoint, error) {
	in := &s3control.ListAccessPointsInput{AccountId: &a.Account, Bucket: &bucket}
	var all []controltypes.AccessPoint
	for {
		out, err := cloud.Do(ctx, a.Conn, cloud.Reads, "s3control:ListAccessPoints", a.control.ListAccessPoints, in)
		if err != nil {
			return nil, err
		}
		all = append(all, out.AccessPointList...)
		if aws.ToString(out.NextToken) == "" || aws.ToString(out.NextToken) == aws.ToString(in.NextToken) {
			slices.SortFunc(all, func(a, b controltypes.AccessPoint) int { return compareText(a.Name, b.Name) })
			return all, nil
		}
		in.NextToken = out.NextToken
	}
}
