package ec2_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/ec2"
)

// motoIsWrongAboutCopies lists where moto differs from EC2 and Systems Manager,
// and what is done about it.
func motoIsWrongAboutCopies() []string {
	return []string{
		"CreateSnapshots ignores ExcludeDataVolumeIds: World.LeavesOutVolumes obeys it",
		"CreateSnapshots names no key of an encrypted snapshot: rewritten where that matters",
		"snapshots are completed at once: rewritten to pending",
		"the start times of one set differ by milliseconds, on EC2 they are equal: up to a second is taken for equal",
	}
}

func registryOf(w *awstest.World, changes ...func(*cloud.Environment, *cloud.Options)) *actions.Registry {
	r := actions.NewRegistry()
	ec2.Register(r, w.Cloud(changes...))
	return r
}

// machine launches an instance with two data volumes.
func machine(t *testing.T, w *awstest.World) string {
	vpc := w.VPC(t)
	return w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, vpc, 0), Groups: []string{w.Group(t, vpc, "web")}, Volumes: 2})
}

// copyFaults prepares the errors that a call which is made once must classify.
func copyFaults(w *awstest.World, operation string) func(*testing.T, string) {
	return func(t *testing.T, name string) {
		switch name {
		case "denied":
			w.Proxy.Refuse(operation, http.StatusForbidden, "UnauthorizedOperation")
		case "throttled":
			w.Proxy.Refuse(operation, http.StatusServiceUnavailable, "RequestLimitExceeded")
		case "too many of one volume":
			w.Proxy.Refuse(operation, http.StatusBadRequest, "SnapshotCreationPerVolumeRateExceeded")
		case "gone":
			w.Proxy.Refuse(operation, http.StatusBadRequest, "InvalidInstanceID.NotFound")
		case "broken after the effect":
			w.Proxy.BreakAfterEffect(operation, awstest.EveryAttempt, http.StatusInternalServerError, "InternalError")
		case "cut before the effect":
			w.Proxy.DropBeforeEffect(operation, awstest.EveryAttempt)
		default:
			t.Fatalf("no fault is called %q", name)
		}
	}
}

func TestCopies(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log("moto is wrong here:\n" + strings.Join(motoIsWrongAboutCopies(), "\n"))
	t.Run("snapshot", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.snapshot_volumes",
			Errors: map[string]actions.Class{"denied": actions.Denied, "too many of one volume": actions.Throttled, "gone": actions.NotFound,
				"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown},
			World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				return actionstest.World{
					Registry: registryOf(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{"instance": machine(t, w)},
					Canaries:   []string{w.Credentials.SecretAccessKey},
					Disturb:    func(t *testing.T) { w.DeleteSnapshot(t, aws.ToString(w.Snapshots(t)[1].SnapshotId)) },
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("ec2:CreateSnapshots", awstest.EveryAttempt) },
					Fault:      copyFaults(w, "ec2:CreateSnapshots"),
				}
			}})
	})
	t.Run("one set after a kill", func(t *testing.T) { oneSetAfterAKill(t, moto.World(t)) })
	t.Run("one set whatever is lost", func(t *testing.T) { oneSetWhateverIsLost(t, moto) })
	t.Run("left out", func(t *testing.T) { leftOut(t, moto) })
	t.Run("encrypted as the source", func(t *testing.T) { encryptedAsTheSource(t, moto.World(t)) })
	t.Run("pending", func(t *testing.T) { pendingSnapshots(t, moto.World(t)) })
	t.Run("proof", func(t *testing.T) { proofOfSnapshots(t, moto.World(t)) })
}

