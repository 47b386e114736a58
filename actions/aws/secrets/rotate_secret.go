package secrets

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

type rotateSecret struct{ cloud *cloud.Cloud }

type rotateSecretParams struct {
	Secret        string            `json:"secret" doc:"name or ARN of the secret" example:"prod/payments/db" pattern:"^[A-Za-z0-9/_+=.@:!-]{1,900}$" subject:"true"`
	Strategy      string            `json:"strategy" doc:"who sets the new value: lambda (the secret's rotation function), managed (the service that owns it), direct (firebreak has a value made, and setter sets it)" enum:"lambda,managed,direct"`
	Double        bool              `json:"double,omitempty" doc:"rotate twice, for alternating users: one rotation leaves the leaked password working; only for lambda"`
	ConsumerCheck string            `json:"consumer_check,omitempty" doc:"name or ARN of a function that tries both values at the target: it gets {secret_id, new, old} with version ids and answers {\"new\": \"works\" or \"refused\", \"old\": \"works\" or \"refused\"}; without it nothing proves that the old value is refused" example:"payments-db-check" pattern:"^[A-Za-z0-9_:-]{0,256}$"`
	OldMayWork    bool              `json:"old_may_work,omitempty" doc:"be satisfied although the old value may still work: for routine rotation in stages, or for a leak whose old value a later step tries; without it a consumer_check is needed"`
	Setter        string            `json:"setter,omitempty" doc:"for direct: name or ARN of a function that sets and tests a version's value at the target; it gets {Step, SecretId, ClientRequestToken} as rotation functions do, with Step setSecret, then testSecret, and must be safe to repeat" example:"payments-db-set" pattern:"^[A-Za-z0-9_:-]{0,256}$"`
	Length        int               `json:"length,omitempty" doc:"for direct: characters of the new value, 12 to 4096" default:"32"`
	Exclude       string            `json:"exclude,omitempty" doc:"for direct: characters that the target cannot take" default:"/@\"'\\"`
	JSONKey       string            `json:"json_key,omitempty" doc:"for direct: the value is a JSON object, and the new password goes under this name" example:"password"`
	JSONFields    map[string]string `json:"json_fields,omitempty" doc:"for direct, with json_key: the other members of that object, none of them secret"`
}

type rotateSecretResult struct {
	ARN           string `json:"arn" doc:"ARN of the secret"`
	OldVersion    string `json:"old_version" doc:"id of the version that was current before"`
	NewVersion    string `json:"new_version" doc:"id of the version that becomes current"`
	Between       string `json:"between_version" doc:"id of the version of the first of two rotations; empty if there is one"`
	OldValueTried bool   `json:"old_value_tried" doc:"whether the proof tries the old value at the consumer; false: nothing here shows that it is refused"`
}

// rotateState is what Plan captures: the secret as it was.
type rotateState struct {
	Secret secret `json:"secret"`
}

// The strategies.
const (
	byLambda = "lambda"
	byOwner  = "managed"
	byHand   = "direct"
)

const (
	opRotate         = "aws.secretsmanager.rotate_secret"
	functionResource = "arn:{partition}:lambda:{region}:{account}:function:"
)

