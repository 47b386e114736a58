package timeline

import (
	"cmp"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/engine"
)

// ocsfClass is a class of events of the OCSF schema.
type ocsfClass struct {
	uid          int
	name         string
	category     int
	categoryName string
}

// The classes that are used. User access is 3005 up to version 1.8 of the
// schema and 3007 from 1.9 on, where the first is deprecated.
var (
	classBase        = ocsfClass{0, "Base Event", 0, "Uncategorized"}
	classFinding     = ocsfClass{2005, "Incident Finding", 2, "Findings"}
	classAccess      = ocsfClass{3005, "User Access Management", 3, "Identity & Access Management"}
	classUser        = ocsfClass{3007, "User Management", 3, "Identity & Access Management"}
	classAPI         = ocsfClass{6003, "API Activity", 6, "Application Activity"}
	classRemediation = ocsfClass{7001, "Remediation Activity", 7, "Remediation"}
)

// Activities and statuses that stand in every class, and those of a finding.
const (
	activityOther = 99
	statusUnknown = 0
	statusSuccess = 1
	statusFailure = 2
	statusOther   = 99
	findingCreate = 1
	findingUpdate = 2
	findingClose  = 3
)

var (
	findingNames  = map[int]string{findingCreate: "Create", findingUpdate: "Update", findingClose: "Close"}
	severityNames = map[int]string{0: "Unknown", 1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
)

// findingActivity is what a row says of the incident as a whole; 0: nothing.
func findingActivity(row *Row) int {
	switch row.Type {
	case string(engine.Declared{}.Kind()):
		return findingCreate
	case string(engine.Resolved{}.Kind()), string(engine.DrillEnded{}.Kind()):
		return findingClose
	case string(engine.Noted{}.Kind()), string(engine.RunStarted{}.Kind()), string(engine.RunEnded{}.Kind()), string(engine.StepHeld{}.Kind()),
		string(engine.ContainmentDue{}.Kind()), string(engine.CorrectiveAdded{}.Kind()), string(engine.CorrectiveClosed{}.Kind()), string(engine.KeyTimeSet{}.Kind()):
		return findingUpdate
	}
	return 0
}

// incidentSeverity is the severity of an incident, 1 (worst) to 4, on the
// schema's scale.
func incidentSeverity(severity int) int {
	if severity < 1 || severity > 4 {
		return 0
	}
	return 6 - severity // 5 critical to 2 low
}

// rowSeverity is that of a single fact.
func rowSeverity(row *Row) int {
	switch row.Outcome {
	case outcomeBroken, GlassNotJustified:
		return 4
	case outcomeOverdue, OutcomeFailed, OutcomeDoubt, "held", "late", string(actions.NotVerified), string(actions.CannotVerify):
		return 3
	case "refused", "denied", string(engine.ApprovalExpired), string(engine.ApprovalVoided):
		return 2
	}
	return 1
}

// access says what the revocation of somebody's access is called in either
// version of the schema, and what its undo is.
type access struct{ eight, eightUndo, nine, nineUndo int }

// Activities of 3005 and 3007.
var (
	revokes  = access{2, 1, 15, 14} // privileges
	removes  = access{4, 3, 17, 16} // a role
	disables = access{2, 1, 5, 4}   // the whole user
)

var accessNames = map[int]map[int]string{
	3005: {1: "Assign Privileges", 2: "Revoke Privileges", 3: "Assign Role", 4: "Remove Role"},
	3007: {4: "Enable", 5: "Disable", 14: "Assign Privileges", 15: "Remove Privileges", 16: "Assign Roles", 17: "Remove Roles"},
}

// accessActions are the actions that take access from a user or a role.
var accessActions = map[string]access{
	"aws.iam.deactivate_access_key":  revokes,
	"aws.iam.delete_access_key":      revokes,
	"aws.iam.disable_user":           disables,
	"aws.iam.lock_role_trust":        revokes,
	"aws.iam.quarantine_principal":   revokes,
	"aws.iam.revoke_sessions":        revokes,
	"aws.iam.rotate_access_key":      revokes,
	"aws.identitycenter.revoke_user": revokes,
	"aws.kms.revoke_grant":           revokes,
	"aws.ec2.revoke_instance_role":   removes,
	"github.revoke_credential":       revokes,
	"okta.suspend_user":              disables,
}

// Activities of 7001.
const (
	isolate = 1
	evict   = 2
	restore = 3
	harden  = 4
)

var remediationNames = map[int]string{isolate: "Isolate", evict: "Evict", restore: "Restore", harden: "Harden"}

// remediations are the other actions that contain: what each of them does to an
// attacker. An undo restores, and that of a restoration isolates again.
var remediations = map[string]int{
	"aws.autoscaling.detach_instance":    isolate,
	"aws.cloudtrail.ensure_logging":      harden,
	"aws.ec2.isolate_instance":           isolate,
	"aws.ec2.isolate_subnet":             isolate,
	"aws.ec2.protect_instance":           harden,
	"aws.ec2.restore_instance":           restore,
	"aws.ec2.stop_instance":              evict,
	"aws.elbv2.deregister_targets":       isolate,
	"aws.kms.disable_key":                isolate,
	"aws.lambda.quarantine_function":     isolate,
	"aws.organizations.quarantine":       isolate,
	"aws.rds.isolate":                    isolate,
	"aws.s3.block_account_public_access": harden,
	"aws.s3.block_public_access":         harden,
	"aws.s3.lock_bucket":                 isolate,
	"aws.secretsmanager.block_reads":     isolate,
	"aws.secretsmanager.clear_pending":   restore,
	"aws.secretsmanager.rotate_secret":   harden,
}

// effect makes it an event of what an action did. A taking of access without a
// known target has nobody to name, and is told as the call that it is.
func (c *ocsf) effect(e *ocsfEvent, row *Row) {
	done := c.actions[stepKey{row.Run, row.Step}]
	action := done.action
	e.Unmapped.Action = action
	undo := strings.Contains(row.Step, undoMark)
	how, takes := accessActions[action]
	activity, contains := remediations[action]
	switch {
	case takes && len(row.Targets) > 0:
		class, id := classAccess, how.eight
		if undo {
			id = how.eightUndo
		}
		if c.nine() {
			class, id = classUser, how.nine
			if undo {
				id = how.nineUndo
			}
		}
		e.be(class, id, accessNames[class.uid][id])
		t := row.Targets[0]
		e.User = &ocsfUser{UID: cmp.Or(Visible(t.ID), "unknown"), Name: cmp.Or(Visible(t.ID), "unknown"), Type: Visible(t.Type)}
		e.Actor, e.Resources = actorOfRow(row), resources(row.Targets)
	case contains:
		switch {
		case undo && activity == restore:
			activity = isolate
		case undo:
			activity = restore
		}
		e.be(classRemediation, activity, remediationNames[activity])
		e.CommandUID = commandUID(c.incident, row)
	default:
		id, name := 3, "Update"
		if done.effect == string(actions.Read) {
			id, name = 2, "Read"
		}
		e.be(classAPI, id, name)
		e.Actor, e.API, e.Source = actorOfRow(row), &ocsfAPI{Operation: cmp.Or(action, "unknown")}, &ocsfEndpoint{Name: "firebreak"}
		e.Resources = resources(row.Targets)
	}
	e.StatusID, e.Status = effectStatus(row, e.ClassUID == classRemediation.uid)
	e.StatusDetail = clip(Visible(row.Details["class"]), maxField)
}

// effectStatus is how a row says that an effect stands. Remediation has more
// words for it than the other classes.
func effectStatus(row *Row, remediation bool) (id int, name string) {
	switch row.Outcome {
	case OutcomeDone, string(actions.Verified), string(actions.Applied):
		return statusSuccess, "Success"
	case OutcomeFailed, string(actions.NotVerified), string(actions.NotApplied):
		switch class := row.Details["class"]; {
		case remediation && class == string(actions.NotFound):
			return 3, "Does Not Exist"
		case remediation && class == string(actions.Invalid):
			return 5, "Unsupported"
		case remediation && row.Outcome == string(actions.NotVerified):
			return 6, "Error" // it said that it worked, and it did not
		}
		return statusFailure, "Failure"
	case "started":
		return statusOther, "Started"
	case "late":
		return statusOther, "Late"
	case string(actions.Pending):
		return statusOther, "Pending"
	}
	return statusUnknown, "Unknown"
}

// commandUID names an attempt of a step.
func commandUID(i Incident, row *Row) string {
	return strings.Join([]string{i.ID, row.Run, row.Step, cmp.Or(digits(int64(row.Attempt)), "0")}, "/")
}

func actorOfRow(row *Row) *ocsfActor {
	a := row.Actor
	switch {
	case a.Type == string(engine.Person) && a.ID != "":
		return &ocsfActor{User: &ocsfUser{UID: a.ID, Name: cmp.Or(a.Name, a.ID)}}
	case a.Type == string(engine.Stranger):
		return &ocsfActor{User: &ocsfUser{Name: a.Who()}}
	}
	return &ocsfActor{App: "firebreak"}
}

func resources(targets []actions.Target) []ocsfResource {
	list := make([]ocsfResource, len(targets))
	for n, t := range targets {
		list[n] = ocsfResource{UID: cmp.Or(Visible(t.ID), "unknown"), Type: Visible(t.Type), Region: Visible(t.Region)}
	}
	return list
}
