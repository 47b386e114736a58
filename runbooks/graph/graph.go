package graph

import (
	"iter"
	"slices"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Graph is a runbook as nodes and edges, without places.
type Graph struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Digest      string   `json:"digest"`
	Owner       string   `json:"owner,omitempty"`  // team, contact
	Budget      string   `json:"budget,omitempty"` // "20m"
	Environment []string `json:"environments,omitempty"`
	Main        *Flow    `json:"main"`
	Cancel      *Flow    `json:"on_cancel,omitempty"`
}

// Flow is a set of steps in their order. The flow of a run begins with a node
// of kind Start and ends with one of kind End; that inside a frame has neither.
type Flow struct {
	Nodes []Node `json:"nodes"`
	Edges []Edge `json:"edges,omitempty"` // sorted by From, then To
}

// Edge says that a node waits for another one.
type Edge struct {
	From int `json:"from"` // index in Nodes
	To   int `json:"to"`
}

// Kind is what a node does.
type Kind string

// The kinds of nodes.
const (
	Start   Kind = "start"
	End     Kind = "end"
	Action  Kind = "action"
	Manual  Kind = "manual"
	Wait    Kind = "wait"
	Runbook Kind = "runbook" // a frame around Inside
)

// Node is one step, or where a flow starts or ends.
type Node struct {
	ID     string         `json:"id,omitempty"` // as the engine names it: "contain.disable"; empty for start and end
	Kind   Kind           `json:"kind"`
	Title  string         `json:"title"`
	Does   string         `json:"does,omitempty"`   // the action, or the runbook that is called
	Effect actions.Effect `json:"effect,omitempty"` // of an action
	Tells  bool           `json:"tells,omitempty"`  // it only tells people
	Adds   bool           `json:"adds,omitempty"`   // it only adds to the record
	Many   bool           `json:"many,omitempty"`   // done for each item of a list
	Marks  []Mark         `json:"marks,omitempty"`
	Inside *Flow          `json:"inside,omitempty"`
}

// Sign names what a mark is about.
type Sign string

// The signs, in the order in which a node shows them.
const (
	SignEach      Sign = "each"
	SignIf        Sign = "if"
	SignApproval  Sign = "approval"
	SignUnasked   Sign = "unasked"
	SignEvidence  Sign = "evidence"
	SignWait      Sign = "wait"
	SignAnswer    Sign = "answer"
	SignVerify    Sign = "verify"
	SignUnproved  Sign = "unproved"
	SignUndo      Sign = "undo"
	SignNoUndo    Sign = "no_undo"
	SignContains  Sign = "contains"
	SignRetry     Sign = "retry"
	SignOnFailure Sign = "on_failure"
	SignLimit     Sign = "limit"
)

// Mark is one thing to know about a step, in words.
type Mark struct {
	Sign Sign   `json:"sign"`
	Text string `json:"text"`
	Code string `json:"code,omitempty"` // an expression, as it is written, after the text
}

// New makes the graph of a program.
func New(p *runbooks.Program) *Graph {
	g := &Graph{ID: p.ID, Title: p.Title, Digest: p.Digest, Owner: join(" ", p.Owner.Team, p.Owner.Contact), Environment: p.Environments}
	if p.Budget > 0 {
		g.Budget = runbooks.SpanText(p.Budget)
	}
	g.Main = framed(flow("", p.Steps), "Start", "End")
	if len(p.OnCancel) > 0 {
		g.Cancel = framed(flow("", p.OnCancel), "When the run is cancelled", "Cancelled")
	}
	return g
}

// All walks every node of a flow, those inside frames behind the frame.
func (f *Flow) All() iter.Seq[*Node] {
	return func(yield func(*Node) bool) { f.all(yield) }
}

func (f *Flow) all(yield func(*Node) bool) bool {
	for i := range f.Nodes {
		n := &f.Nodes[i]
		if !yield(n) || n.Inside != nil && !n.Inside.all(yield) {
			return false
		}
	}
	return true
}

