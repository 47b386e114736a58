# Give each phase a role of its own and name it in environments.<name>.roles; or give the one role of an environment the documents of all phases, and leave release off until something is to be undone (until then undo is refused by AWS).
# IAM cannot restrict the content of an inline policy: whoever has iam:PutRolePolicy on arn:aws:iam::111122223333:role/apps/web can give everything to what that is.
# The documents are meant as managed policies (6144 characters each). Inline, a user's policies may have 2048 characters together, a role's 10240; here it would be: preflight 2625, contain 2690, evidence 2499, release 2494.
# firebreak's own identities and those for breaking the glass are protected by their names: firebreak-* and break-glass-*.
# firebreak's own identity needs sts:AssumeRole, sts:TagSession and sts:SetSourceIdentity on that role, and the role has to trust it: see --trust.
# keep of it collects evidence, so no right to undo it is given: nobody deletes evidence.

data "aws_iam_policy_document" "firebreak_preflight" {
  # iam:GetRole: it/stop: because
  statement {
    sid    = "PreflightIamRole"
    effect = "Allow"

    actions = ["iam:GetRole"]

    resources = ["arn:aws:iam::111122223333:role/apps/web"]
  }

  # iam:GetUser: it/look: because (* for what only the run knows: user)
  # iam:ListAccessKeys: it/look: because (* for what only the run knows: user)
  statement {
    sid    = "PreflightIamUser"
    effect = "Allow"

    actions = [
      "iam:GetUser",
      "iam:ListAccessKeys",
    ]

    resources = ["arn:aws:iam::111122223333:user/*"]
  }

  # evidence in S3 outlives firebreak: no object is deleted, in whatever bucket, and no lock is passed over; governance retention cannot be shortened without the bypass, compliance retention not at all
  statement {
    sid    = "NeverDeleteObjects"
    effect = "Deny"

    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
    ]

    resources = ["*"]
  }

  # a legal hold on evidence may be put, not lifted
  statement {
    sid    = "NeverLiftLegalHold"
    effect = "Deny"

    actions = ["s3:PutObjectLegalHold"]

    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "s3:object-lock-legal-hold"
      values   = ["OFF"]
    }
  }

  # who may read evidence, how long it is kept and whether it can be overwritten is set up by people
  statement {
    sid    = "NeverOpenEvidenceBuckets"
    effect = "Deny"

    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketAcl",
      "s3:PutBucketObjectLockConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]

    resources = ["arn:aws:s3:::firebreak-evidence-*"]
  }

  # snapshots that firebreak has made, and the tag that says so, are evidence
  statement {
    sid    = "NeverDeleteSnapshots"
    effect = "Deny"

    actions = [
      "ec2:DeleteSnapshot",
      "ec2:DeleteTags",
      "ec2:UnlockSnapshot",
      "rds:DeleteDBClusterSnapshot",
      "rds:DeleteDBSnapshot",
      "rds:RemoveTagsFromResource",
    ]

    resources = [
      "arn:aws:ec2:*::snapshot/*",
      "arn:aws:rds:*:*:cluster-snapshot:*",
      "arn:aws:rds:*:*:snapshot:*",
    ]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/firebreak:managed"
      values   = ["false"]
    }
  }

  # what is encrypted with a key is lost with it, evidence too; a key is disabled instead
  statement {
    sid    = "NeverDestroyKeys"
    effect = "Deny"

    actions = [
      "kms:DeleteImportedKeyMaterial",
      "kms:ScheduleKeyDeletion",
    ]

    resources = ["*"]
  }

  # firebreak does not give itself rights, and does not touch the identities that break the glass; reading them, passing and assuming a role stay possible
  statement {
    sid    = "NeverChangeOwnIdentities"
    effect = "Deny"

    actions = [
      "iam:Add*",
      "iam:Attach*",
      "iam:Change*",
      "iam:Create*",
      "iam:Deactivate*",
      "iam:Delete*",
      "iam:Detach*",
      "iam:Enable*",
      "iam:Put*",
      "iam:Remove*",
      "iam:Reset*",
      "iam:Resync*",
      "iam:Set*",
      "iam:Tag*",
      "iam:Untag*",
      "iam:Update*",
      "iam:Upload*",
    ]

    resources = [
      "arn:aws:iam::*:policy/*/firebreak-*",
      "arn:aws:iam::*:policy/firebreak-*",
      "arn:aws:iam::*:role/*/break-glass-*",
      "arn:aws:iam::*:role/*/firebreak-*",
      "arn:aws:iam::*:role/break-glass-*",
      "arn:aws:iam::*:role/firebreak-*",
      "arn:aws:iam::*:user/*/break-glass-*",
      "arn:aws:iam::*:user/*/firebreak-*",
      "arn:aws:iam::*:user/break-glass-*",
      "arn:aws:iam::*:user/firebreak-*",
    ]
  }

  # the record of what happened, firebreak's own doings included, is not firebreak's to stop
  statement {
    sid    = "NeverSwitchOffTheRecord"
    effect = "Deny"

    actions = [
      "cloudtrail:DeleteEventDataStore",
      "cloudtrail:DeleteTrail",
      "cloudtrail:PutEventSelectors",
      "cloudtrail:StopEventDataStoreIngestion",
      "cloudtrail:StopLogging",
      "cloudtrail:UpdateEventDataStore",
      "cloudtrail:UpdateTrail",
      "config:DeleteConfigurationRecorder",
      "config:DeleteDeliveryChannel",
      "config:StopConfigurationRecorder",
      "guardduty:DeleteDetector",
      "guardduty:UpdateDetector",
      "logs:DeleteLogGroup",
      "logs:DeleteLogStream",
    ]

    resources = ["*"]
  }
}