func (rotateSecret) Spec() actions.Spec {
	row := func(phase actions.Phase, action, resource, why string) actions.Permission {
		return actions.Permission{Phase: phase, Action: action, Resource: resource, Why: why}
	}
	forKey := func(action string) actions.Permission {
		return actions.Permission{Phase: actions.PhaseExecute, Action: action, Resource: "arn:{partition}:kms:{region}:{account}:key/{kms_key}",
			Conditions: actions.Conditions{"StringLike": {"kms:ViaService": {"secretsmanager.*.amazonaws.com"}}}, Why: "direct: encrypt the new value, when the secret has a key of its own"}
	}
	const describe, stage, invoke, configuration = "secretsmanager:DescribeSecret", "secretsmanager:UpdateSecretVersionStage", "lambda:InvokeFunction", "lambda:GetFunctionConfiguration"
	return actions.Spec{
		Name: opRotate, Version: 1,
		Title:  "Replace the value of a secret",
		Doc:    "Rotates a secret and proves that the new version is current, and, with consumer_check, that the new value works at the target and the old one is refused. A rotation that is stuck is found before anything changes. Values never pass through firebreak, but for direct, where a new one is made by AWS and handed straight back.",
		Effect: actions.Destructive, Repeat: actions.Keyed,
		BlastRadius: "Every consumer of the secret has to fetch the new value. Those that cache it, or read a copy in another region, fail until they do.",
		StaysAlive: []string{
			"Without consumer_check nobody tried the old value: only the labels are proved. Let the next step try it, by http.get or exec.read with an expected failure.",
			"With alternating users the old password works until the second rotation: use double.",
			"Connections and sessions that were opened with the old value, until the target closes them.",
			"The old version can still be read by its id for a while by whoever may read the secret.",
			"Copies of the value that somebody made elsewhere, if the target accepts them.",
		},
		Permissions: []actions.Permission{
			row(actions.PhasePlan, describe, secretResource, "read versions and rotation, and find a stuck rotation"),
			row(actions.PhasePlan, configuration, functionResource+"{rotation_function}", "see that the rotation function is there"),
			row(actions.PhasePlan, configuration, functionResource+"{setter}", "direct: see that the setter is there"),
			row(actions.PhasePlan, configuration, functionResource+"{consumer_check}", "see that the check is there"),
			row(actions.PhaseExecute, describe, secretResource, "see what an earlier attempt has done, and wait for the first of two rotations"),
			row(actions.PhaseExecute, "secretsmanager:RotateSecret", secretResource, "start the rotation"),
			row(actions.PhaseExecute, invoke, functionResource+"{rotation_function}", "AWS asks whoever starts a rotation for it"),
			row(actions.PhaseExecute, "secretsmanager:GetRandomPassword", "*", "direct: have a new value made"),
			row(actions.PhaseExecute, "secretsmanager:PutSecretValue", secretResource, "direct: store the new value as pending"),
			forKey("kms:GenerateDataKey"), forKey("kms:Decrypt"),
			row(actions.PhaseExecute, invoke, functionResource+"{setter}", "direct: have the new value set and tested"),
			row(actions.PhaseExecute, stage, secretResource, "direct: make the new version current"),
			row(actions.PhaseVerify, describe, secretResource, "read which version is current"),
			row(actions.PhaseVerify, invoke, functionResource+"{consumer_check}", "have both values tried at the target"),
			row(actions.PhaseUndo, describe, secretResource, "see whether the secret is still as we left it"),
			row(actions.PhaseUndo, invoke, functionResource+"{consumer_check}", "ask whether the target still accepts the old value"),
			row(actions.PhaseUndo, invoke, functionResource+"{setter}", "direct: have the old value set again"),
			row(actions.PhaseUndo, stage, secretResource, "make the old version current again"),
		},
		Timeout: 5 * time.Minute, Settle: 15 * time.Second,
	}
}

