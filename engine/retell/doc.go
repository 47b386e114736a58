// Package retell reads what happened in a run and tells it again as YAML: what
// the world answered, who did what and after how long, where it was. Tests and
// scenarios are made of it.
//
//	story, err := retell.Read(facts, "", catalog)
//	retell.WriteAnswers(&b, "  ", story.Answers())
//
// # Invariants
//
//   - Whatever could tell whose incident it was is replaced by a stand-in of the
//     same form, the same for the same text, so that patterns still fit and what
//     was equal stays equal. Words that the runbook itself names stay. A text of
//     a person, a name and a member that no type declares never come through.
//   - The same facts give the same text.
//
// # Design
//
// A stand-in is made by the form of a text and the declared type of its field.
// The rejected alternative is a list of what must not be seen: what nobody
// thought of would be seen.
package retell