// oneSetAfterAKill kills firebreak between the effect and its answer, and lets
// another one take over, as the engine would.
func oneSetAfterAKill(t *testing.T, w *awstest.World) {
	s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": machine(t, w)}).Plan()
	hold := w.Proxy.HoldAnswer("ec2:CreateSnapshots")
	ctx, kill := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := s.Handler.Execute(ctx, s.Call, s.Params)
		ended <- err
	}()
	<-hold.Reached()
	if n := len(w.Snapshots(t)); n != 3 {
		t.Fatalf("the effect left %d snapshots, so this shows nothing", n)
	}
	kill()
	awstest.Fails(t, <-ended, actions.Unknown)
	hold.Release()

	next := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": machineOf(s)})
	next.Call.State, next.Call.Started, next.Call.Attempt = s.Call.State, s.Call.Started, 2
	found, probed, err := next.Handler.Probe(t.Context(), next.Call, next.Params)
	if err != nil || found != actions.Applied {
		t.Fatalf("got probe %s, error %v", found, err)
	}
	next.Execute().Is(actions.Verified, "3 snapshots of one moment")
	if string(probed) != string(next.Result) {
		t.Errorf("the probe says %s, the attempt %s", probed, next.Result)
	}
	if n := len(w.Snapshots(t)); n != 3 {
		t.Errorf("there are %d snapshots, want one set of 3", n)
	}
	if n := w.Proxy.Count("ec2:CreateSnapshots"); n != 1 {
		t.Errorf("CreateSnapshots was sent %d times", n)
	}
}

func machineOf(s *awstest.Step) string { return s.Preview.Targets[0].ID }

func oneSetWhateverIsLost(t *testing.T, moto *awstest.Emulator) {
	for _, test := range []struct {
		name string
		lose func(*awstest.Proxy)
	}{
		{"the first answer", func(p *awstest.Proxy) { p.DropAfterEffect("ec2:CreateSnapshots", 1) }},
		{"every answer", func(p *awstest.Proxy) { p.DropAfterEffect("ec2:CreateSnapshots", awstest.EveryAttempt) }},
		{"an answer of the service itself", func(p *awstest.Proxy) {
			p.BreakAfterEffect("ec2:CreateSnapshots", 1, http.StatusServiceUnavailable, "Unavailable")
		}},
		{"what the answer said", func(p *awstest.Proxy) {
			p.Rewrite("ec2:CreateSnapshots", 1, func([]byte) []byte { return []byte("<CreateSnapshotsResponse></CreateSnapshotsResponse>") })
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := moto.World(t)
			s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": machine(t, w)}).Plan()
			test.lose(w.Proxy)
			_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
			awstest.Fails(t, err, actions.Unknown)
			w.Proxy.Heal()
			s.Call.Attempt = 2
			s.Execute().Is(actions.Verified, "")
			if n := len(w.Snapshots(t)); n != 3 {
				t.Errorf("there are %d snapshots, want 3", n)
			}
		})
	}
}

func leftOut(t *testing.T, moto *awstest.Emulator) {
	t.Run("a data volume and the root", func(t *testing.T) {
		w := moto.World(t)
		w.LeavesOutVolumes(t)
		id := machine(t, w)
		volumes := w.Volumes(t, id)
		s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": id, "exclude": []any{volumes[0], volumes[1]}}).Plan().Execute()
		s.Is(actions.Verified, "1 snapshots")
		if got := w.Snapshots(t); len(got) != 1 || aws.ToString(got[0].VolumeId) != volumes[2] {
			t.Errorf("got %d snapshots", len(got))
		}
		if !strings.Contains(string(s.Result), volumes[1]+" (/dev/sdf) was left out by the step") {
			t.Errorf("the result does not name what is not covered: %s", s.Result)
		}
	})
	t.Run("that is not obeyed", func(t *testing.T) {
		w := moto.World(t)
		id := machine(t, w)
		volumes := w.Volumes(t, id)
		s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": id, "exclude": []any{volumes[1]}}).Plan().Execute()
		s.Is(actions.NotVerified, "was to be left out, but has a snapshot")
	})
	t.Run("everything, and what is not there", func(t *testing.T) {
		w := moto.World(t)
		id := machine(t, w)
		h := awstest.Handler(t, registryOf(w), "aws.ec2.snapshot_volumes")
		var all []any
		for _, v := range w.Volumes(t, id) {
			all = append(all, v)
		}
		_, err := h.Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"instance": id, "exclude": all}))
		awstest.Fails(t, err, actions.Precondition, "no EBS volume")
		_, err = h.Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"instance": id, "exclude": []any{"vol-0123456789abcdef0"}}))
		awstest.Fails(t, err, actions.Precondition, "is not attached")
	})
	t.Run("the instance store", func(t *testing.T) {
		w := moto.World(t)
		vpc := w.VPC(t)
		id := w.Instance(t, awstest.Machine{Subnet: w.Subnet(t, vpc, 0), Type: "m5d.large"})
		s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": id}).Plan().Execute()
		if want := "instance store: 1 x 75 GB"; !strings.Contains(string(s.Result), want) || !strings.Contains(strings.Join(s.Preview.Warnings, " "), want) {
			t.Errorf("neither result nor warnings name it: %s, %v", s.Result, s.Preview.Warnings)
		}
	})
}

