package iampolicy

import (
	"github.com/firebreak-ir/firebreak/actions"
)

// Deny is a statement that every document carries, and its reason.
type Deny struct {
	Statement Statement `json:"statement"`
	Why       string    `json:"why"`
}

// managed is the tag of what firebreak has made.
const managed = "aws:ResourceTag/firebreak:managed"

// Denies lists what no identity of firebreak may ever do, whatever else is
// attached to it. Account and region are left open on purpose, and so is the
// value of the tag: a deny that is too narrow is none.
func Denies(o Options) []Deny {
	o = o.filled()
	arn := func(rest ...string) []string {
		var list []string
		for _, one := range rest {
			list = append(list, "arn:"+o.Partition+":"+one)
		}
		return uniq(list)
	}
	var buckets []string
	for _, name := range o.Evidence {
		buckets = append(buckets, "s3:::"+name)
	}
	tagged := actions.Conditions{"Null": {managed: {"false"}}}
	deny := func(sid, why string, on []string, conditions actions.Conditions, what ...string) Deny {
		return Deny{Statement{Sid: sid, Effect: "Deny", Action: uniq(what), Resource: on, Condition: conditions}, why}
	}
	return []Deny{
		deny("NeverDeleteObjects", "evidence in S3 outlives firebreak: no object is deleted, in whatever bucket, and no lock is passed over; governance retention cannot be shortened without the bypass, compliance retention not at all",
			[]string{"*"}, nil, "s3:BypassGovernanceRetention", "s3:DeleteObject", "s3:DeleteObjectVersion"),
		deny("NeverLiftLegalHold", "a legal hold on evidence may be put, not lifted",
			[]string{"*"}, actions.Conditions{"StringEquals": {"s3:object-lock-legal-hold": {"OFF"}}}, "s3:PutObjectLegalHold"),
		deny("NeverOpenEvidenceBuckets", "who may read evidence, how long it is kept and whether it can be overwritten is set up by people",
			widest(arn(buckets...)), nil, "s3:DeleteBucket", "s3:DeleteBucketPolicy", "s3:PutBucketAcl", "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy",
			"s3:PutBucketPublicAccessBlock", "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration"),
		deny("NeverDeleteSnapshots", "snapshots that firebreak has made, and the tag that says so, are evidence",
			arn("ec2:*::snapshot/*", "rds:*:*:cluster-snapshot:*", "rds:*:*:snapshot:*"), tagged, "ec2:DeleteSnapshot", "ec2:DeleteTags", "ec2:UnlockSnapshot", "rds:DeleteDBClusterSnapshot", "rds:DeleteDBSnapshot", "rds:RemoveTagsFromResource"),
		deny("NeverDestroyKeys", "what is encrypted with a key is lost with it, evidence too; a key is disabled instead",
			[]string{"*"}, nil, "kms:DeleteImportedKeyMaterial", "kms:ScheduleKeyDeletion"),
		deny("NeverChangeOwnIdentities", "firebreak does not give itself rights, and does not touch the identities that break the glass; reading them, passing and assuming a role stay possible",
			arn("iam::*:policy/firebreak-*", "iam::*:policy/*/firebreak-*",
				"iam::*:role/break-glass-*", "iam::*:role/*/break-glass-*", "iam::*:role/firebreak-*", "iam::*:role/*/firebreak-*",
				"iam::*:user/break-glass-*", "iam::*:user/*/break-glass-*", "iam::*:user/firebreak-*", "iam::*:user/*/firebreak-*"), nil,
			"iam:Add*", "iam:Attach*", "iam:Change*", "iam:Create*", "iam:Deactivate*", "iam:Delete*", "iam:Detach*", "iam:Enable*", "iam:Put*",
			"iam:Remove*", "iam:Reset*", "iam:Resync*", "iam:Set*", "iam:Tag*", "iam:Untag*", "iam:Update*", "iam:Upload*"),
		deny("NeverSwitchOffTheRecord", "the record of what happened, firebreak's own doings included, is not firebreak's to stop",
			[]string{"*"}, nil, "cloudtrail:DeleteEventDataStore", "cloudtrail:DeleteTrail", "cloudtrail:PutEventSelectors", "cloudtrail:StopEventDataStoreIngestion",
			"cloudtrail:StopLogging", "cloudtrail:UpdateEventDataStore", "cloudtrail:UpdateTrail", "config:DeleteConfigurationRecorder", "config:DeleteDeliveryChannel",
			"config:StopConfigurationRecorder", "guardduty:DeleteDetector", "guardduty:UpdateDetector", "logs:DeleteLogGroup", "logs:DeleteLogStream"),
	}
}