resource "aws_iam_policy" "firebreak_preflight" {
  name   = "firebreak-preflight"
  policy = data.aws_iam_policy_document.firebreak_preflight.json
}

data "aws_iam_policy_document" "firebreak_contain" {
  # iam:PassRole: it/stop: give "${it}" to EC2
  statement {
    sid    = "ContainIamRole"
    effect = "Allow"

    actions = ["iam:PassRole"]

    resources = ["arn:aws:iam::111122223333:role/apps/web"]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ec2.amazonaws.com"]
    }
  }

  # iam:PutRolePolicy: it/stop: because
  statement {
    sid    = "ContainIamRole2"
    effect = "Allow"

    actions = ["iam:PutRolePolicy"]

    resources = ["arn:aws:iam::111122223333:role/apps/web"]
  }

  # evidence in S3 outlives firebreak: no object is deleted, in whatever bucket, and no lock is passed over; governance retention cannot be shortened without the bypass, compliance retention not at all
  statement {
    sid    = "NeverDeleteObjects"
    effect = "Deny"

    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
    ]

    resources = ["*"]
  }

  # a legal hold on evidence may be put, not lifted
  statement {
    sid    = "NeverLiftLegalHold"
    effect = "Deny"

    actions = ["s3:PutObjectLegalHold"]

    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "s3:object-lock-legal-hold"
      values   = ["OFF"]
    }
  }

  # who may read evidence, how long it is kept and whether it can be overwritten is set up by people
  statement {
    sid    = "NeverOpenEvidenceBuckets"
    effect = "Deny"

    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketAcl",
      "s3:PutBucketObjectLockConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]

    resources = ["arn:aws:s3:::firebreak-evidence-*"]
  }

  # snapshots that firebreak has made, and the tag that says so, are evidence
  statement {
    sid    = "NeverDeleteSnapshots"
    effect = "Deny"

    actions = [
      "ec2:DeleteSnapshot",
      "ec2:DeleteTags",
      "ec2:UnlockSnapshot",
      "rds:DeleteDBClusterSnapshot",
      "rds:DeleteDBSnapshot",
      "rds:RemoveTagsFromResource",
    ]

    resources = [
      "arn:aws:ec2:*::snapshot/*",
      "arn:aws:rds:*:*:cluster-snapshot:*",
      "arn:aws:rds:*:*:snapshot:*",
    ]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/firebreak:managed"
      values   = ["false"]
    }
  }

  # what is encrypted with a key is lost with it, evidence too; a key is disabled instead
  statement {
    sid    = "NeverDestroyKeys"
    effect = "Deny"

    actions = [
      "kms:DeleteImportedKeyMaterial",
      "kms:ScheduleKeyDeletion",
    ]

    resources = ["*"]
  }

  # firebreak does not give itself rights, and does not touch the identities that break the glass; reading them, passing and assuming a role stay possible
  statement {
    sid    = "NeverChangeOwnIdentities"
    effect = "Deny"

    actions = [
      "iam:Add*",
      "iam:Attach*",
      "iam:Change*",
      "iam:Create*",
      "iam:Deactivate*",
      "iam:Delete*",
      "iam:Detach*",
      "iam:Enable*",
      "iam:Put*",
      "iam:Remove*",
      "iam:Reset*",
      "iam:Resync*",
      "iam:Set*",
      "iam:Tag*",
      "iam:Untag*",
      "iam:Update*",
      "iam:Upload*",
    ]

    resources = [
      "arn:aws:iam::*:policy/*/firebreak-*",
      "arn:aws:iam::*:policy/firebreak-*",
      "arn:aws:iam::*:role/*/break-glass-*",
      "arn:aws:iam::*:role/*/firebreak-*",
      "arn:aws:iam::*:role/break-glass-*",
      "arn:aws:iam::*:role/firebreak-*",
      "arn:aws:iam::*:user/*/break-glass-*",
      "arn:aws:iam::*:user/*/firebreak-*",
      "arn:aws:iam::*:user/break-glass-*",
      "arn:aws:iam::*:user/firebreak-*",
    ]
  }

  # the record of what happened, firebreak's own doings included, is not firebreak's to stop
  statement {
    sid    = "NeverSwitchOffTheRecord"
    effect = "Deny"

    actions = [
      "cloudtrail:DeleteEventDataStore",
      "cloudtrail:DeleteTrail",
      "cloudtrail:PutEventSelectors",
      "cloudtrail:StopEventDataStoreIngestion",
      "cloudtrail:StopLogging",
      "cloudtrail:UpdateEventDataStore",
      "cloudtrail:UpdateTrail",
      "config:DeleteConfigurationRecorder",
      "config:DeleteDeliveryChannel",
      "config:StopConfigurationRecorder",
      "guardduty:DeleteDetector",
      "guardduty:UpdateDetector",
      "logs:DeleteLogGroup",
      "logs:DeleteLogStream",
    ]

    resources = ["*"]
  }
}

