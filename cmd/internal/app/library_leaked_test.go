package app

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

func leakedAccessKeyTale() tale {
	return tale{
		id: "leaked-access-key",
		world: func(t *testing.T, w *awstest.World) []string {
			w.User(t, "/team/", "ci-deployer")
			id, _ := w.AccessKey(t, "ci-deployer")
			w.AccessKey(t, "ci-deployer")
			w.PutPolicy(t, "user", "ci-deployer", "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
			w.Role(t, "/", "deploy")
			return []string{"access_key_id=" + id, "all_keys=true", "roles=deploy"}
		},
		lines: []string{
			"bob: approve INC-1 quarantine", "bob: approve INC-1 disable", "bob: approve INC-1 disable_others", "bob: approve INC-1 revoke", "alice: done INC-1 review nothing",
		},
		done: []string{"owner", "quarantine", "disable", "disable_others", "revoke", "review"},
		after: func(t *testing.T, _ *awstest.World, state string) {
			if strings.Contains(state, " Active") || !strings.Contains(state, "FirebreakQuarantine-INC-1") || !strings.Contains(state, "FirebreakRevokeSessions") {
				t.Errorf("not everything is contained:\n%s", state)
			}
		},
		undo: []string{
			`alice: undo INC-1 revoke --reason "false alarm"`, "bob: approve INC-1 revoke~undo",
			`alice: undo INC-1 disable_others --reason "false alarm"`, "bob: approve INC-1 disable_others~undo",
			`alice: undo INC-1 disable --reason "false alarm"`, "bob: approve INC-1 disable~undo",
			`alice: undo INC-1 quarantine --reason "false alarm"`, "bob: approve INC-1 quarantine~undo",
		},
	}
}
