package rds_test

import (
	"encoding/xml"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/rds"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/rds"
)

func registry(w *awstest.World) *actions.Registry {
	r := actions.NewRegistry()
	rds.Register(r, w.Cloud())
	return r
}

// motoIsWrong lists what moto cannot show, with what is done instead.
const motoIsWrong = "moto changes groups and takes snapshots at once: what is not there yet is written into its answers by the proxy"

// network makes a network with an open group and a closed one.
func network(t *testing.T, w *awstest.World) (open, closed string) {
	vpc := w.VPC(t)
	return w.Group(t, vpc, "open"), w.ClosedGroup(t, vpc, "quarantine")
}

var (
	changeErrors = map[string]actions.Class{
		"denied": actions.Denied, "throttled": actions.Throttled, "gone": actions.NotFound, "busy": actions.Precondition,
		"broken after the effect": actions.Unknown, "cut before the effect": actions.Unknown, "cut, then refused": actions.Unknown,
	}
	databaseKinds = []string{"instance", "cluster"}
	modify        = map[string]string{"instance": "rds:ModifyDBInstance", "cluster": "rds:ModifyDBCluster"}
	create        = map[string]string{"instance": "rds:CreateDBSnapshot", "cluster": "rds:CreateDBClusterSnapshot"}
)

func faults(w *awstest.World, operation string) func(*testing.T, string) {
	return w.Faults(operation, map[string]awstest.Refusal{
		"denied":    {Status: http.StatusForbidden, Code: "AccessDenied"},
		"throttled": {Status: http.StatusBadRequest, Code: "Throttling"},
		"gone":      {Status: http.StatusNotFound, Code: "DBInstanceNotFound"},
		"busy":      {Status: http.StatusBadRequest, Code: "InvalidDBInstanceState"},
	})
}

// database makes one of a kind.
func database(t *testing.T, w *awstest.World, kind, group string) {
	if kind == "cluster" {
		w.DatabaseCluster(t, "orders", group)
	} else {
		w.Database(t, "orders", group)
	}
}

func TestActions(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Log(motoIsWrong)
	for _, kind := range databaseKinds {
		t.Run("isolate "+kind, func(t *testing.T) {
			actionstest.Run(t, actionstest.Case{Action: "aws.rds.isolate", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				open, closed := network(t, w)
				database(t, w, kind, open)
				return actionstest.World{
					Registry: registry(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{kind: "orders", "group": closed},
					Disturb:    func(t *testing.T) { w.SetDatabaseGroups(t, kind, "orders", open) },
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(modify[kind], awstest.EveryAttempt) },
					Fault:      faults(w, modify[kind]),
					Canaries:   []string{"a-canary-password", w.Credentials.SecretAccessKey},
				}
			}})
		})
		t.Run("snapshot "+kind, func(t *testing.T) {
			actionstest.Run(t, actionstest.Case{Action: "aws.rds.snapshot", Errors: changeErrors, World: func(t *testing.T) actionstest.World {
				w := moto.World(t)
				open, _ := network(t, w)
				database(t, w, kind, open)
				return actionstest.World{
					Registry: registry(w), Call: awstest.NewCall(), Snapshot: w.Snapshot, Params: map[string]any{kind: "orders"},
					Disturb: func(t *testing.T) {
						name := aws.String("firebreak-inc-12-r1-stop-orders")
						var err error
						if kind == "cluster" {
							_, err = w.RDS().DeleteDBClusterSnapshot(t.Context(), &sdk.DeleteDBClusterSnapshotInput{DBClusterSnapshotIdentifier: name})
						} else {
							_, err = w.RDS().DeleteDBSnapshot(t.Context(), &sdk.DeleteDBSnapshotInput{DBSnapshotIdentifier: name})
						}
						if err != nil {
							t.Fatal(err)
						}
					},
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect(create[kind], awstest.EveryAttempt) },
					Fault:      faults(w, create[kind]),
					Canaries:   []string{"a-canary-password", w.Credentials.SecretAccessKey},
				}
			}})
		})
	}
}

func TestPermissionsAreExact(t *testing.T) {
	awstest.Hermetic(t)
	way := func(kind string, isolates bool) awstest.Way {
		return func(t *testing.T, w *awstest.World) map[string]any {
			open, closed := network(t, w)
			database(t, w, kind, open)
			with := map[string]any{kind: "orders"}
			if isolates {
				with["group"] = closed
			}
			return with
		}
	}
	awstest.ExactRights(t, awstest.Moto(t), registry, map[string][]awstest.Way{
		"aws.rds.isolate":  {way("instance", true), way("cluster", true)},
		"aws.rds.snapshot": {way("instance", false), way("cluster", false)},
	})
}

