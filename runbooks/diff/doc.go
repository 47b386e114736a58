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
// worse where a wrong guess is dear: a condition of a step that changes something,
// unless it is the old one and more behind "&&"; every other argument of a
// destructive step; another list of a for_each; another action. What a gate on
// [Weaker] lets through are other arguments of a step that is not destructive,
// because nearly every edit has one, and longer limits on time and attempts.
//
// Inside of a runbook that is called nothing is [Breaking]: the runbook that calls
// it was compiled with it.
//
// # Design
//
// Steps are matched by id, because the id is what the journal, the approvals and
// the expressions name. Rejected: a comparison of the YAML, which cannot see that
// an action became more dangerous; a general tree diff alone, which says that
// "steps.3.approval.quorum" is 1 but not that this is weaker; and guessing which
// removed step became which added one, which would be right until it matters.
package diff
