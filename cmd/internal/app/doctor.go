package app

import (
	"context"

	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
)

// WhoAmI asks AWS who this server is in an environment.
func WhoAmI(ctx context.Context, cfg *config.Config, environment string) (string, error) {
	return aws.New(awsOptions(cfg, aws.Options{})).WhoAmI(ctx, environment)
}

// SlackDoctor looks at the connection to Slack.
func SlackDoctor(ctx context.Context, cfg *config.Config) ([]slack.Finding, error) {
	adapter, err := newSlack(ctx, cfg, Options{})
	if err != nil {
		return nil, err
	}
	defer adapter.Stop()
	return adapter.Doctor(ctx), nil
}
