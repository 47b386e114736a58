package app

import (
	"context"
	"errors"

	"github.com/firebreak-ir/firebreak/actions/aws"
	"github.com/firebreak-ir/firebreak/chatops/slack"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
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

// JournalSize is the number of records of the journal, read without taking it.
func JournalSize(ctx context.Context, cfg *config.Config) (size int64, err error) {
	log, err := bolt.Open(cfg.Store, bolt.Options{ReadOnly: true, MustExist: true})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	head, err := log.Head(ctx)
	return head.Size, err
}
