package ec2_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

const (
	forensic    = "210987654321"
	forensicKey = "arn:aws:kms:us-east-1:210987654321:key/11111111-2222-3333-4444-555555555555"
)

// withForensics adds the environment of the forensic account.
func withForensics(w *awstest.World) func(*cloud.Environment, *cloud.Options) {
	return func(_ *cloud.Environment, o *cloud.Options) {
		o.Environments = map[string]cloud.Environment{"forensics": {Account: forensic, Region: awstest.Region, Endpoint: w.Proxy.URL, Role: "arn:aws:iam::" + forensic + ":role/firebreak-evidence"}}
	}
}

// disks gives two snapshots of an instance's volumes: one plain, one under the key.
func disks(t *testing.T, w *awstest.World, key string) (plain, encrypted string) {
	id := machine(t, w)
	return w.SnapshotOf(t, w.Volumes(t, id)[0]), w.SnapshotOf(t, w.AttachEncrypted(t, id, "/dev/sdz", key))
}

func evidenceKey(t *testing.T, w *awstest.World) string {
	out, err := kms.NewFromConfig(w.Config).CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.KeyMetadata.Arn)
}

func TestShareSnapshots(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Run("suite", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.share_snapshots",
			Errors: map[string]actions.Class{"denied": actions.Denied, "broken after the effect": actions.Unknown},
			World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				plain, _ := disks(t, w, otherKey)
				w.Share(t, plain, "999999999999", true)
				return actionstest.World{Registry: registryOf(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{"snapshot_ids": []any{plain}, "account": forensic},
					Disturb:    func(t *testing.T) { w.Share(t, plain, forensic, false) },
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("ec2:ModifySnapshotAttribute", awstest.EveryAttempt) },
					Fault:      copyFaults(w, "ec2:ModifySnapshotAttribute")}
			}})
	})
	t.Run("refused", func(t *testing.T) { sharingIsRefused(t, moto.World(t)) })
	t.Run("a copy that is shared is usable", func(t *testing.T) { copyIsUsable(t, moto.World(t)) })
	t.Run("custody", func(t *testing.T) { custody(t, moto.World(t)) })
}

func sharingIsRefused(t *testing.T, w *awstest.World) {
	plain, _ := disks(t, w, otherKey)
	h := awstest.Handler(t, registryOf(w, withForensics(w)), "aws.ec2.share_snapshots")
	ids := []any{plain}
	for _, test := range []struct {
		with  map[string]any
		class actions.Class
		says  string
	}{
		{map[string]any{"snapshot_ids": ids}, actions.Invalid, "with whom"},
		{map[string]any{"snapshot_ids": []any{}, "account": forensic}, actions.Invalid, "no snapshot"},
		{map[string]any{"snapshot_ids": []any{plain, plain}, "account": forensic}, actions.Invalid, "write each id once"},
		{map[string]any{"snapshot_ids": ids, "account": w.Account}, actions.Precondition, "owns the snapshots itself"},
		{map[string]any{"snapshot_ids": ids, "copy_to": "forensics"}, actions.Invalid, "need a key"},
		{map[string]any{"snapshot_ids": ids, "account": forensic, "copy_key": forensicKey}, actions.Invalid, "nobody is asked"},
		{map[string]any{"snapshot_ids": ids, "copy_to": "nowhere", "copy_key": forensicKey}, actions.Invalid, `"nowhere" has no AWS account`},
		{map[string]any{"snapshot_ids": ids, "copy_to": "forensics", "copy_key": forensicKey, "account": "999999999999"}, actions.Precondition, "not 999999999999"},
		{map[string]any{"snapshot_ids": []any{"snap-0123456789abcdef0"}, "account": forensic}, actions.NotFound, "InvalidSnapshot.NotFound"},
		{map[string]any{"snapshot_ids": ids, "account": "all"}, actions.Invalid, "does not match"},
	} {
		_, err := h.Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
		awstest.Fails(t, err, test.class, test.says)
	}
}

// named says the key of a snapshot, which moto does not when it took it itself.
func named(body []byte) []byte {
	return []byte(strings.Replace(string(body), "<encrypted>true</encrypted>", "<encrypted>true</encrypted><kmsKeyId>"+otherKey+"</kmsKeyId>", 1))
}

