// Package slack is firebreak's side of a Slack workspace: it turns what Slack
// delivers into requests for a [Bot], and draws what comes back, and what is
// owed to the channels of incidents, as Block Kit. The library it speaks through
// is wrapped in api.go and seen nowhere else but in the drawing of blocks.
//
// # Use
//
//	adapter, err := slack.New(slack.Options{BotToken: bot, AppToken: app, TeamID: "T0123ABCD", Directory: directory,
//		Renderer: slack.Renderer{Card: chatops.Card, Ask: chatops.AskMessage, End: chatops.EndMessage, Remind: chatops.ReminderMessage}})
//	host := ... // takes adapter as its engine.Chat
//	adapter.Bind(chatops.NewBot(...), host)
//	err = adapter.Run(ctx)           // Socket Mode, and the cards
//	mux.Handle("/slack/", adapter.Handler()) // HTTP mode, besides Run
//
// # The way in
//
// Socket Mode and HTTP are two doors to one path. HTTP: the signature over the
// raw body, not older than five minutes, before anything is parsed. Both: our
// workspace only; a request that came before is refused, by a window in memory
// at once and by its nonce in the journal for good; then it waits in the lane of
// its channel. Slack is answered before any work is done or any call is made,
// and a full lane is told to the person instead of to nobody. Then one function,
// [Adapter.serve] in the source, finds out who it is and asks the Bot. There is
// no other way to the Bot.
//
// # Who somebody is
//
// Slack says who clicked; the directory says who that is. Slack may only take
// rights away: a guest, a bot, a deactivated account, another workspace, a
// channel shared with strangers, or no answer from Slack make an actor of type
// engine.Stranger whose Name is the reason. A request that may change something
// looks the account up afresh; a harmless one may use an answer up to a minute old.
// A form is opened before that look, because its trigger lives for three
// seconds, and says nothing until it is filled by what the Bot answers.
//
// # The way out
//
// Everything owed to Slack waits in an outbox: one lane a channel for messages,
// one an incident for its card, so that a card never holds up an answer. A lane
// keeps its order, and tries again until Slack is back or somebody stops
// waiting. A card is drawn at once when it has rested, else when its interval
// is over. A post bears a tag in its metadata; after a restart, or a call of
// which nobody knows the end, the channel's history is read before it is posted.
//
// # Invariants
//
//   - Tokens, the signing secret, response addresses and socket addresses are in
//     no log and no error: every error of Slack is a [Fault], which has no room for them.
//   - Text from outside stands in plain_text or rich_text, or escaped in the
//     fallback text; the only mentions are those of Message.Notify.
//   - No message passes a limit of Slack's; what is cut is seen to be cut.
//   - A message about an incident goes to that incident's channel or to one
//     person, never to another channel, and never to one shared with others.
//
// # Design
//
// The Socket Mode loop is our own, on a websocket. Rejected: the library's
// client, which closes a connection before it dials the next, acknowledges on
// whichever connection is there, and starts a goroutine an event, so that two
// quick commands can swap.
//
// A post is found by reading the channel once, not by asking before each post:
// history is the most limited call there is. Rejected: keeping what was posted
// in a file of our own, a second truth beside the journal.
package slack
