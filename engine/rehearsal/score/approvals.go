package score

import (
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
)

// takeApproval follows a question to people from its asking to its decision.
func (f *fold) takeApproval(e engine.Event) {
	switch b := e.Body.(type) {
	case engine.ApprovalRequested:
		a := &Approval{Run: e.Run, Step: e.Step, ID: b.ID, Asked: f.now, From: slices.Clone(b.From), Quorum: b.Quorum, Verdict: string(engine.ApprovalOpen), Voters: []Voter{}}
		f.asked[b.ID] = a
		f.order = append(f.order, a)
	case engine.ApprovalEscalated:
		if a := f.asked[b.ID]; a != nil {
			a.From = append(a.From, b.To...)
		}
	case engine.Vote:
		a := f.asked[b.Approval]
		if a == nil {
			return
		}
		a.Voters = append(a.Voters, Voter{ID: e.Actor.ID, Yes: b.Approve, At: f.now, Reason: b.Reason})
		if a.First == nil {
			now, took := f.now, f.now.since(a.Asked)
			a.First, a.ToFirst = &now, &took
		}
	case engine.GlassBroken:
		if a := f.asked[b.Approval]; a != nil {
			a.Glass = e.Actor.ID
		}
	case engine.ApprovalClosed:
		f.closeApproval(b)
	}
}

// closeApproval takes the first end of a question. One that was granted and is
// void afterwards was decided all the same: people said yes, then the plan changed.
// Where the glass was broken it was not: it was passed over.
func (f *fold) closeApproval(b engine.ApprovalClosed) {
	a := f.asked[b.ID]
	if a == nil {
		return
	}
	if a.Verdict != string(engine.ApprovalOpen) {
		a.Voided = a.Voided || b.Verdict == engine.ApprovalVoided
		return
	}
	a.Verdict, a.Reason = string(b.Verdict), b.Reason
	now := f.now
	a.Decided = &now
	if a.Glass == "" && b.Verdict == engine.ApprovalGranted || b.Verdict == engine.ApprovalDenied {
		took := f.now.since(a.Asked)
		a.Latency = &took
	}
}

// decided lists the questions that were answered, the quickest first.
func (f *fold) decided() []*Approval {
	var list []*Approval
	for _, a := range f.order {
		if a.Latency != nil {
			list = append(list, a)
		}
	}
	slices.SortStableFunc(list, func(a, b *Approval) int { return int(a.Latency.MS - b.Latency.MS) })
	return list
}

// with lists the places where people brought questions to this end.
func (f *fold) with(verdict engine.ApprovalState) (seqs []int64) {
	for _, a := range f.order {
		if a.Verdict == string(verdict) && (a.Glass == "" || verdict != engine.ApprovalGranted) {
			seqs = append(seqs, a.Decided.Seq)
		}
	}
	return seqs
}
