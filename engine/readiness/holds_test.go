package readiness_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/engine/readiness"
	"github.com/firebreak-ir/firebreak/engine/sim"
)

func heldBy(in readiness.Input) string {
	var list []string
	for _, c := range readiness.Make(in).Rows[0].Contained {
		list = append(list, fmt.Sprintf("%s %s %s", c.Incident, c.Step, c.State))
	}
	return strings.Join(list, ", ")
}

// What is contained is told until it is lifted, also when the server that should
// have asked about it was not there.
func TestContained(t *testing.T) {
	p := compile(t, book)
	undo := sim.Act{Verb: sim.Undo, Step: "cut", By: ann, After: time.Minute, Reason: "false alarm"}
	agree := yes()
	agree.Step, agree.After = "cut~undo", time.Minute
	for _, tt := range []struct {
		name string
		more func(*tale)
		want string
	}{
		{"nobody has decided", func(*tale) {}, "INC-1 R1/cut due"},
		{"kept for good", func(s *tale) { s.acts = []sim.Act{yes(), keep()} }, "INC-1 R1/cut kept"},
		{"lifted", func(s *tale) { s.acts = []sim.Act{yes(), undo, agree} }, ""},
		{"kept, and lifted after all", func(s *tale) {
			later := undo
			later.At = new(6 * time.Hour)
			s.acts = []sim.Act{yes(), keep(), later, agree}
		}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := heldBy(input(one(p), live(t, 1, p, 10, tt.more))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	c := live(t, 1, p, 10)
	c.Holds[0].State = readiness.InForce
	if got := heldBy(input(one(p), c)); got != "INC-1 R1/cut due" {
		t.Errorf("when the server was away: %q", got)
	}
	c.Holds[0].Until = now.Add(time.Hour)
	if got := heldBy(input(one(p), c)); got != "INC-1 R1/cut in force" {
		t.Errorf("while it lasts: %q", got)
	}
	if got := heldBy(input(one(p), drill(t, 1, p, 10))); got != "" {
		t.Errorf("of a rehearsal: %q", got)
	}
}
