package app

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
)

// leakedSecretTale is about a database password whose rotation is stuck, in a
// Secrets Manager as AWS has it: awstest plays the rotation, the functions and
// CloudTrail's events, which moto has not or does wrong.
func leakedSecretTale() tale {
	place := &config.Evidence{Bucket: "evidence", Mode: "GOVERNANCE", Days: 7}
	var s *awstest.Secrets
	var secret, version string
	return tale{
		id: "leaked-secret",
		world: func(t *testing.T, w *awstest.World) []string {
			s = w.Secrets(t)
			secret, version = s.Secret("prod/payments/db", "leaked")
			s.RotatedBy(secret, s.Lambda("rotate-db", nil))
			s.Stuck(secret)
			s.Lambda("payments-db-check", func(map[string]string) (string, bool) { return `{"new":"works","old":"refused"}`, false })
			w.Evidence(t, place.Bucket)
			w.Events(t, awstest.Event{Region: awstest.Region, ID: "e1", User: "eve", Resource: secret, Time: time.Now().Add(-time.Hour),
				Text: `{"eventSource":"secretsmanager.amazonaws.com","eventName":"GetSecretValue","awsRegion":"us-east-1","sourceIPAddress":"198.51.100.7"}`})
			return []string{"secret=prod/payments/db", `where="a public repository"`, "consumer_may_be_down=true", "consumer_check=payments-db-check", "check_program=try-payments", "watch=0s"}
		},
		cfg: func(t *testing.T, _ *awstest.World, c *config.Config) {
			c.Environments[0].Evidence = place
			c.Programs = map[string]config.Program{"try-payments": alwaysYes(t)}
		},
		lines: []string{
			"alice: done INC-1 target current", "bob: approve INC-1 clear", "bob: approve INC-1 block", "bob: approve INC-1 rotate",
			"alice: done INC-1 unblock stays", "alice: done INC-1 look nothing", "alice: done INC-1 leak the commit is gone",
		},
		done: []string{"secret", "readers", "target", "clear", "block", "rotate", "prove", "unblock", "look", "leak", "summary"},
		after: func(t *testing.T, _ *awstest.World, state string) {
			if now := s.Current(secret); now == version || s.Value(secret, "") == "leaked" {
				t.Errorf("version %s is current, which leaked", now)
			}
			if labels := s.Labels(secret); len(labels["ffffffff-0000-4000-8000-00000000000f"]) > 0 {
				t.Errorf("the stuck rotation still has its label: %v", labels)
			}
			if policy := s.Policy(secret); !strings.Contains(policy, "Deny") || !strings.Contains(policy, "role/service-role/rotate-db-role") {
				t.Errorf("reads are not blocked, or the rotation is shut out too: %s", policy)
			}
			for _, want := range []string{"/readers.1/cloudtrail-", "/readers.2/cloudtrail-", "/summary/summary.json "} {
				if !strings.Contains(state, "  object INC-1/R1"+want) {
					t.Errorf("there is no evidence %s:\n%s", want, state)
				}
			}
			// A false alarm: the target takes the old value again.
			s.Does("payments-db-check", func(map[string]string) (string, bool) { return `{"new":"works","old":"works"}`, false })
		},
		undo: []string{
			`alice: undo INC-1 rotate --reason "it was the example value"`, "bob: approve INC-1 rotate~undo",
			`alice: undo INC-1 block --reason "it was the example value"`, "bob: approve INC-1 block~undo",
			`alice: undo INC-1 clear --reason "the function has to end it"`, "bob: approve INC-1 clear~undo",
		},
		adds: []string{"object INC-1/"},
	}
}

// alwaysYes is a pinned program that ends with 0 whatever it is asked.
func alwaysYes(t *testing.T) config.Program {
	t.Helper()
	path, err := exec.LookPath("true")
	if err == nil {
		path, err = filepath.EvalSymlinks(path)
	}
	if err != nil {
		t.Skip("this machine has no program that says yes: ", err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	return config.Program{Path: path, SHA256: hex.EncodeToString(sum[:]), Effects: []string{"read"}}
}
