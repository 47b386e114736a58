package app

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// credentialRotationTale is the daily one. moto tells of no use of a key, so a
// person sees the consumers with the new one.
func credentialRotationTale() tale {
	var old string
	return tale{
		id: "credential-rotation",
		world: func(t *testing.T, w *awstest.World) []string {
			w.User(t, "/team/", "ci-deployer")
			old, _ = w.AccessKey(t, "ci-deployer")
			w.Destination(t, "prod/ci-deployer", "older", "old")
			return []string{"access_key_id=" + old, "destination=prod/ci-deployer", "restart=true", "settle=0s"}
		},
		lines: []string{"alice: done INC-1 restart the runners", "alice: done INC-1 seen uses_new"},
		done:  []string{"key", "new", "restart", "before", "old", "used", "seen", "off"},
		after: func(t *testing.T, w *awstest.World, _ string) {
			keys := w.Keys(t, "ci-deployer")
			if len(keys) != 2 {
				t.Fatalf("got the keys %q", keys)
			}
			for _, key := range keys {
				id, status, _ := strings.Cut(key, " ")
				if (id == old) != (status == "Inactive") {
					t.Errorf("key %s is %s", id, status)
				}
				if value := w.SecretValue(t, "prod/ci-deployer"); (id == old) == strings.Contains(value, id) {
					t.Errorf("the secret does not hold the new key alone")
				}
			}
		},
		undo: []string{
			`alice: undo INC-1 off --reason "the new key has no rights"`,
			`alice: undo INC-1 new --reason "the new key has no rights"`,
		},
	}
}