resource "aws_iam_policy" "firebreak_contain" {
  name   = "firebreak-contain"
  policy = data.aws_iam_policy_document.firebreak_contain.json
}

data "aws_iam_policy_document" "firebreak_evidence" {
  # s3:PutObject: it/keep: because
  statement {
    sid    = "EvidenceS3Object"
    effect = "Allow"

    actions = ["s3:PutObject"]

    resources = ["arn:aws:s3:::firebreak-evidence-acme/$${$}{INC}$${*}"]
  }

  # evidence in S3 outlives firebreak: no object is deleted, in whatever bucket, and no lock is passed over; governance retention cannot be shortened without the bypass, compliance retention not at all
  statement {
    sid    = "NeverDeleteObjects"
    effect = "Deny"

    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
    ]

    resources = ["*"]
  }

  # a legal hold on evidence may be put, not lifted
  statement {
    sid    = "NeverLiftLegalHold"
    effect = "Deny"

    actions = ["s3:PutObjectLegalHold"]

    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "s3:object-lock-legal-hold"
      values   = ["OFF"]
    }
  }

  # who may read evidence, how long it is kept and whether it can be overwritten is set up by people
  statement {
    sid    = "NeverOpenEvidenceBuckets"
    effect = "Deny"

    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketAcl",
      "s3:PutBucketObjectLockConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]

    resources = ["arn:aws:s3:::firebreak-evidence-*"]
  }

  # snapshots that firebreak has made, and the tag that says so, are evidence
  statement {
    sid    = "NeverDeleteSnapshots"
    effect = "Deny"

    actions = [
      "ec2:DeleteSnapshot",
      "ec2:DeleteTags",
      "ec2:UnlockSnapshot",
      "rds:DeleteDBClusterSnapshot",
      "rds:DeleteDBSnapshot",
      "rds:RemoveTagsFromResource",
    ]

    resources = [
      "arn:aws:ec2:*::snapshot/*",
      "arn:aws:rds:*:*:cluster-snapshot:*",
      "arn:aws:rds:*:*:snapshot:*",
    ]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/firebreak:managed"
      values   = ["false"]
    }
  }

  # what is encrypted with a key is lost with it, evidence too; a key is disabled instead
  statement {
    sid    = "NeverDestroyKeys"
    effect = "Deny"

    actions = [
      "kms:DeleteImportedKeyMaterial",
      "kms:ScheduleKeyDeletion",
    ]

    resources = ["*"]
  }

  # firebreak does not give itself rights, and does not touch the identities that break the glass; reading them, passing and assuming a role stay possible
  statement {
    sid    = "NeverChangeOwnIdentities"
    effect = "Deny"

    actions = [
      "iam:Add*",
      "iam:Attach*",
      "iam:Change*",
      "iam:Create*",
      "iam:Deactivate*",
      "iam:Delete*",
      "iam:Detach*",
      "iam:Enable*",
      "iam:Put*",
      "iam:Remove*",
      "iam:Reset*",
      "iam:Resync*",
      "iam:Set*",
      "iam:Tag*",
      "iam:Untag*",
      "iam:Update*",
      "iam:Upload*",
    ]

    resources = [
      "arn:aws:iam::*:policy/*/firebreak-*",
      "arn:aws:iam::*:policy/firebreak-*",
      "arn:aws:iam::*:role/*/break-glass-*",
      "arn:aws:iam::*:role/*/firebreak-*",
      "arn:aws:iam::*:role/break-glass-*",
      "arn:aws:iam::*:role/firebreak-*",
      "arn:aws:iam::*:user/*/break-glass-*",
      "arn:aws:iam::*:user/*/firebreak-*",
      "arn:aws:iam::*:user/break-glass-*",
      "arn:aws:iam::*:user/firebreak-*",
    ]
  }

  # the record of what happened, firebreak's own doings included, is not firebreak's to stop
  statement {
    sid    = "NeverSwitchOffTheRecord"
    effect = "Deny"

    actions = [
      "cloudtrail:DeleteEventDataStore",
      "cloudtrail:DeleteTrail",
      "cloudtrail:PutEventSelectors",
      "cloudtrail:StopEventDataStoreIngestion",
      "cloudtrail:StopLogging",
      "cloudtrail:UpdateEventDataStore",
      "cloudtrail:UpdateTrail",
      "config:DeleteConfigurationRecorder",
      "config:DeleteDeliveryChannel",
      "config:StopConfigurationRecorder",
      "guardduty:DeleteDetector",
      "guardduty:UpdateDetector",
      "logs:DeleteLogGroup",
      "logs:DeleteLogStream",
    ]

    resources = ["*"]
  }
}