// copyIsUsable: that an account may use a copy proves nothing while the copy is
// on its way, and the contrary when it has failed.
func copyIsUsable(t *testing.T, w *awstest.World) {
	key := evidenceKey(t, w)
	_, encrypted := disks(t, w, otherKey)
	s := awstest.NewStep(t, registryOf(w), "aws.ec2.share_snapshots", map[string]any{"snapshot_ids": []any{encrypted}, "key": key, "account": forensic})
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, named)
	s.Plan().Execute().Is(actions.Verified, "may use 1 snapshots")
	for _, test := range []struct {
		from, to, says string
		want           actions.Verdict
	}{
		{">completed<", ">pending<", "copy snap-", actions.Pending},
		{">completed<", ">error<", "failed", actions.NotVerified},
		{">completed<", "><", "does not tell the state", actions.CannotVerify},
		{key, otherKey, "is under key", actions.NotVerified},
	} {
		w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), test.from, test.to)) })
		s.Is(test.want, test.says)
	}
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func([]byte) []byte { return []byte("<DescribeSnapshotsResponse></DescribeSnapshotsResponse>") })
	s.Is(actions.CannotVerify, "proves nothing")
}

// custody takes an encrypted snapshot all the way: a copy under the evidence
// key, shared, copied by the forensic account under its own key; with every
// answer of a copy lost once.
func custody(t *testing.T, w *awstest.World) {
	w.CopiesAcross(t, forensic)
	key := evidenceKey(t, w)
	_, encrypted := disks(t, w, otherKey)
	s := awstest.NewStep(t, registryOf(w, withForensics(w)), "aws.ec2.share_snapshots", map[string]any{
		"snapshot_ids": []any{encrypted}, "key": key, "copy_to": "forensics", "copy_key": forensicKey})
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, named)
	s.Plan()
	if len(s.Preview.Changes) != 3 {
		t.Errorf("got changes %q", s.Preview.Changes)
	}
	s.Is(actions.NotVerified, "nothing was shared")
	for attempt := range 2 {
		w.Proxy.DropAfterEffect("ec2:CopySnapshot", 1)
		s.Call.Attempt = attempt + 1
		_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
		awstest.Fails(t, err, actions.Unknown)
		w.Proxy.Heal()
	}
	s.Execute().Is(actions.Verified, "account "+forensic+" owns 1 complete copies")
	if ours, theirs := len(w.Snapshots(t)), len(w.SnapshotsIn(t, forensic)); ours != 3 || theirs != 1 {
		t.Errorf("there are %d snapshots here and %d there, want 3 and 1", ours, theirs)
	}
	copied := w.SnapshotsIn(t, forensic)[0]
	if aws.ToString(copied.KmsKeyId) != forensicKey || aws.ToString(copied.OwnerId) != forensic {
		t.Errorf("the copy is under %s and belongs to %s", aws.ToString(copied.KmsKeyId), aws.ToString(copied.OwnerId))
	}
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), ">completed<", ">pending<")) })
	s.Is(actions.Pending, "copy snap-")
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte { return []byte(strings.ReplaceAll(string(body), forensicKey, otherKey)) })
	s.Is(actions.NotVerified, "is under key")
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<ownerId>"+forensic, "<ownerId>"+w.Account))
	})
	s.Is(actions.NotVerified, "belongs to account "+w.Account)
	for _, operation := range []string{"DescribeSnapshots", "DescribeSnapshotAttribute"} {
		w.Proxy.Rewrite("ec2:"+operation, 1, func([]byte) []byte { return []byte("<" + operation + "Response></" + operation + "Response>") })
		s.Is(actions.CannotVerify, "proves nothing")
	}
	w.Proxy.Refuse("ec2:DescribeSnapshotAttribute", http.StatusForbidden, "UnauthorizedOperation")
	s.Is(actions.CannotVerify, "grant ec2:DescribeSnapshotAttribute")
	w.Proxy.Heal()
	s.Undo()
	for _, one := range w.Snapshots(t) {
		if diff := cmp.Diff([]string(nil), w.SharedWith(t, aws.ToString(one.SnapshotId))); diff != "" {
			t.Errorf("still shared: %s", diff)
		}
	}
	if len(w.SnapshotsIn(t, forensic)) != 1 {
		t.Error("the undo took the forensic account's copy away")
	}
}
