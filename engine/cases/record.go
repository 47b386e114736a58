package cases

import (
	"context"
	"fmt"
	"path"

	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/retell"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// Recording is a case made of what happened.
type Recording struct {
	Text  []byte   // a file of tests
	Notes []string // what a person should know about it
}

// Record makes a case of a run: the world answers, and people do, what they did
// then, and what came of it is expected. run "" is the latest. Whatever could
// tell whose incident it was is replaced by stand-ins, the same for the same
// text; words that the runbook itself names stay. The case is played once;
// where it does not come out as the run did, the notes say so. Errors: facts
// that do not follow, a run that is not there or has not ended.
func Record(ctx context.Context, facts []engine.Event, run string, cat runbooks.Catalog) (*Recording, error) {
	story, err := retell.Read(facts, run, cat)
	if err != nil {
		return nil, err
	}
	rec := &recorder{story, cat}
	out := &Recording{Text: rec.file(facts), Notes: rec.Notes}
	again, err := rec.again(ctx, out.Text)
	out.Notes = append(out.Notes, again...)
	return out, err
}

// recorder makes a case of a run.
type recorder struct {
	*retell.Story
	cat runbooks.Catalog
}

// again plays the case and says what does not come out as it did.
func (rec *recorder) again(ctx context.Context, text []byte) ([]string, error) {
	tests, found := runbooks.ParseTests("recorded_test.yaml", text)
	var file *runbooks.TestFile
	if tests != nil {
		var more runbooks.Diagnostics
		file, more = tests.Check(rec.Program, rec.cat)
		found = append(found, more...)
	}
	var notes []string
	if file == nil {
		for _, d := range found {
			notes = append(notes, "the case has to be mended by hand: "+d.Error())
		}
		return notes, nil
	}
	result, err := Run(ctx, file, rec.Program, Options{Catalog: rec.cat})
	if err != nil {
		return nil, err
	}
	for _, c := range result.Cases {
		for _, f := range c.Failures {
			notes = append(notes, fmt.Sprintf("played again it comes out differently: line %d: %s", f.Pos.Line, f))
		}
	}
	return notes, nil
}

// book is the name of the runbook's file.
func (rec *recorder) book() string {
	name := path.Base(rec.Program.Source.Name)
	if ext := path.Ext(name); ext != ".yaml" && ext != ".yml" {
		return rec.Program.ID + ".yaml"
	}
	return name
}
