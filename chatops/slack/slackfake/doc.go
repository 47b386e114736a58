// Package slackfake is a Slack that behaves: a workspace with state, the Web API with Slack's own errors and limits,
// signed HTTP deliveries, Socket Mode, and people who type, click and submit. It needs nothing but a loopback port, and
// serves the tests of a bot as well as a demonstration of one.
//
//	ws := slackfake.New(slackfake.Options{Commands: []string{"/incident"}})
//	ws.AddUser(slackfake.User{ID: "U1", Name: "alice"})
//	ws.AddChannel(slackfake.Channel{ID: "C1", Name: "ops", Members: []string{"U1", ws.App.BotUserID}})
//	if err := ws.Start(); err != nil { ... }
//	defer ws.Close()
//
//	// The bot: its client talks to ws.APIURL() with ws.App.BotToken, its server checks ws.App.SigningSecret.
//	ws.App.SetEndpoints(bot+"/slack/commands", bot+"/slack/interactions", bot+"/slack/events")
//
//	alice := ws.User("alice")
//	d := alice.In("ops").Type(`/incident declare "key leak"`) // d.Err, d.Status, d.Ack
//	err := ws.Wait(ctx, func(s *slackfake.State) bool { return len(s.Messages("ops")) > 0 })
//	alice.Click(ws.Messages("ops")[0].Ref(), "approve")
//
// # What a person can do
//
// A Person does what Slack's client would let that user do and is refused where the client refuses: a command in a
// channel one has not joined, a button that has gone, a required input left empty. Each action waits for the answer of
// the app, at most Options.AckTimeout; what the app does afterwards is awaited with State.Wait, which sleeps until
// something has changed and puts the transcript into its error. ClickStale is the click that was on its way when the
// button went.
//
// # What everybody sees
//
// State is the workspace to read: messages as they are now, ephemeral ones by person, the open modal, the app's calls.
// State.Transcript is all of it in order as text without times, good for golden files; State.Watch gives it live.
//
// # What can go wrong
//
//   - Calls: FailNext with HTTPError, APIError, Drop, DropAfterEffect (the post that happens twice) or RateLimited; Hold
//     keeps calls waiting; Limit turns Slack's own limits on, counted by Options.Now.
//   - Deliveries: DropAcks, Duplicate, Reorder, Redeliver; events are repeated as Options.EventRetries says.
//   - Sockets: Disconnect, SocketGap; an acknowledgement of 20 KB or more is dropped without a word.
//   - Everything: Down.
//   - Attackers: Forge and Replay send what Slack would not.
//
// # Invariants
//
//   - A message timestamp is later than every one before it in the workspace, to the microsecond.
//   - A call has its effect or not as Call.Effect says, whatever answer the app got; the answer is never ahead of it.
//   - Limits, expiries and signatures follow Options.Now. Only waiting for the app (AckTimeout, PingInterval,
//     EventRetries) takes real time.
//   - After Close no goroutine is left.
//   - Everything made up in order is the same in each run, except secrets: trigger IDs, response URLs, socket tickets.
//
// # Design
//
// The package knows no Slack client library: it reads and writes the wire form itself, so that a client's mistake is not
// made twice, and blocks stay as the app sent them. Blocks are read leniently and then checked, because Slack answers with
// all faults and their places. One lock guards the whole state; a call is one step under it, so that a reader never sees half
// of one. The alternative, a goroutine for the workspace and messages to it, gave the same order with more code, and a
// deadlock whenever a watcher asked a question.
//
// Not modelled: Enterprise Grid, several apps, token rotation, legacy attachments beyond keeping them, unfurling, and
// Slack's refusal of unknown block properties.
package slackfake
