package engine

import (
	"context"
	"iter"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Request says who asks and, where the way in gives one, a nonce that makes
// the same request refused when it comes twice, even after a restart.
type Request struct {
	Actor Actor
	Nonce string
	Verb  string // for the record of a refusal: "approve"
}

// Receipt says where a request was written down.
type Receipt struct {
	Incident string
	Run      string // of a run that was started
	Seq      int64  // journal place of the first fact
}

// RunRequest asks for a run.
type RunRequest struct {
	Runbook     string            // id of a loaded runbook
	Inputs      map[string]string // as words; the program's types decide
	Environment string            // "" takes the only or default one
	Digest      string            // "" or the digest of a plan that was looked at; refused when the runbook is another one now
}

// Incidents is what people drive: the chat, the terminal, a rehearsal. A
// request that is not followed is a *[Refusal], which is written to the
// journal before it is returned.
type Incidents interface {
	// Declare opens an incident and gives its id.
	Declare(ctx context.Context, req Request, title string, severity int, private bool) (Receipt, error)
	// Start begins a run.
	Start(ctx context.Context, req Request, incident string, run RunRequest) (Receipt, error)
	// Submit hands in a fact from outside: a vote, a note, a cancel, an answer.
	// run and step may be empty when the body does not need them.
	Submit(ctx context.Context, req Request, incident, run, step string, body Body) (Receipt, error)
	// Refuse writes down a request that policy refused. incident may be empty.
	Refuse(ctx context.Context, req Request, incident string, refusal *Refusal) error
	// View shows an incident to look, which must not keep it. Not found is a *Refusal.
	View(ctx context.Context, incident string, look func(*Incident)) error
	// List shows every incident, newest first.
	List(ctx context.Context) ([]Summary, error)
	// Events gives the facts of an incident in order.
	Events(ctx context.Context, incident string) iter.Seq2[Event, error]
	// Programs lists the runbooks that can be run, sorted by id.
	Programs() []*runbooks.Program
	// Head is the head of the journal that holds an incident, for people to compare: its size and the first digits of its root.
	Head(ctx context.Context, incident string) (size int64, root string, err error)
}

// Summary is one line of a list of incidents.
type Summary struct {
	ID       string `json:"id"`
	Title    string `json:"title"`
	Severity int    `json:"severity"`
	Private  bool   `json:"private,omitempty"`
	Resolved bool   `json:"resolved"`
	Declared Stamp  `json:"declared"`
	Channel  string `json:"channel,omitempty"`
	Control  string `json:"control,omitempty"` // of an exercise: the channel of its facilitators
	Active   int    `json:"active_runs"`
	Asks     int    `json:"open_asks"`
	By       string `json:"declared_by"`
}

// SummaryOf sums up an incident as it is. Of an exercise that has ended nothing
// goes on: what was open stays as it was.
func SummaryOf(i *Incident) Summary {
	s := Summary{ID: i.ID, Title: i.Title, Severity: i.Severity, Private: i.Private, Resolved: i.Resolved, Declared: At(i.DeclaredAt), By: i.DeclaredBy.ID}
	if i.Channel != nil {
		s.Channel = i.Channel.Channel
	}
	if p := i.Posts[ControlRef]; p != nil {
		s.Control = p.Channel
	}
	if i.Drill != nil && i.Drill.Ended {
		return s
	}
	for _, r := range i.Runs {
		if !r.Status.Ended() {
			s.Active++
		}
	}
	for _, a := range i.Asks {
		if !a.Closed {
			s.Asks++
		}
	}
	return s
}

// Take adds what one of the first facts says, for an incident that is summed up
// without reading all of it: what was declared, and its channels.
func (s *Summary) Take(e Event) {
	switch b := e.Body.(type) {
	case Declared:
		s.Title, s.Severity, s.Private, s.Declared, s.By = b.Title, b.Severity, b.Private, At(e.At), e.Actor.ID
	case ChannelBound:
		s.Channel = b.Channel
	case MessagePosted:
		if b.Ref == ControlRef {
			s.Control = b.Channel
		}
	}
}

// Chat is where messages owed to people go. Its methods run outside the core
// and may be slow or fail; the host tries again until they succeed. look shows
// the incident as it is at that moment.
type Chat interface {
	// OpenChannel makes the incident's channel, or finds the one made before a crash.
	OpenChannel(ctx context.Context, look Look) (ChannelBound, error)
	// Post posts the message called ref, or finds it when it was posted before a crash.
	Post(ctx context.Context, look Look, ref string) (MessagePosted, error)
	// Close shows the answer in a posted ask and takes its buttons away.
	Close(ctx context.Context, look Look, post Post) error
	// Changed says that the incident moved on; the card may be drawn again. It must not block.
	Changed(incident string)
}

// Look shows an incident to f, which must not keep it.
type Look func(f func(*Incident)) error
