package iampolicy_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
	"github.com/firebreak-ir/firebreak/runbooks/iampolicy"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// Golden is a small story with everything in it.
func goldenSet(t *testing.T) *iampolicy.Set {
	t.Helper()
	pass := row(actions.PhaseExecute, "iam:PassRole", roleARN)
	pass.Conditions = actions.Conditions{"StringEquals": {"iam:PassedToService": {"{service}"}}}
	pass.Why = "give \"${it}\"\nto EC2"
	return mustMake(t, program(
		runbooks.Step{ID: "look", Uses: "aws.look", With: with("user", text("$inputs.user"))},
		runbooks.Step{ID: "keep", Uses: "aws.keep", Evidence: true, With: with("bucket", literal("firebreak-evidence-acme"), "key", literal("${INC}*"))},
		runbooks.Step{ID: "stop", Uses: "aws.stop", With: with("role", literal("apps/web"))},
	), nil, iampolicy.Options{Account: "111122223333", Region: "eu-central-1"},
		spec("aws.look", actions.Read, row(actions.PhasePlan, "iam:GetUser", userARN), row(actions.PhaseExecute, "iam:ListAccessKeys", userARN)),
		spec("aws.keep", actions.Reversible, row(actions.PhaseExecute, "s3:PutObject", "arn:{partition}:s3:::{bucket}/{key}")),
		spec("aws.stop", actions.Reversible, row(actions.PhasePlan, "iam:GetRole", roleARN), row(actions.PhaseExecute, "iam:PutRolePolicy", roleARN), pass,
			row(actions.PhaseUndo, "iam:DeleteRolePolicy", roleARN)),
	)
}

func TestGolden(t *testing.T) {
	set := goldenSet(t)
	var table strings.Builder
	if err := set.Table(&table); err != nil {
		t.Fatal(err)
	}
	trust := iampolicy.Trust{Engine: "arn:aws:iam::999988887777:role/firebreak-engine", ExternalID: "acme-1"}
	one := trust
	one.Phases = []iampolicy.Phase{iampolicy.Release}
	for name, got := range map[string]string{
		"story.json": string(set.JSON()), "story.tf": string(set.Terraform()), "story.table": table.String(),
		"trust.json": string(one.JSON()), "trust.tf": string(trust.Terraform()),
	} {
		path := filepath.Join("testdata", name)
		if *rewrite {
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s: want -, got +\n%s", name, diff)
		}
	}
	for range 20 {
		if again := goldenSet(t); string(again.JSON()) != string(set.JSON()) || string(again.Terraform()) != string(set.Terraform()) || !slices.Equal(again.Notes, set.Notes) {
			t.Fatal("the same runbook gave another policy")
		}
	}
}

// Terraform itself agrees with the form, where it is installed.
func TestTerraformForm(t *testing.T) {
	path, err := exec.LookPath("terraform")
	if err != nil {
		t.Skip("terraform is not installed, so the form of the .tf files was compared with the golden files alone")
	}
	dir := t.TempDir()
	for name, text := range map[string][]byte{
		"policies.tf": goldenSet(t).Terraform(), "trust.tf": iampolicy.Trust{Engine: "arn:aws:iam::999988887777:user/engine"}.Terraform(),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(path, "fmt", "-check", "-diff", dir)
	command.Env = append(os.Environ(), "TF_CLI_CONFIG_FILE=/dev/null", "CHECKPOINT_DISABLE=1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("terraform fmt: %v\n%s", err, out)
	}
}
