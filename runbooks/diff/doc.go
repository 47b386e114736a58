// Package diff says what changes in the behaviour of a runbook between two of
// its versions.
//
//	for _, c := range diff.Compare(old, new) {
//		fmt.Println(c.Weight, c.Text)
//	}
//
// It compares programs, not files: a comment, the layout, the order of keys and
// a default that was written out change nothing. Each [Change] has a weight, so
// that a reviewer sees first what became less safe: a lower quorum, a proof that
// is gone, a longer list of people who may say yes.
//
// # Invariants
//
// Programs with equal digests have no changes, and programs with different
// digests have at least one. The second holds by construction and not by care: every
// field of the program's form is looked at, and a difference for which no rule
// here has words is told in general ones.
//
// # Weights
//
// A change whose direction cannot be told is weighed as if it were for the
// worse where the step changes something: a condition of such a step that is
// neither the same nor narrowed by "&&" is [Weaker]. So a gate on [Weaker] can be
// passed by a careless word in a message, and not by a new condition.
//
// # Design
//
// Steps are matched by id, because the id is what the journal, the approvals and
// the expressions name. Rejected: a comparison of the YAML, which cannot see that
// an action became more dangerous; a general tree diff alone, which says that
// "steps.3.approval.quorum" is 1 but not that this is weaker; and guessing which
// removed step became which added one, which would be right until it matters.
package diff
