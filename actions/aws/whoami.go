package aws

import (
	"context"

	"github.com/firebreak-ir/firebreak/actions"
)

// WhoAmI is the ARN that firebreak acts as in an environment, after it has
// assumed the environment's role and compared the account. It changes nothing.
func (p *Provider) WhoAmI(ctx context.Context, environment string) (string, error) {
	c, err := p.open(ctx, actions.Call{Environment: environment, Incident: "doctor", Run: "doctor", Step: "doctor", Actor: "doctor"})
	if err != nil {
		return "", err
	}
	return c.selves[len(c.selves)-1].ARN(), nil
}