resource "aws_iam_policy" "firebreak_evidence" {
  name   = "firebreak-evidence"
  policy = data.aws_iam_policy_document.firebreak_evidence.json
}

data "aws_iam_policy_document" "firebreak_release" {
  # iam:DeleteRolePolicy: it/stop: because
  statement {
    sid    = "ReleaseIamRole"
    effect = "Allow"

    actions = ["iam:DeleteRolePolicy"]

    resources = ["arn:aws:iam::111122223333:role/apps/web"]
  }

  # evidence in S3 outlives firebreak: no object is deleted, in whatever bucket, and no lock is passed over; governance retention cannot be shortened without the bypass, compliance retention not at all
  statement {
    sid    = "NeverDeleteObjects"
    effect = "Deny"

    actions = [
      "s3:BypassGovernanceRetention",
      "s3:DeleteObject",
      "s3:DeleteObjectVersion",
    ]

    resources = ["*"]
  }

  # a legal hold on evidence may be put, not lifted
  statement {
    sid    = "NeverLiftLegalHold"
    effect = "Deny"

    actions = ["s3:PutObjectLegalHold"]

    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "s3:object-lock-legal-hold"
      values   = ["OFF"]
    }
  }

  # who may read evidence, how long it is kept and whether it can be overwritten is set up by people
  statement {
    sid    = "NeverOpenEvidenceBuckets"
    effect = "Deny"

    actions = [
      "s3:DeleteBucket",
      "s3:DeleteBucketPolicy",
      "s3:PutBucketAcl",
      "s3:PutBucketObjectLockConfiguration",
      "s3:PutBucketPolicy",
      "s3:PutBucketPublicAccessBlock",
      "s3:PutBucketVersioning",
      "s3:PutEncryptionConfiguration",
      "s3:PutLifecycleConfiguration",
    ]

    resources = ["arn:aws:s3:::firebreak-evidence-*"]
  }

  # snapshots that firebreak has made, and the tag that says so, are evidence
  statement {
    sid    = "NeverDeleteSnapshots"
    effect = "Deny"

    actions = [
      "ec2:DeleteSnapshot",
      "ec2:DeleteTags",
      "ec2:UnlockSnapshot",
      "rds:DeleteDBClusterSnapshot",
      "rds:DeleteDBSnapshot",
      "rds:RemoveTagsFromResource",
    ]

    resources = [
      "arn:aws:ec2:*::snapshot/*",
      "arn:aws:rds:*:*:cluster-snapshot:*",
      "arn:aws:rds:*:*:snapshot:*",
    ]

    condition {
      test     = "Null"
      variable = "aws:ResourceTag/firebreak:managed"
      values   = ["false"]
    }
  }

  # what is encrypted with a key is lost with it, evidence too; a key is disabled instead
  statement {
    sid    = "NeverDestroyKeys"
    effect = "Deny"

    actions = [
      "kms:DeleteImportedKeyMaterial",
      "kms:ScheduleKeyDeletion",
    ]

    resources = ["*"]
  }

  # firebreak does not give itself rights, and does not touch the identities that break the glass; reading them, passing and assuming a role stay possible
  statement {
    sid    = "NeverChangeOwnIdentities"
    effect = "Deny"

    actions = [
      "iam:Add*",
      "iam:Attach*",
      "iam:Change*",
      "iam:Create*",
      "iam:Deactivate*",
      "iam:Delete*",
      "iam:Detach*",
      "iam:Enable*",
      "iam:Put*",
      "iam:Remove*",
      "iam:Reset*",
      "iam:Resync*",
      "iam:Set*",
      "iam:Tag*",
      "iam:Untag*",
      "iam:Update*",
      "iam:Upload*",
    ]

    resources = [
      "arn:aws:iam::*:policy/*/firebreak-*",
      "arn:aws:iam::*:policy/firebreak-*",
      "arn:aws:iam::*:role/*/break-glass-*",
      "arn:aws:iam::*:role/*/firebreak-*",
      "arn:aws:iam::*:role/break-glass-*",
      "arn:aws:iam::*:role/firebreak-*",
      "arn:aws:iam::*:user/*/break-glass-*",
      "arn:aws:iam::*:user/*/firebreak-*",
      "arn:aws:iam::*:user/break-glass-*",
      "arn:aws:iam::*:user/firebreak-*",
    ]
  }

  # the record of what happened, firebreak's own doings included, is not firebreak's to stop
  statement {
    sid    = "NeverSwitchOffTheRecord"
    effect = "Deny"

    actions = [
      "cloudtrail:DeleteEventDataStore",
      "cloudtrail:DeleteTrail",
      "cloudtrail:PutEventSelectors",
      "cloudtrail:StopEventDataStoreIngestion",
      "cloudtrail:StopLogging",
      "cloudtrail:UpdateEventDataStore",
      "cloudtrail:UpdateTrail",
      "config:DeleteConfigurationRecorder",
      "config:DeleteDeliveryChannel",
      "config:StopConfigurationRecorder",
      "guardduty:DeleteDetector",
      "guardduty:UpdateDetector",
      "logs:DeleteLogGroup",
      "logs:DeleteLogStream",
    ]

    resources = ["*"]
  }
}

resource "aws_iam_policy" "firebreak_release" {
  name   = "firebreak-release"
  policy = data.aws_iam_policy_document.firebreak_release.json
}
