// Package graph draws a runbook.
//
//	g := graph.New(program)
//	err := graph.SVG(w, g) // or graph.Mermaid, graph.DOT
//
// [New] makes a small model that knows no coordinates: nodes with what a
// responder must see (what a step does and how dangerous that is, its condition,
// who has to say yes, its proof, how it is taken back), and edges for the order.
// The writers draw the model and nothing else, so what one of them shows the
// others show, too.
//
// # Invariants
//
// The same program gives the same bytes. Every step is drawn, with its id; what
// is too long is cut with an ellipsis and stands in full in the tooltip. Danger
// is never told by color alone: there is a word, a sign and the border. Text of
// a runbook is text in every format: it can close no quote, open no tag, and
// name no link. A drawing holds no script and loads nothing.
//
// An edge that follows from two others is left out, since it says nothing about
// the order. The steps of on_cancel are a flow of their own, and a runbook that
// is called is a frame around its steps; its own on_cancel is drawn where it is
// drawn itself, and a mark says that it has one.
//
// # Design
//
// The SVG has a layered layout of our own (Sugiyama's): ranks by longest path
// with at most [across] steps side by side, an order by barycenters, places by
// weighted isotonic regression, and edges in tracks that do not share a line
// unless they come from the same step. Rejected: calling Graphviz, which a
// responder does not have at three in the morning; and Mermaid alone, which needs
// a browser and a script, and gives up beyond 500 edges. Two edges from one
// step share their way, because a step with 300 successors is otherwise a wall.
package graph
