// Package chatops is how people drive incidents: the words they type after
// /incident, who may do what, and what they are shown, with no chat's own
// format in it. The same [Bot] serves Slack, the terminal and a rehearsal, so
// nothing can be done in one that cannot be done in another.
//
// # Use
//
// An adapter turns what its chat delivers into an [Input], a [Click] or an
// [Answer], hands it to the Bot, and draws the [Message] that comes back. It
// finds out who somebody is with [Directory.BySlack] or [Directory.ByOSUser];
// of somebody it does not trust (a guest, a bot, another workspace) it makes
// an actor of type engine.Stranger whose Name says why. Messages nobody asked
// for are made by [Card], [AskMessage],
// [ReminderMessage] and [EndMessage].
//
//	m := bot.Command(ctx, chatops.Input{Actor: alice, Nonce: trigger, Text: "approve disable", Channel: "C024BE91L"})
//
// A terminal joins its arguments with [Join] and draws with chatops/console.
//
// A message with [Message.Public] set goes to the channel of the incident it
// names in [Message.Incident], never to the place where the words were typed:
// an incident can be named from anywhere, and may be private. A message with a
// [Form] has done nothing yet; the form's answer goes to [Bot.Answer] with the
// Form's ID and State as they were. Each delivery has a nonce of its own.
//
// # Invariants
//
//   - One table in verb.go lists the verbs. The parser, the help, completion,
//     the policy and the dispatcher read it, so a verb cannot be in one and
//     missing in another.
//   - One function, [Policy.Allow], judges rights, and one place calls a
//     handler, after it. A button or a form names an ask and nothing else; it is
//     looked up and judged as if the words had been typed. Whatever is not
//     understood is refused.
//   - What is judged is what is done: the incident, run and step are looked up
//     once, before the right to them is judged, and are not looked up again.
//   - Who may approve, and whether the plan is still the one that was seen, is
//     judged by the engine when the vote is applied. The policy only keeps away
//     those who have no business with it.
//   - A yes that has to be signed has no button. A terminal is asked for the
//     signature by [Message.Sign], puts the text together itself, and sends the
//     line again; in a chat such a yes is refused with the command to type.
//   - What lets an effect last (extend, keep) is judged on the step it is about:
//     to be asked about another containment gives no right, and who started a
//     run cannot by that alone make what it did last for good.
//   - One answer to a loop is for all its items: its question shows how many
//     there are and a hash over the arguments of all, so that two lists that
//     differ far down cannot look the same.
//   - An incident that may not be seen is answered in the same words as one that
//     does not exist.
//   - A refusal says what, why, and what to type next. Those of the policy, and
//     those of a verb that would have changed something, are written down.
//   - Text from outside is shown with nothing hidden in it ([Visible]) and cut to
//     a length with a count of what is missing. Words that decide what is acted
//     on (steps, runbooks, values of inputs) may hold no hidden characters at all.
//   - Nothing is remembered between requests. A repeated delivery carries the
//     same nonce, and the engine refuses it.
//
// # Design
//
// The answer is a value, [Message], that knows paragraphs, fields, lines and
// buttons. Rejected: answering in a chat's own markup, which ties the words to
// that chat and invites text from outside into it.
//
// A button carries the reference of one question. Rejected: carrying the step
// or the plan in it, which a client could change, and which goes stale.
//
// A loop is one line with counts and the items that need somebody. Rejected: a
// line for each item, which buries at item 300 the one that is in doubt. The
// steps of a runbook that is called stand below it until it has ended well.
//
// extend counts from the present end of a containment, or from now when that
// is over. Rejected: always from now, by which "extend --for 24h" would shorten
// one that has two days left.
//
// A reminder has no buttons: those of a question are taken away when it is
// answered, and nobody would come back to those of its reminders.
//
// A private incident is seen by responders, commanders, auditors and admins, by
// who declared it or started a run in it, and by who is asked in it. Rejected
// for now: letting the members of its channel see it, because membership is
// the chat's word and would have to be followed; what a chat says may take
// rights away and never give any.
//
// Without quotes a free text goes on to the end or the next flag, because
// people forget quotes at night. Where that could change what is meant (an
// incident or a run named after --reason) the line is refused instead.
package chatops
