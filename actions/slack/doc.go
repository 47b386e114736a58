// Package slack talks to people from runbook steps: the actions slack.post,
// slack.open_channel and slack.invite.
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
//   - A channel that a step opens carries the step's mark in its purpose, for the
//     same reason. The mark is written after the channel is made, because Slack
//     cannot do both at once; a channel that lost its maker in between has our
//     name, no purpose and the app as its creator, and the next attempt takes it up.
//     Two steps of one incident should therefore not use the same name.
//   - People are looked up while planning, and who is a guest, a bot, deactivated or of
//     another workspace stops the step. They are invited one by one, because
//     Slack may bring in some of a list and answer with an error about the others.
//     A user group is expanded: Slack does not invite groups.
//   - No channel that another organisation can read is used.
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
