// Package tabletop plays an exercise in one terminal: one person, or several
// around a table, say who acts and type what they would type after /incident.
//
//	alice> run leaked-access-key access_key_id=AKIA...
//	bob: approve quarantine
//	drill inject call
//
// What the incident owes to people is printed as it comes: injects, questions,
// ends. Words that lead the exercise (drill, corrective) are the facilitator's
// unless somebody else is named.
//
// # Design
//
// The words go through the same bot as in Slack and on a server, with a
// directory made of the scenario's people. A menu of choices was rejected: what
// is rehearsed is what is typed at night.
package tabletop
