package app

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
)

// compromisedInstanceTale is the long way: data is leaving, so it is cut off first,
// and in the end it is stopped by two people.
func compromisedInstanceTale() tale {
	var host awstest.Intruder
	return tale{
		id: "compromised-instance",
		world: func(t *testing.T, w *awstest.World) []string {
			host = w.Intruder(t)
			return []string{"instance_id=" + host.ID, "exfiltrating=true", "endpoint_groups=" + host.Endpoints, "endpoint_prefix_lists=pl-63a5400a",
				"memory_tool=s3://forensic-tools/memory-to-stdout", "memory_tool_sha256=" + strings.Repeat("ab", 32), "forensic_account=210987654321"}
		},
		cfg: func(_ *testing.T, _ *awstest.World, c *config.Config) {
			c.Environments[0].Evidence = &config.Evidence{Bucket: host.Evidence.Bucket, Mode: "GOVERNANCE", Days: host.Evidence.Days, KMSKey: host.Evidence.KMSKey}
			c.Directory.Groups["ciso"] = []string{"carol"}
		},
		lines: []string{
			"bob: approve INC-1 protect", "bob: approve INC-1 standby", "bob: approve INC-1 targets", "bob: approve INC-1 cut", "bob: approve INC-1 memory",
			"bob: approve INC-1 isolate", "bob: approve INC-1 role", "bob: approve INC-1 share",
			"alice: done INC-1 review compromised", "bob: approve INC-1 stop", "carol: approve INC-1 stop", "alice: done INC-1 rebuild",
		},
		done: []string{"metadata", "disks", "protect", "standby", "targets", "cut", "memory", "isolate", "role", "trail", "share", "stop", "rebuild"},
		after: func(t *testing.T, w *awstest.World, state string) {
			for _, want := range []string{
				"instance " + host.ID + " stopped", "keep=true", "Standby", "firebreak-quarantine", "FirebreakRevokeSessions",
				"shared with [210987654321]", "/" + host.ID + ".memory",
			} {
				if !strings.Contains(state, want) {
					t.Errorf("there is no %q:\n%s", want, state)
				}
			}
			if n := strings.Count(host.Systems.State(), "command "); n != 1 {
				t.Errorf("the memory was asked for %d times, want once", n)
			}
			if got := w.Desired(t, "web"); got != 2 {
				t.Errorf("the group wants %d instances, want 2: no other is launched", got)
			}
		},
		undo: []string{
			`alice: undo INC-1 stop --reason "false alarm"`, "bob: approve INC-1 stop~undo", "carol: approve INC-1 stop~undo",
			`alice: undo INC-1 share --reason "false alarm"`, "bob: approve INC-1 share~undo",
			`alice: undo INC-1 role --reason "false alarm"`, "bob: approve INC-1 role~undo",
			`alice: undo INC-1 isolate --reason "false alarm"`, "bob: approve INC-1 isolate~undo",
			`alice: undo INC-1 cut --reason "false alarm"`, "bob: approve INC-1 cut~undo",
			`alice: undo INC-1 targets --reason "false alarm"`, "bob: approve INC-1 targets~undo",
			`alice: undo INC-1 standby --reason "false alarm"`, "bob: approve INC-1 standby~undo",
			`alice: undo INC-1 protect --reason "false alarm"`, "bob: approve INC-1 protect~undo",
		},
		adds: []string{"snapshot ", "object "},
	}
}