// check says what is wrong with the parameters taken together.
func (p rotateSecretParams) check() error {
	wrong := func(hint, format string, args ...any) error {
		return &actions.Error{Class: actions.Invalid, Op: opRotate, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	_, twice := p.JSONFields[p.JSONKey]
	switch {
	case p.Double && p.Strategy != byLambda:
		return wrong("leave it out, or use strategy lambda", "double is for rotation functions with alternating users, not for strategy %s", p.Strategy)
	case p.Strategy != byHand && (p.Setter != "" || p.JSONKey != "" || len(p.JSONFields) > 0):
		return wrong("leave them out, or use strategy direct", "setter, json_key and json_fields are for strategy direct, not for %s", p.Strategy)
	case p.Strategy == byHand && p.Setter == "":
		return wrong("name the function that sets the value at the target", "strategy direct needs a setter: a new value that the target does not know would stop every consumer")
	case p.Strategy == byHand && (p.Length < 12 || p.Length > 4096):
		return wrong("32 is a good length", "length is %d, and must be 12 to 4096", p.Length)
	case len(p.JSONFields) > 0 && p.JSONKey == "":
		return wrong("name the member that is the password", "json_fields need a json_key")
	case twice && p.JSONKey != "":
		return wrong("take it out of json_fields", "json_fields hold %q, which is the json_key", p.JSONKey)
	case p.OldMayWork && p.Double && p.ConsumerCheck != "":
		return wrong("leave one of them out", "double is there to make the old value fail, and old_may_work says that it need not")
	case !p.OldMayWork && p.ConsumerCheck == "":
		return wrong("name the function that tries both values, or say old_may_work: true and try the old value in a later step", "without a consumer_check nothing shows that the old value is refused")
	}
	return nil
}

func (a rotateSecret) Plan(ctx context.Context, call actions.Call, p rotateSecretParams) (actions.Preview, error) {
	var preview actions.Preview
	if err := p.check(); err != nil {
		return preview, err
	}
	c, err := open(ctx, a.cloud, call, "secretsmanager", p.Secret)
	if err != nil {
		return preview, err
	}
	s, err := c.describe(ctx, p.Secret)
	if err != nil {
		return preview, err
	}
	if err := s.rotatable(p); err != nil {
		return preview, err
	}
	for _, function := range []string{s.functionFor(p), p.Setter, p.ConsumerCheck} {
		if function == "" {
			continue
		}
		if _, err := c.functionRole(ctx, function); err != nil {
			return preview, about(fmt.Sprintf("%s: look at function %q, without which this cannot be done", opRotate, function), err)
		}
	}
	return a.preview(p, s)
}

func (rotateSecret) preview(p rotateSecretParams, s *secret) (actions.Preview, error) {
	preview := actions.Preview{Targets: []actions.Target{s.target()}, Calls: []string{"secretsmanager:RotateSecret"}}
	current := s.holder(labelCurrent)
	switch p.Strategy {
	case byLambda:
		preview.Changes = []string{fmt.Sprintf("Secret %s gets a new value from its function %s; version %s is no longer current.", s.Name, s.Function, current)}
	case byOwner:
		preview.Changes = []string{fmt.Sprintf("Secret %s gets a new value from %s, which manages it; version %s is no longer current.", s.Name, s.Owner, current)}
	default:
		preview.Changes = []string{
			fmt.Sprintf("A new value of %d characters is made and stored as a pending version of secret %s.", p.Length, s.Name),
			fmt.Sprintf("Function %s sets it at the target and tests it.", p.Setter),
			fmt.Sprintf("The new version becomes current; version %s is no longer.", current),
		}
		preview.Calls = []string{"secretsmanager:GetRandomPassword", "secretsmanager:PutSecretValue", "lambda:InvokeFunction", "secretsmanager:UpdateSecretVersionStage"}
	}
	if p.Double {
		preview.Changes = append(preview.Changes, "When that is done it is rotated once more, so that the user of the old value gets a new password too.")
	}
	if p.ConsumerCheck == "" {
		preview.Warnings = append(preview.Warnings, "Nothing tries the old value: only labels will be proved. Let the next step try it and expect it to fail.")
	} else if p.OldMayWork {
		preview.Warnings = append(preview.Warnings, "The step is satisfied although the old value still works (old_may_work).")
	}
	if p.Strategy == byLambda && !p.Double && (!p.OldMayWork || p.ConsumerCheck == "") {
		preview.Warnings = append(preview.Warnings, "If the function alternates between two users, the old password still works after one rotation: use double.")
	}
	if len(s.ReplicasIn) > 0 {
		preview.Warnings = append(preview.Warnings, fmt.Sprintf("Copies in %v follow a moment later.", s.ReplicasIn))
	}
	preview.NoUndo = p.noUndo()
	return preview, preview.Capture(rotateState{*s})
}

// noUndo says why a rotation with these parameters can never be taken back;
// empty when it depends on the target, or can.
func (p rotateSecretParams) noUndo() string {
	switch {
	case p.Strategy == byHand:
		return ""
	case p.Double:
		return "two rotations leave no way to the old value, and that is their purpose; to get away from the new value, rotate again"
	case p.Strategy == byOwner:
		return "only the service that owns the secret sets its value; to get away from the new value, rotate again"
	case p.ConsumerCheck == "":
		return "nobody can say whether the target still accepts the old value, and moving a label alone would make secret and target disagree; to get away from the new value, rotate again"
	}
	return ""
}

// functionFor is the rotation function that the strategy uses.
func (s *secret) functionFor(p rotateSecretParams) string {
	if p.Strategy == byLambda {
		return s.Function
	}
	return ""
}

// rotatable says why the secret cannot be rotated in this way, or nil.
func (s *secret) rotatable(p rotateSecretParams) error {
	if err := s.changeable(opRotate); err != nil {
		return err
	}
	switch own := s.strategy(); {
	case s.holder(labelCurrent) == "":
		return precondition(opRotate, "give it a value first", "secret %q has no current version", s.Name)
	case p.Strategy != own:
		return precondition(opRotate, "use strategy "+own, "secret %q cannot be rotated by strategy %s: %s", s.Name, p.Strategy, s.why())
	case p.Strategy == byLambda && !s.Rotates:
		return precondition(opRotate, "switch rotation on, or see who switched it off", "rotation of secret %q is switched off", s.Name)
	}
	return s.notStuck(opRotate)
}

func (s *secret) why() string {
	switch s.strategy() {
	case byLambda:
		return "it has the rotation function " + s.Function
	case byOwner:
		return s.Owner + " manages it"
	}
	return "it has no rotation function, and no service manages it"
}

// notStuck refuses a secret with a rotation that runs or has failed.
func (s *secret) notStuck(op string, ours ...string) error {
	stuck := s.stuck()
	if stuck == "" || slices.Contains(ours, stuck) {
		return nil
	}
	return precondition(op, fmt.Sprintf("wait if a rotation is running; if it has failed, find out which value the target has, then use aws.secretsmanager.clear_pending with version_id %s", stuck),
		"rotation_stuck: version %s of secret %q carries AWSPENDING and is not current, so AWS refuses every other rotation", stuck, s.Name)
}

// tokens are the ids of the versions that this step makes.
func (p rotateSecretParams) tokens(key actions.Key) []string {
	tokens := []string{cloud.Token(key, "rotate", "1")}
	if p.Double {
		tokens = append(tokens, cloud.Token(key, "rotate", "2"))
	}
	return tokens
}

func (a rotateSecret) Execute(ctx context.Context, call actions.Call, p rotateSecretParams) (rotateSecretResult, error) {
	c, state, err := a.resume(ctx, call, p)
	if err != nil {
		return rotateSecretResult{}, err
	}
	before, tokens := &state.Secret, p.tokens(call.Key)
	r := rotateSecretResult{ARN: before.ARN, OldVersion: before.holder(labelCurrent), NewVersion: tokens[len(tokens)-1], OldValueTried: p.ConsumerCheck != ""}
	if p.Double {
		r.Between = tokens[0]
	}
	now, err := c.describe(ctx, before.ARN)
	if err != nil {
		return r, err
	}
	if err := before.unchanged(now, tokens); err != nil {
		return r, err
	}
	if p.Strategy == byHand {
		return r, c.setDirectly(ctx, p, now, r.OldVersion, r.NewVersion)
	}
	for i, token := range tokens {
		done := ""
		if i > 0 {
			if now, err = a.wait(ctx, c, now, tokens[0], token); err != nil {
				return r, err
			}
			done = "the first of two rotations is done"
		}
		if now.has(token) || now.holder(labelCurrent) == r.NewVersion {
			continue
		}
		if _, err := cloud.Do(ctx, c.Conn, cloud.Writes, "secretsmanager:RotateSecret", c.secrets.RotateSecret,
			&secretsmanager.RotateSecretInput{SecretId: &before.ARN, ClientRequestToken: &token}); err != nil {
			return r, cloud.Partly(opRotate, done, err)
		}
	}
	return r, nil
}

// unchanged compares the secret with what was planned; versions of this step are
// its own.
func (s *secret) unchanged(now *secret, tokens []string) error {
	if err := now.changeable(opRotate); err != nil {
		return err
	}
	current := now.holder(labelCurrent)
	switch {
	case current != s.holder(labelCurrent) && !slices.Contains(tokens, current):
		return precondition(opRotate, "somebody else has rotated it; plan the step again", "%s of secret %q is current; when this was planned it was %s", orNone(current), s.Name, s.holder(labelCurrent))
	case now.Function != s.Function || now.Owner != s.Owner:
		return precondition(opRotate, "see who changed it; plan the step again", "secret %q is not rotated as it was when this was planned: now %s", s.Name, now.why())
	}
	return now.notStuck(opRotate, tokens...)
}

// wait reads the secret until the first rotation is done, or the second begun.
func (a rotateSecret) wait(ctx context.Context, c *conn, s *secret, first, second string) (*secret, error) {
	pause := a.cloud.Settle()
	if pause <= 0 {
		pause = 2 * time.Second
	}
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		now, err := c.describe(ctx, s.ARN)
		switch {
		case err != nil && actions.ClassOf(err) != actions.Transient && actions.ClassOf(err) != actions.Throttled:
			return nil, cloud.Partly(opRotate, "the first of two rotations was started", err)
		case err == nil && (now.has(second) || now.holder(labelCurrent) == first):
			return now, nil
		case err == nil && !now.has(first):
			return nil, &actions.Error{Class: actions.Unknown, Op: opRotate, Err: fmt.Errorf("version %s of the first of two rotations has lost its labels: %s", first, now.labels()), Hint: "see who else works on the secret"}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, &actions.Error{Class: actions.Unknown, Op: opRotate, Err: fmt.Errorf("the first of two rotations was started and is not done: %w", context.Cause(ctx)),
				Hint: "look at the log of " + s.Function + "; a repeated attempt goes on from there"}
		}
	}
}

// resume loads what Plan captured and opens the session.
func (a rotateSecret) resume(ctx context.Context, call actions.Call, p rotateSecretParams) (*conn, rotateState, error) {
	var state rotateState
	if err := call.LoadState(&state); err != nil {
		return nil, state, err
	}
	if (p.Secret != state.Secret.Name && p.Secret != state.Secret.ARN) || state.Secret.holder(labelCurrent) == "" {
		return nil, state, actions.WrongState("it is of another secret")
	}
	if err := p.check(); err != nil {
		return nil, state, err
	}
	c, err := open(ctx, a.cloud, call, "secretsmanager", state.Secret.ARN)
	return c, state, err
}
