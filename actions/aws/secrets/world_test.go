package secrets_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	"github.com/firebreak-ir/firebreak/actions/aws/secrets"
)

const (
	leaked     = "leaked-Pa55word/of\"db"
	name       = "prod/payments/db"
	rotate     = "aws.secretsmanager.rotate_secret"
	clearStuck = "aws.secretsmanager.clear_pending"
	block      = "aws.secretsmanager.block_reads"
)

// provider gives the actions against a world.
func provider(w *awstest.World) *actions.Registry { return providerWith(w) }

func providerWith(w *awstest.World, changes ...func(*cloud.Environment, *cloud.Options)) *actions.Registry {
	r := actions.NewRegistry()
	secrets.Register(r, w.Cloud(changes...))
	return r
}

// database is what a secret opens. It accepts the newest values: one, or two
// when users alternate.
type database struct {
	mu      sync.Mutex
	accepts []string
	keeps   int
}

func (d *database) set(value string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepts = append(d.accepts, value)
	d.accepts = d.accepts[max(0, len(d.accepts)-d.keeps):]
}

func (d *database) takes(value string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.accepts, value) {
		return "works"
	}
	return "refused"
}

// world is a secret with its database, and functions that know both.
type world struct {
	*awstest.World
	*awstest.Secrets
	db       *database
	arn, old string
}

// newWorld makes them. keeps is how many values the database accepts at a time.
func newWorld(t *testing.T, w *awstest.World, keeps int, secret func(s *awstest.Secrets) (arn, version string)) *world {
	t.Helper()
	s := w.Secrets(t)
	d := &database{keeps: keeps}
	all := &world{World: w, Secrets: s, db: d}
	all.arn, all.old = secret(s)
	d.set(s.Value(all.arn, ""))
	s.Lambda("check", func(p map[string]string) (string, bool) {
		return `{"new":"` + d.takes(s.Value(p["secret_id"], p["new"])) + `","old":"` + d.takes(s.Value(p["secret_id"], p["old"])) + `"}`, false
	})
	s.Lambda("set", func(p map[string]string) (string, bool) {
		value := s.Value(p["SecretId"], p["ClientRequestToken"])
		if p["Step"] == "setSecret" {
			d.set(value)
		}
		return `"done with ` + leaked + `"`, d.takes(value) != "works"
	})
	s.Rotation(func(secret, version string) bool {
		d.set(s.Value(secret, version))
		s.Label(secret, "AWSCURRENT", version)
		return true
	})
	return all
}

// byLambda is a secret with a rotation function.
func byLambda(s *awstest.Secrets) (string, string) {
	arn, version := s.Secret(name, leaked)
	s.RotatedBy(arn, s.Lambda("rotation", nil))
	return arn, version
}

// byNobody is a secret that nothing rotates.
func byNobody(s *awstest.Secrets) (string, string) { return s.Secret(name, leaked) }

// byService is a secret that a service manages.
func byService(s *awstest.Secrets) (string, string) {
	return s.Secret(name, leaked, awstest.OwnedBy("rds"))
}

// Snapshot reads the world after the rotations that run have come to their end.
func (w *world) snapshot(t *testing.T) string {
	w.Finish()
	return w.Snapshot(t)
}

// moto gives an emulator, one for each test.
func moto(t *testing.T) *awstest.Emulator {
	t.Helper()
	awstest.Hermetic(t)
	return awstest.Moto(t)
}

func with(pairs ...any) map[string]any {
	m := map[string]any{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i].(string)] = pairs[i+1]
	}
	return m
}
