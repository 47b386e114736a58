# A session is refused when it does not say for whom it is: sts:SourceIdentity must be there, and stays in CloudTrail.
# Let the role live for an hour at most, and put it into every account that an environment names.

data "aws_iam_policy_document" "firebreak_preflight_trust" {
  statement {
    sid    = "AssumeForSomebody"
    effect = "Allow"

    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["acme-1"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhom"
    effect = "Allow"

    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhat"
    effect = "Allow"

    actions = ["sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["incident", "run", "step"]
    }
  }
}

resource "aws_iam_role" "firebreak_preflight" {
  name                 = "firebreak-preflight"
  assume_role_policy   = data.aws_iam_policy_document.firebreak_preflight_trust.json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "firebreak_contain_trust" {
  statement {
    sid    = "AssumeForSomebody"
    effect = "Allow"

    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["acme-1"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhom"
    effect = "Allow"

    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhat"
    effect = "Allow"

    actions = ["sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["incident", "run", "step"]
    }
  }
}

resource "aws_iam_role" "firebreak_contain" {
  name                 = "firebreak-contain"
  assume_role_policy   = data.aws_iam_policy_document.firebreak_contain_trust.json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "firebreak_evidence_trust" {
  statement {
    sid    = "AssumeForSomebody"
    effect = "Allow"

    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["acme-1"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhom"
    effect = "Allow"

    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhat"
    effect = "Allow"

    actions = ["sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["incident", "run", "step"]
    }
  }
}

resource "aws_iam_role" "firebreak_evidence" {
  name                 = "firebreak-evidence"
  assume_role_policy   = data.aws_iam_policy_document.firebreak_evidence_trust.json
  max_session_duration = 3600
}

data "aws_iam_policy_document" "firebreak_release_trust" {
  statement {
    sid    = "AssumeForSomebody"
    effect = "Allow"

    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringEquals"
      variable = "sts:ExternalId"
      values   = ["acme-1"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhom"
    effect = "Allow"

    actions = ["sts:SetSourceIdentity"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "StringLike"
      variable = "sts:SourceIdentity"
      values   = ["*"]
    }
  }

  statement {
    sid    = "SayForWhat"
    effect = "Allow"

    actions = ["sts:TagSession"]

    principals {
      type        = "AWS"
      identifiers = ["arn:aws:iam::999988887777:role/firebreak-engine"]
    }

    condition {
      test     = "ForAllValues:StringEquals"
      variable = "aws:TagKeys"
      values   = ["incident", "run", "step"]
    }
  }
}

resource "aws_iam_role" "firebreak_release" {
  name                 = "firebreak-release"
  assume_role_policy   = data.aws_iam_policy_document.firebreak_release_trust.json
  max_session_duration = 3600
}
