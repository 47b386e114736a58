// Package slack posts messages from runbook steps: the action slack.post.
//
//	provider := slack.New(slack.Options{Token: token, Channel: channelOf})
//	provider.Register(registry)
//
// # What it keeps to
//
//   - A message carries metadata (event type firebreak_step, with incident, run,
//     step and key), so that a step whose answer was lost finds its own message
//     and does not post twice. That is why a channel is named by id, and why
//     the app must be in it: only then can it read the history.
//   - Text is posted as plain text. What comes from outside cannot mention
//     anybody, make links that hide their target, or unfurl pages.
//   - The client library never repeats a request by itself: it would repeat a
//     post after a lost answer.
//
// # Design
//
// The action repeats by probe. Slack has no client token for posts that it
// promises to honor, so looking for the message is the only proof. The step's
// key inside the metadata is compared, not the text, because Slack rewrites
// texts when it stores them.
package slack