// flow makes the nodes of steps, and the edges between them.
func flow(prefix string, steps []runbooks.Step) *Flow {
	f := &Flow{Nodes: make([]Node, len(steps))}
	index := make(map[string]int, len(steps))
	for i := range steps {
		f.Nodes[i] = node(prefix, &steps[i])
		index[steps[i].ID] = i
	}
	needs := make([][]int, len(steps))
	for i := range steps {
		for _, id := range steps[i].Needs {
			if j, ok := index[id]; ok && j != i {
				needs[i] = append(needs[i], j)
			}
		}
	}
	f.Edges = reduce(needs)
	return f
}

func node(prefix string, s *runbooks.Step) Node {
	n := Node{ID: prefix + s.ID, Kind: Action, Title: s.Name(), Does: s.Uses, Effect: s.Effect, Tells: s.Tells, Many: s.ForEach != nil, Marks: marks(s)}
	if n.Adds = s.Adds; s.Copies() {
		n.Effect = actions.Read // what is there stays as it is
	}
	switch {
	case s.Manual != nil:
		n.Kind = Manual
	case s.Wait != nil:
		n.Kind = Wait
	case s.Runbook != nil:
		n.Kind, n.Does = Runbook, s.Runbook.ID
		n.Inside = &Flow{}
		if sub := s.Runbook.Program; sub != nil {
			n.Inside = flow(prefix+s.ID+".", sub.Steps)
		}
	}
	return n
}

// framed puts a start before every node that waits for none, and an end behind
// every node that none waits for.
func framed(f *Flow, start, end string) *Flow {
	n := len(f.Nodes)
	waits, waited := make([]bool, n), make([]bool, n)
	out := &Flow{Nodes: slices.Concat([]Node{{Kind: Start, Title: start}}, f.Nodes, []Node{{Kind: End, Title: end}})}
	for _, e := range f.Edges {
		waits[e.To], waited[e.From] = true, true
		out.Edges = append(out.Edges, Edge{e.From + 1, e.To + 1})
	}
	for i := range n {
		if !waits[i] {
			out.Edges = append(out.Edges, Edge{0, i + 1})
		}
		if !waited[i] {
			out.Edges = append(out.Edges, Edge{i + 1, n + 1})
		}
	}
	sortEdges(out.Edges)
	return out
}

func sortEdges(edges []Edge) {
	slices.SortFunc(edges, func(a, b Edge) int {
		if a.From != b.From {
			return a.From - b.From
		}
		return a.To - b.To
	})
}

// order lists the nodes, each after those it needs. In a cycle, which no
// compiled program has, the rest comes as it stands.
func order(needs [][]int) []int {
	left, users := make([]int, len(needs)), make([][]int, len(needs))
	var ready, out []int
	for i, list := range needs {
		left[i] = len(list)
		for _, j := range list {
			users[j] = append(users[j], i)
		}
		if len(list) == 0 {
			ready = append(ready, i)
		}
	}
	seen := make([]bool, len(needs))
	for len(ready) > 0 {
		i := ready[0]
		ready = ready[1:]
		seen[i] = true
		out = append(out, i)
		for _, j := range users[i] {
			if left[j]--; left[j] == 0 {
				ready = append(ready, j)
			}
		}
	}
	for i := range needs {
		if !seen[i] {
			out = append(out, i)
		}
	}
	return out
}

// reduce gives the edges of needs without those that follow from others.
func reduce(needs [][]int) []Edge {
	words := (len(needs) + 63) / 64
	before := make([][]uint64, len(needs)) // what has ended before each node
	var edges []Edge
	for _, i := range order(needs) {
		all := make([]uint64, words) // before one of the nodes that i needs
		for _, j := range needs[i] {
			for w, bits := range before[j] {
				all[w] |= bits
			}
		}
		direct := slices.Compact(slices.Sorted(slices.Values(needs[i])))
		for _, j := range direct {
			if all[j/64]&(1<<(j%64)) == 0 {
				edges = append(edges, Edge{j, i})
			}
		}
		for _, j := range direct {
			all[j/64] |= 1 << (j % 64)
		}
		before[i] = all
	}
	sortEdges(edges)
	return edges
}

func join(by string, parts ...string) string {
	out := ""
	for _, p := range parts {
		if p != "" && out != "" {
			out += by
		}
		out += p
	}
	return out
}