const otherKey = "arn:aws:kms:us-east-1:123456789012:key/00000000-1111-2222-3333-444444444444"

func encryptedAsTheSource(t *testing.T, w *awstest.World) {
	id := machine(t, w)
	w.AttachEncrypted(t, id, "/dev/sdz", otherKey)
	s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": id}).Plan().Execute()
	s.Is(actions.CannotVerify, "does not tell the key")
	key := func(arn string) func([]byte) []byte {
		return func(body []byte) []byte {
			return []byte(strings.ReplaceAll(string(body), "<encrypted>true</encrypted>", "<encrypted>true</encrypted><kmsKeyId>"+arn+"</kmsKeyId>"))
		}
	}
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, key(otherKey))
	s.Is(actions.Verified, "4 snapshots")
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, key(strings.Replace(otherKey, "0000", "9999", 1)))
	s.Is(actions.NotVerified, "is encrypted under")
	w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<encrypted>true</encrypted>", "<encrypted>false</encrypted>"))
	})
	s.Is(actions.NotVerified, "is not encrypted as volume")
}

func pendingSnapshots(t *testing.T, w *awstest.World) {
	id := machine(t, w)
	for _, wait := range []string{"created", "completed"} {
		s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": id, "wait": wait})
		s.Call.Key = actions.Key("0f0e" + wait[:1])
		s.Plan().Execute()
		w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte {
			return []byte(strings.ReplaceAll(strings.ReplaceAll(string(body), ">completed<", ">pending<"), ">100%<", ">40%<"))
		})
		want := actions.Verified
		if wait == "completed" {
			want = actions.Pending
		}
		s.Is(want, "still being copied: snap-")
		s.Is(actions.Verified, "")
		w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, func(body []byte) []byte {
			return []byte(strings.ReplaceAll(string(body), ">completed<", ">error<"))
		})
		s.Is(actions.NotVerified, "failed")
	}
}

func proofOfSnapshots(t *testing.T, w *awstest.World) {
	s := awstest.NewStep(t, registryOf(w), "aws.ec2.snapshot_volumes", map[string]any{"instance": machine(t, w)}).Plan().Execute()
	say := func(from, to string) func([]byte) []byte {
		return func(body []byte) []byte { return []byte(strings.Replace(string(body), from, to, 1)) }
	}
	for _, test := range []struct {
		name   string
		answer func([]byte) []byte
		want   actions.Verdict
		says   string
	}{
		{"nothing", func([]byte) []byte { return []byte("<DescribeSnapshotsResponse></DescribeSnapshotsResponse>") }, actions.CannotVerify, "proves nothing"},
		{"an incident of somebody else", say(">INC-12<", ">INC-11<"), actions.NotVerified, "does not carry our tags firebreak:incident"},
		{"another set", func(body []byte) []byte {
			return []byte(strings.Replace(string(body), cloud.Token(s.Call.Key, "set", "1"), cloud.Token(s.Call.Key, "set", "2"), 1))
		}, actions.NotVerified, "are not of one set"},
		{"another time", func(body []byte) []byte {
			at := strings.Index(string(body), "<startTime>")
			return append(append([]byte{}, body[:at+11]...), append([]byte("2020"), body[at+15:]...)...)
		}, actions.NotVerified, "are not of one set"},
		{"another volume", func(body []byte) []byte {
			at := strings.Index(string(body), "<volumeId>vol-")
			return append(append([]byte{}, body[:at+14]...), append([]byte("ffff"), body[at+18:]...)...)
		}, actions.NotVerified, "has 0 snapshots in the set"},
		{"no state", func(body []byte) []byte {
			return []byte(strings.NewReplacer("<status>completed</status>", "", "<state>completed</state>", "").Replace(string(body)))
		}, actions.CannotVerify, "does not tell"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, test.answer)
			s.T = t
			s.Is(test.want, test.says)
		})
	}
	w.Proxy.Refuse("ec2:DescribeSnapshots", http.StatusForbidden, "UnauthorizedOperation")
	s.T = t
	s.Is(actions.CannotVerify, "grant ec2:DescribeSnapshots")
}
