package awstest_test

import (
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// The builders make what they say, and the snapshot sees it.
func TestEC2World(t *testing.T) {
	awstest.Hermetic(t)
	w := awstest.Moto(t).World(t)
	vpc := w.VPC(t)
	subnet, web := w.Subnet(t, vpc, 0), w.Group(t, vpc, "web")
	w.Profile(t, "web-profile", "web")
	id := w.Instance(t, awstest.Machine{Subnet: subnet, Groups: []string{web}, Interfaces: 3, Volumes: 2, Profile: "web-profile", User: "echo"})
	usual := w.Instance(t, awstest.Machine{Subnet: subnet, Groups: []string{web}, Usual: true})
	if got := len(w.Interfaces(t, id)); got != 3 {
		t.Errorf("got %d interfaces, want 3", got)
	}
	other := w.Group(t, vpc, "other")
	before := w.Snapshot(t)
	w.SetGroups(t, w.Interfaces(t, id)[1], other)
	w.Address(t, w.Interfaces(t, usual)[0])
	after := w.Snapshot(t)
	for _, says := range []string{"instance " + id + " running", "keep=false nostop=false shutdown=stop", "/dev/sdf=vol-", "in [tcp:443-443 0.0.0.0/0] out [-1:0-0 0.0.0.0/0]"} {
		if !strings.Contains(before, says) {
			t.Errorf("the snapshot does not say %q:\n%s", says, before)
		}
	}
	for _, says := range []string{"[" + other + "]", "address eipalloc-"} {
		if strings.Contains(before, says) || !strings.Contains(after, says) {
			t.Errorf("the change %q does not show:\n%s", says, after)
		}
	}
}
