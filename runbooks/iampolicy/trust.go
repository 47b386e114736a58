package iampolicy

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Trust is what lets firebreak's own identity assume the role of each phase.
type Trust struct {
	Engine     string // ARN of the role or user that firebreak runs as
	ExternalID string // empty: none is asked for
	Phases     []Phase
}

var engineForm = regexp.MustCompile(`^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[A-Za-z0-9+=,.@_/-]+$`)
var externalForm = regexp.MustCompile(`^[A-Za-z0-9_+=,.@:/-]+$`)

// Check says what is wrong with it.
func (t Trust) Check() error {
	if !engineForm.MatchString(t.Engine) {
		return fmt.Errorf("%q is not the ARN of a role or user; write it like arn:aws:iam::111122223333:role/firebreak-engine", t.Engine)
	}
	if n := len(t.ExternalID); n > 0 && (n < 2 || n > 1224 || !externalForm.MatchString(t.ExternalID)) {
		return fmt.Errorf("%q cannot be an external id; it has 2 to 1224 letters, digits and _+=,.@:/-", t.ExternalID)
	}
	return nil
}

// Document is the trust policy, the same for each phase. Each of the three
// rights has a statement of its own, because a condition on a key that only one
// of them knows would never hold for the others.
func (t Trust) Document() Document {
	by := map[string][]string{"AWS": {t.Engine}}
	assume := actions.Conditions{"StringLike": {"sts:SourceIdentity": {"*"}}}
	if t.ExternalID != "" {
		assume["StringEquals"] = map[string][]string{"sts:ExternalId": {t.ExternalID}}
	}
	return Document{version, []Statement{
		{Sid: "AssumeForSomebody", Effect: "Allow", Principal: by, Action: []string{"sts:AssumeRole"}, Condition: assume},
		{Sid: "SayForWhom", Effect: "Allow", Principal: by, Action: []string{"sts:SetSourceIdentity"}, Condition: actions.Conditions{"StringLike": {"sts:SourceIdentity": {"*"}}}},
		{Sid: "SayForWhat", Effect: "Allow", Principal: by, Action: []string{"sts:TagSession"},
			Condition: actions.Conditions{"ForAllValues:StringEquals": {"aws:TagKeys": {"incident", "run", "step"}}}},
	}}
}

// Notes are what a person has to know about it.
func (t Trust) Notes() []string {
	notes := []string{
		"A session is refused when it does not say for whom it is: sts:SourceIdentity must be there, and stays in CloudTrail.",
		"Let the role live for an hour at most, and put it into every account that an environment names.",
	}
	if t.ExternalID == "" {
		notes = append(notes, "No external id is asked for: give --external-id, and the same as external_id of the environment.")
	}
	return notes
}

func (t Trust) documents() []namedDocument {
	phases := t.Phases
	if len(phases) == 0 {
		phases = Phases()
	}
	var list []namedDocument
	for _, phase := range phases {
		list = append(list, namedDocument{string(phase), phase, t.Document()})
	}
	return list
}

// JSON gives the trust policy of each phase, as [Set.JSON] does.
func (t Trust) JSON() []byte { return objects(t.documents()) }

// Terraform gives a role with its trust policy for each phase.
func (t Trust) Terraform() []byte {
	var h hcl
	for _, note := range t.Notes() {
		h.line(0, "# "+plain(note))
	}
	for _, d := range t.documents() {
		label := "firebreak_" + d.name + "_trust"
		h.line(0, "")
		h.open(0, `data "aws_iam_policy_document" `+quoted(label))
		for i, st := range d.document.Statement {
			if i > 0 {
				h.line(0, "")
			}
			h.statement(st)
		}
		h.line(0, "}")
		h.line(0, "")
		h.open(0, `resource "aws_iam_role" `+quoted("firebreak_"+d.name))
		h.pairs(1, "name", quoted("firebreak-"+d.name), "assume_role_policy", "data.aws_iam_policy_document."+label+".json", "max_session_duration", "3600")
		h.line(0, "}")
	}
	return []byte(strings.TrimLeft(h.String(), "\n"))
}
