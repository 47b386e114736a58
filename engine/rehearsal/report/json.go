package report

import (
	"encoding/json"
	"io"

	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
)

// Schema names the JSON form. It is raised only when a reader of the old form
// would misread the new one.
const Schema = "firebreak/after-action/v1"

type wireReport struct {
	Schema   string        `json:"schema"`
	Banner   string        `json:"banner,omitempty"`
	Head     *wireHead     `json:"head,omitempty"`
	Result   *score.Result `json:"result"`
	Previous *wireBefore   `json:"previous,omitempty"`
}

type wireHead struct {
	Origin     string `json:"origin"`
	Size       int64  `json:"size"`
	Root       []byte `json:"root"`
	Checkpoint string `json:"checkpoint"` // the signed note
}

type wireBefore struct {
	ID      string         `json:"id"`
	Outcome score.Outcome  `json:"outcome"`
	Metrics []score.Metric `json:"metrics"`
}

// JSON writes every figure, uncut: the result as package score documents it,
// the head of the journal, and the metrics of the rehearsal before.
func (r *Report) JSON(w io.Writer) error {
	out := wireReport{Schema: Schema, Banner: bannerOf(r.in.Result), Result: r.in.Result}
	if h := r.in.Head; h.Size > 0 {
		out.Head = &wireHead{h.Origin, h.Size, h.Root[:], string(h.Note)}
	}
	if p := r.in.Previous; p != nil {
		out.Previous = &wireBefore{p.ID, p.Outcome, p.Metrics}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(out)
}
