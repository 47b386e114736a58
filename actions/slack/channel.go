package slack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

const (
	maxChannelName = 80  // characters of a channel's name
	maxPurpose     = 250 // characters of a channel's purpose
	listSize       = 200 // entries in one page of members or channels
)

// slug keeps the letters, digits, hyphens and underscores that Slack allows in
// a channel's name, and makes one hyphen of everything between them.
func slug(s string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '_':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	return strings.TrimRight(b.String(), "-")
}

// isWord says whether an error is Slack's answer with one of these words.
func isWord(err error, words ...string) bool {
	answer, ok := errors.AsType[slack.SlackErrorResponse](err)
	return ok && slices.Contains(words, answer.Err)
}

// info reads a channel.
func info(ctx context.Context, client *slack.Client, id string) (*slack.Channel, error) {
	found, err := client.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
	switch {
	case err != nil:
		return nil, classify("conversations.info", reads, err)
	case found == nil || found.ID != id:
		return nil, &actions.Error{Class: actions.Transient, Op: "slack:conversations.info", Err: fmt.Errorf("the answer is not about channel %q", id)}
	}
	return found, nil
}

// ownWorkspace refuses a channel that people of another organisation can read,
// or soon will.
func ownWorkspace(c *slack.Channel) error {
	if !c.IsExtShared && !c.IsPendingExtShared {
		return nil
	}
	return &actions.Error{
		Class: actions.Precondition, Op: "slack:conversations.info", Err: fmt.Errorf("channel %q (%s) is shared with another organisation", "#"+c.Name, c.ID),
		Hint: "use a channel of your own workspace",
	}
}

// members reads everybody in a channel, sorted. Only a list that was read to
// its end, and is not empty, is an answer.
func members(ctx context.Context, client *slack.Client, channel string) ([]string, error) {
	var all []string
	query := slack.GetUsersInConversationParameters{ChannelID: channel, Limit: listSize}
	for range maxPages {
		page, next, err := client.GetUsersInConversationContext(ctx, &query)
		if err != nil {
			return nil, classify("conversations.members", reads, err)
		}
		all = append(all, page...)
		if next == "" {
			if len(all) == 0 {
				return nil, &actions.Error{Class: actions.Transient, Op: "slack:conversations.members", Err: fmt.Errorf("the list of members of %q is empty, which proves nothing", channel)}
			}
			slices.Sort(all)
			return slices.Compact(all), nil
		}
		query.Cursor = next
	}
	return nil, &actions.Error{
		Class: actions.Precondition, Op: "slack:conversations.members", Err: fmt.Errorf("channel %q has more than %d members", channel, listSize*maxPages),
		Hint: "use a channel for the people of the incident",
	}
}

// unreadable turns an error of a reading into its verdict: what cannot be read
// proves nothing. Other errors stay, so that the reading is made again.
func unreadable(err error) (actions.Reading, error) {
	switch actions.ClassOf(err) {
	case actions.Denied, actions.NotFound, actions.Precondition:
		return actions.Reading{Verdict: actions.CannotVerify, Detail: err.Error()}, nil
	}
	return actions.Reading{}, err
}
