package cloud

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
)

// Tag is a mark on a resource.
type Tag struct{ Key, Value string }

// The keys of the marks that [Tags] gives.
const (
	TagManaged  = "firebreak:managed"
	TagIncident = "firebreak:incident"
	TagRun      = "firebreak:run"
	TagStep     = "firebreak:step"
)

// Tags are the marks of everything that a call makes: whose it is, and for which
// step. Rights that change resources can be limited to what carries the first.
func Tags(call actions.Call) []Tag {
	return []Tag{
		{TagManaged, "true"},
		{TagIncident, Word(call.Incident, 256)},
		{TagRun, Word(call.Run, 256)},
		{TagStep, Word(call.Step, 256)},
	}
}

// Token is a client token in the form of a UUID, the same for every attempt of a
// logical step. The parts tell the requests of one step apart.
func Token(key actions.Key, parts ...string) string {
	sum := sha256.Sum256([]byte(string(key) + "\x00" + strings.Join(parts, "\x00")))
	sum[6] = sum[6]&0x0f | 0x80 // version 8: made by a rule of our own
	sum[8] = sum[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", sum[0:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}
