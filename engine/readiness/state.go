package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// State is one thing to know about a runbook before it is needed.
type State string

// The states, the worst first. See the package doc for what each means.
const (
	Blocked  State = "blocked"
	Failing  State = "failing"
	Orphaned State = "orphaned"
	Never    State = "never"
	Drifted  State = "drifted"
	Stale    State = "stale"
	Fresh    State = "fresh"
)

// States lists all states, the worst first.
func States() []State {
	return []State{Blocked, Failing, Orphaned, Never, Drifted, Stale, Fresh}
}

// ParseStates reads "stale,drifted". "any" stands for all but fresh; an empty
// text is no state. The error says which word is none.
func ParseStates(text string) ([]State, error) {
	var list []State
	for word := range strings.SplitSeq(text, ",") {
		switch word = strings.TrimSpace(word); {
		case word == "":
		case word == "any":
			list = append(list, States()[:len(States())-1]...)
		case word == string(Fresh):
			return nil, fmt.Errorf("%q is no fault; name some of %s, or any", word, wordsOf(States()[:len(States())-1]))
		case !slices.Contains(States(), State(word)):
			return nil, fmt.Errorf("there is no state %q; name some of %s, or any", word, wordsOf(States()[:len(States())-1]))
		default:
			list = append(list, State(word))
		}
	}
	sortStates(&list)
	return list, nil
}

func sortStates(list *[]State) {
	slices.SortFunc(*list, func(a, b State) int { return slices.Index(States(), a) - slices.Index(States(), b) })
	*list = slices.Compact(*list)
}

func wordsOf(states []State) string {
	words := make([]string, len(states))
	for i, s := range states {
		words[i] = string(s)
	}
	return strings.Join(words, ", ")
}

// Unrehearsed says whether a state means that the runbook was not rehearsed as it
// is: what an additional approver makes up for.
func (s State) Unrehearsed() bool {
	return s == Failing || s == Never || s == Drifted || s == Stale
}

// Policy is what a team demands. The zero Policy has the defaults.
type Policy struct {
	MaxAge        time.Duration // of the last rehearsal that did not fail; zero: [DefaultMaxAge]
	Last          int           // how many rehearsals the pass rate is over; zero: [DefaultLast]
	MinPass       int           // percent of them that must not fail; zero: [DefaultMinPass]
	LongWaiver    time.Duration // a waiver that is older is told in a review; zero: [DefaultLongWaiver]
	CountScripted bool          // rehearsals that only a script played count too
	AddsApprover  bool          // a run of a runbook that is not rehearsed as it is needs one more approver
}

// What a Policy demands when nothing else is said.
const (
	DefaultMaxAge     = 180 * 24 * time.Hour
	DefaultLast       = 5
	DefaultMinPass    = 50
	DefaultLongWaiver = 180 * 24 * time.Hour
)

func (p Policy) filled() Policy {
	if p.MaxAge == 0 {
		p.MaxAge = DefaultMaxAge
	}
	if p.Last == 0 {
		p.Last = DefaultLast
	}
	if p.MinPass == 0 {
		p.MinPass = DefaultMinPass
	}
	if p.LongWaiver == 0 {
		p.LongWaiver = DefaultLongWaiver
	}
	return p
}
