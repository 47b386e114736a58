package cloud_test

import (
	"regexp"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

func TestTokensAreTheSameForTheSameStep(t *testing.T) {
	one := cloud.Token("0f0e", "rotate", "1")
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(one) {
		t.Errorf("got %q, which is no UUID", one)
	}
	if again := cloud.Token("0f0e", "rotate", "1"); again != one {
		t.Errorf("got %q, then %q", one, again)
	}
	for _, other := range []string{cloud.Token("0f0f", "rotate", "1"), cloud.Token("0f0e", "rotate", "2"), cloud.Token("0f0e", "rotate1"), cloud.Token("0f0e", "rotat", "e1"), cloud.Token("0f0e")} {
		if other == one {
			t.Errorf("another step or part gets the same token %q", one)
		}
	}
}