// TestWhatIsRefused gives what must not be done, and the sentence for each.
func TestWhatIsRefused(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	open, closed := network(t, w)
	other := w.ClosedGroup(t, w.VPC(t), "elsewhere")
	w.Database(t, "orders", open)
	w.DatabaseCluster(t, "carts", open)
	for _, test := range []struct {
		name, action string
		with         map[string]any
		class        actions.Class
		says         []string
	}{
		{"nothing", "aws.rds.isolate", map[string]any{"group": closed}, actions.Invalid, []string{"no database is named"}},
		{"both", "aws.rds.snapshot", map[string]any{"instance": "a", "cluster": "b"}, actions.Invalid, []string{"both given"}},
		{"not there", "aws.rds.snapshot", map[string]any{"instance": "nowhere"}, actions.NotFound, []string{"DBInstanceNotFound"}},
		{"cluster not there", "aws.rds.isolate", map[string]any{"cluster": "nowhere", "group": closed}, actions.NotFound, []string{"DBClusterNotFound"}},
		{"instance of a cluster", "aws.rds.isolate", map[string]any{"instance": "carts-1", "group": closed}, actions.Precondition, []string{`belongs to cluster "carts"`, "give the cluster"}},
		{"snapshot of an instance of a cluster", "aws.rds.snapshot", map[string]any{"instance": "carts-1"}, actions.Precondition, []string{`belongs to cluster "carts"`}},
		{"group that lets somebody in", "aws.rds.isolate", map[string]any{"instance": "orders", "group": open}, actions.Precondition, []string{"lets somebody in: 0.0.0.0/0"}},
		{"group that is not there", "aws.rds.isolate", map[string]any{"instance": "orders", "group": "sg-00000000"}, actions.NotFound, []string{"sg-00000000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := awstest.Handler(t, registry(w), test.action).Plan(t.Context(), awstest.NewCall(), awstest.Params(t, test.with))
			awstest.Fails(t, err, test.class, test.says...)
		})
	}
	t.Run("group of another network", func(t *testing.T) {
		in := regexp.MustCompile(`<DBSubnetGroup>.*?</DBSubnetGroup>`)
		w.Proxy.Rewrite("rds:DescribeDBInstances", 1, func(body []byte) []byte {
			body = in.ReplaceAll(body, nil)
			return []byte(strings.Replace(string(body), "</DBInstance>", "<DBSubnetGroup><VpcId>vpc-of-its-own</VpcId></DBSubnetGroup></DBInstance>", 1))
		})
		_, err := awstest.Handler(t, registry(w), "aws.rds.isolate").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, map[string]any{"instance": "orders", "group": other}))
		awstest.Fails(t, err, actions.Precondition, "in network", "vpc-of-its-own")
	})
}

// TestIsolationThatIsNotThereYet tells a change that is under way, one that
// somebody took back, and a group that was opened since, from one that holds.
func TestIsolationThatIsNotThereYet(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	open, closed := network(t, w)
	w.Database(t, "orders", open)
	s := awstest.NewStep(t, registry(w), "aws.rds.isolate", map[string]any{"instance": "orders", "group": closed}).Plan().Execute()
	w.Proxy.Rewrite("rds:DescribeDBInstances", 1, func(body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "<Status>active</Status>", "<Status>adding</Status>"))
	})
	s.Is(actions.Pending, closed+" is adding")
	s.Is(actions.Verified, "has group "+closed+" alone")
	w.OpenGroup(t, closed)
	s.Is(actions.NotVerified, "lets somebody in: 0.0.0.0/0")

	w.SetDatabaseGroups(t, "instance", "orders", open, closed)
	if err := s.Handler.Undo(t.Context(), s.Call, s.Params, s.Result); err == nil {
		t.Error("the undo overwrote what somebody else has set")
	} else {
		awstest.Fails(t, err, actions.Precondition, "which is neither", "by hand")
	}
}

// TestEmptyAnswersProveNothing: an answer about nothing is no proof.
func TestEmptyAnswersProveNothing(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	open, closed := network(t, w)
	w.Database(t, "orders", open)
	isolated := awstest.NewStep(t, registry(w), "aws.rds.isolate", map[string]any{"instance": "orders", "group": closed}).Plan().Execute()
	taken := awstest.NewStep(t, registry(w), "aws.rds.snapshot", map[string]any{"instance": "orders"}).Plan().Execute()
	empty := func(operation string) {
		name := strings.TrimPrefix(operation, "rds:")
		w.Proxy.Rewrite(operation, 1, func([]byte) []byte {
			return []byte(`<` + name + `Response xmlns="http://rds.amazonaws.com/doc/2014-10-31/"><` + name + `Result></` + name + `Result></` + name + `Response>`)
		})
	}
	empty("rds:DescribeDBInstances")
	isolated.Is(actions.CannotVerify, "proves nothing")
	empty("rds:DescribeDBSnapshots")
	taken.Is(actions.NotVerified, "there is no snapshot")
	w.Proxy.Refuse("rds:DescribeDBSnapshots", http.StatusForbidden, "AccessDenied")
	taken.Is(actions.CannotVerify, "AccessDenied")
}

// TestSnapshotStates: only an available snapshot is proof.
func TestSnapshotStates(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	open, _ := network(t, w)
	w.Database(t, "orders", open)
	s := awstest.NewStep(t, registry(w), "aws.rds.snapshot", map[string]any{"instance": "orders"}).Plan().Execute()
	for state, want := range map[string]actions.Verdict{"creating": actions.Pending, "failed": actions.NotVerified, "": actions.NotVerified, "available": actions.Verified} {
		w.Proxy.Rewrite("rds:DescribeDBSnapshots", 1, func(body []byte) []byte {
			return []byte(strings.ReplaceAll(string(body), "<Status>available</Status>", "<Status>"+xmlText(state)+"</Status>"))
		})
		s.Is(want, "")
	}
}

func xmlText(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		panic(err)
	}
	return b.String()
}

// TestSnapshotOfSomebodyElse: a snapshot of the right name that was not marked by
// this step is no evidence of ours.
func TestSnapshotOfSomebodyElse(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	open, _ := network(t, w)
	w.Database(t, "orders", open)
	s := awstest.NewStep(t, registry(w), "aws.rds.snapshot", map[string]any{"instance": "orders"}).Plan()
	if _, err := w.RDS().CreateDBSnapshot(t.Context(), &sdk.CreateDBSnapshotInput{DBInstanceIdentifier: aws.String("orders"), DBSnapshotIdentifier: aws.String("firebreak-inc-12-r1-stop-orders")}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Precondition, "this step did not take")
	s.Is(actions.NotVerified, "not of this step")
}
