package score

import (
	"encoding/json"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// finishMetrics works out every metric. doc.go defines each of them.
func (f *fold) finishMetrics() {
	f.lastSilence()
	for _, m := range runbooks.Metrics() {
		out := Metric{Name: m.Name, Unit: m.Unit, Doc: m.Doc, Seqs: []int64{}}
		f.work(&out)
		if len(out.Seqs) > MaxSeqs {
			out.Seqs = out.Seqs[:MaxSeqs]
		}
		f.r.Metrics = append(f.r.Metrics, out)
	}
}

// took sets a duration. A started second counts as a whole one, so that no
// limit is kept by rounding.
func (m *Metric) took(t Took, seqs ...int64) {
	m.Came, m.Took, m.Value, m.Seqs = true, &t, (t.MS+999)/1000, seqs
}

func (m *Metric) count(n int, seqs []int64) {
	m.Came, m.Value = true, int64(n)
	m.Seqs = append(m.Seqs, seqs...)
}

func (m *Metric) counted(seqs []int64) { m.count(len(seqs), seqs) }

// until is the time from the declaration to a moment that may not have come.
func (f *fold) until(m *Metric, at *Moment, missing string) {
	if at == nil {
		m.Why = missing
		return
	}
	m.took(at.since(f.start), f.start.Seq, at.Seq)
}

func (f *fold) work(m *Metric) {
	n := &f.figures
	if f.scenario == nil {
		switch m.Name {
		case "wrong_decisions", "expectations_met", "expectations_missed", "hints", "clocks_met", "clocks_missed", "points", "points_possible":
			m.Why = "only an exercise has a scenario that says"
			return
		}
	}
	switch m.Name {
	case "time_to_acknowledge":
		f.until(m, n.responder, "nobody acted")
	case "time_to_commander":
		f.until(m, n.commander, "no commander acted")
	case "time_to_first_containment":
		if len(n.proofs) == 0 {
			m.Why = "no change was proven by reading it back"
			return
		}
		f.until(m, &n.proofs[0].at, "")
	case "time_to_full_containment":
		last, why := f.contained()
		if last == nil {
			m.Why = why
			return
		}
		f.until(m, &last.at, "")
	case "approval_latency_median", "approval_latency_worst":
		list := f.decided()
		if len(list) == 0 {
			m.Why = "no question was decided"
			return
		}
		a := list[len(list)-1]
		if m.Name == "approval_latency_median" {
			a = list[len(list)/2]
		}
		m.took(*a.Latency, a.Asked.Seq, a.Decided.Seq)
	case "waiting_share":
		f.waitingShare(m)
	case "approvals_granted":
		m.counted(f.with(engine.ApprovalGranted))
	case "approvals_denied":
		m.counted(f.with(engine.ApprovalDenied))
	case "approvals_expired":
		m.counted(f.with(engine.ApprovalExpired))
	case "glasses_broken", "glasses_unreviewed":
		seqs, open := f.glasses()
		if m.Name == "glasses_unreviewed" {
			seqs = open
		}
		m.counted(seqs)
	case "steps_skipped":
		var seqs []int64
		for _, s := range n.skips {
			if s.Status == engine.StepSkipped {
				seqs = append(seqs, n.skipped[s])
			}
		}
		m.counted(seqs)
	case "manual_out_of_order":
		m.counted(f.outOfOrder())
	case "wrong_decisions":
		var seqs []int64
		for _, w := range f.r.Wrong {
			seqs = append(seqs, w.Seq)
		}
		m.counted(seqs)
	case "retries":
		m.counted(n.retries)
	case "doubts", "doubts_resolved":
		var seqs []int64
		for _, d := range n.doubts {
			if m.Name == "doubts" || d.settled() {
				seqs = append(seqs, d.seq)
			}
		}
		m.counted(seqs)
	case "hints":
		m.counted(n.hints)
	case "longest_silence":
		m.took(f.silence.longest, f.silence.from, f.silence.to)
	case "handoffs":
		m.counted(n.handoffs)
	case "refused":
		m.counted(n.refused)
	default:
		f.expected(m)
	}
}

// expected works out the metrics of what was expected.
func (f *fold) expected(m *Metric) {
	m.Came = true
	for _, x := range f.r.Expect {
		met := x.State == Met
		missed := x.State == Missed || x.State == Late
		seq := x.seq()
		switch m.Name {
		case "expectations_met":
			m.add(met, 1, seq)
		case "expectations_missed":
			m.add(missed, 1, seq)
		case "points":
			m.add(met, x.Points, seq)
		case "points_possible":
			m.add(met || missed, x.Points, seq)
		}
	}
	for _, c := range f.r.Clocks {
		switch m.Name {
		case "clocks_met":
			if c.State == Met {
				m.add(true, 1, c.Met.Seq)
			}
		case "clocks_missed":
			if c.State == Missed || c.State == Late {
				m.add(true, 1, c.From.Seq)
			}
		}
	}
}

func (m *Metric) add(yes bool, n int, seq int64) {
	if yes {
		m.Value += int64(n)
		m.Seqs = append(m.Seqs, seq)
	}
}

// seq is the place that proves what became of an expectation.
func (x Expectation) seq() int64 {
	switch {
	case x.Judged != nil:
		return x.Judged.Seq
	case x.Met != nil:
		return x.Met.Seq
	case x.From != nil:
		return x.From.Seq
	}
	return -1
}

// waitingShare is rounded to the nearest percent.
func (f *fold) waitingShare(m *Metric) {
	people, all := int64(0), int64(0)
	for _, r := range f.runs {
		people += r.watch.people.MS
		all += r.watch.length.MS
		m.Seqs = append(m.Seqs, r.Seq)
	}
	if all == 0 {
		m.Why = "no run took any time"
		m.Seqs = []int64{}
		return
	}
	m.Came, m.Value = true, (200*people+all)/(2*all)
}

// lastSilence closes the silence that the end of the record, or the reader, ended.
func (f *fold) lastSilence() {
	end := f.end
	if !f.over && f.inc.Drill == nil && f.o.Now.After(f.at) {
		more := f.o.Now.Sub(f.at).Milliseconds()
		end.MS, end.WallMS = end.MS+more, end.WallMS+more
	}
	f.silence.until(end)
}

// inputs is what a run was given, in a form that can be compared.
func inputs(r *engine.Run) string {
	data, err := json.Marshal(r.Inputs)
	if err != nil {
		panic("score: inputs that were decoded do not encode: " + err.Error())
	}
	return string(data)
}
