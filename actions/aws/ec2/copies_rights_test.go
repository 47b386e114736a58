package ec2_test

import (
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// copyWays lists ways that together use every right of the actions that take
// evidence. Their registry is that of copiers.
func copyWays() map[string][]awstest.Way {
	return map[string][]awstest.Way{
		"aws.ec2.snapshot_volumes": {func(t *testing.T, w *awstest.World) map[string]any { return map[string]any{"instance": machine(t, w)} }},
		"aws.ec2.share_snapshots": {func(t *testing.T, w *awstest.World) map[string]any {
			w.CopiesAcross(t, forensic)
			key := evidenceKey(t, w)
			_, encrypted := disks(t, w, otherKey)
			w.Proxy.Rewrite("ec2:DescribeSnapshots", 1, named)
			return map[string]any{"snapshot_ids": []any{encrypted}, "key": key, "copy_to": "forensics", "copy_key": forensicKey}
		}, func(t *testing.T, w *awstest.World) map[string]any {
			plain, _ := disks(t, w, otherKey)
			return map[string]any{"snapshot_ids": []any{plain}, "account": forensic}
		}},
		"aws.ec2.collect_metadata": {func(t *testing.T, w *awstest.World) map[string]any {
			id := collectIn(t, w)
			fleet(t, w, id)
			return map[string]any{"instance": id}
		}},
		"aws.ec2.capture_memory": {func(t *testing.T, w *awstest.World) map[string]any {
			_, with := memoryIn(t, w)
			return with
		}, func(t *testing.T, w *awstest.World) map[string]any {
			systems, with := memoryIn(t, w)
			systems.Run = func(_, script string) (string, int, string) {
				bucket, key := uploadOf(script)
				return hostUploads(t, w, bucket, key, 1<<20, locked)
			}
			return with
		}},
	}
}

// copiers gives those actions, with a place for evidence.
func copiers(w *awstest.World) *actions.Registry {
	place := cloud.Evidence{Bucket: "evidence", Owner: w.Account, Days: 7, KMSKey: "arn:aws:kms:" + awstest.Region + ":" + w.Account + ":key/0a1b2c3d-0000-4000-8000-0123456789ab"}
	return awstest.Only(registryOf(w, awstest.Keeping(place), withForensics(w)), copyWays())
}

func TestRightsOfCopiesAreExact(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	awstest.ExactRights(t, moto, copiers, copyWays())
}
