package cloud

import (
	"context"

	"github.com/firebreak-ir/firebreak/actions"
)

// WhoAmI is the ARN that firebreak acts as in an environment, after it has
// assumed the environment's role and compared the account. It changes nothing.
func (c *Cloud) WhoAmI(ctx context.Context, environment string) (string, error) {
	conn, err := c.Open(ctx, actions.Call{Environment: environment, Incident: "doctor", Run: "doctor", Step: "doctor", Actor: "doctor"})
	if err != nil {
		return "", err
	}
	return conn.Selves[len(conn.Selves)-1].ARN(), nil
}
