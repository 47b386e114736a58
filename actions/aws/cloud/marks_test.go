package cloud_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func TestToken(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	seen := map[string][]string{}
	for _, parts := range [][]string{nil, {"a"}, {"a", "b"}, {"ab"}, {"a\x00b", "c"}, {"b", "a"}} {
		token := cloud.Token("0f0e0d0c", parts...)
		if !form.MatchString(token) {
			t.Errorf("the token %q is no UUID", token)
		}
		if again := cloud.Token("0f0e0d0c", parts...); again != token {
			t.Errorf("got %s, then %s", token, again)
		}
		if other, taken := seen[token]; taken {
			t.Errorf("%q and %q have the same token", other, parts)
		}
		seen[token] = parts
	}
	if cloud.Token("0f", "a") == cloud.Token("0e", "a") {
		t.Error("two steps have the same token")
	}
}

func TestTags(t *testing.T) {
	got := cloud.Tags(actions.Call{Incident: "INC-12", Run: "R1", Step: "cut off/1"})
	want := []cloud.Tag{{Key: "firebreak:managed", Value: "true"}, {Key: "firebreak:incident", Value: "INC-12"}, {Key: "firebreak:run", Value: "R1"}, {Key: "firebreak:step", Value: "cut-off-1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want -, got +\n%s", diff)
	}
}
