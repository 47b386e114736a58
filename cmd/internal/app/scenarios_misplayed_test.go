package app

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/engine/rehearsal"
	"github.com/firebreak-ir/firebreak/engine/rehearsal/score"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// misplay is a scenario of the library played badly, and what the score has to
// say about it.
type misplay struct {
	scenario, name string
	without        []string              // lines of its script that are not typed: the beginning of "bob: approve disable"
	with           []runbooks.ScriptLine // others that are
	fails          []string              // objectives that do not hold, in the order of the scenario; all others do, or are rated by hand
	wrong          []string              // wrong decisions, in order: parts of what they are
}

func after(by, of string, delay time.Duration, line string) runbooks.ScriptLine {
	return runbooks.ScriptLine{By: by, Type: line, Trigger: runbooks.Trigger{After: of, Delay: runbooks.Span(delay)}}
}

func asked(by, of string, delay time.Duration, line string) runbooks.ScriptLine {
	return runbooks.ScriptLine{By: by, Type: line, Trigger: runbooks.Trigger{Asked: of, Delay: runbooks.Span(delay)}}
}

func misplays() []misplay {
	const now = 10 * time.Second
	return []misplay{
		{
			scenario: "leaked-access-key-friday", name: "nobody comes to decide",
			without: []string{"bob: approve"},
			fails:   []string{"contained", "decided", "analysed"},
		}, {
			scenario: "leaked-access-key-friday", name: "the release manager gets his user back",
			with:  []runbooks.ScriptLine{after("alice", "release", now, `undo quarantine --reason "only ten minutes"`), asked("bob", "quarantine~undo", now, "approve quarantine~undo")},
			fails: []string{"decided"},
			wrong: []string{"undo quarantine", "approve quarantine~undo"},
		}, {
			scenario: "leaked-access-key-friday", name: "nobody thinks of the authority",
			without: []string{`alice: note "Personal data`},
			fails:   []string{"notified"},
		}, {
			scenario: "compromised-instance-night", name: "payments gets its host back",
			with:  []runbooks.ScriptLine{after("alice", "payments", now, `undo standby --reason "until the morning"`), asked("bob", "standby~undo", now, "approve standby~undo")},
			fails: []string{"two"},
			wrong: []string{"undo standby", "approve standby~undo"},
		}, {
			scenario: "compromised-instance-night", name: "the memory is not worth the trouble",
			without: []string{"bob: approve memory"},
			with:    []runbooks.ScriptLine{asked("bob", "memory", time.Minute, `deny memory --reason "an unknown binary"`)},
			fails:   []string{"evidence", "two", "whole"},
			wrong:   []string{"deny memory"},
		}, {
			scenario: "compromised-instance-night", name: "the clocks run unseen",
			without: []string{`carol: note "About`, `carol: note "Classified`},
			fails:   []string{"duties"},
		}, {
			scenario: "compromised-instance-night", name: "the CISO is left to sleep",
			without: []string{"carol: approve stop"},
			fails:   []string{"two", "whole"},
		}, {
			scenario: "leaked-secret-build-log", name: "the label is green, so it is over",
			without: []string{"alice: done tried"},
			with:    []runbooks.ScriptLine{after("alice", "deleted", time.Minute, `skip tried --reason "rotated, and the log is gone"`)},
			fails:   []string{"refused", "proof"},
			wrong:   []string{"skip tried"},
		}, {
			scenario: "leaked-secret-build-log", name: "the forgotten report stays forgotten",
			without: []string{`alice: note "The old report`},
			fails:   []string{"consumers"},
		}, {
			scenario: "compromised-employee-contractor", name: "the friendly message is believed",
			without: []string{"bob: approve okta"},
			with:    []runbooks.ScriptLine{after("alice", "friendly", time.Minute, `cancel --reason "it was him all along"`)},
			fails:   []string{"source", "sessions", "two", "firm", "return", "found"},
			wrong:   []string{"cancel"},
		}, {
			scenario: "compromised-employee-contractor", name: "nobody calls the CISO",
			without: []string{"carol: approve deny"},
			fails:   []string{"sessions", "two"},
		}, {
			scenario: "exposed-bucket-backups", name: "the partner bank is let in again",
			with:  []runbooks.ScriptLine{after("alice", "bank", now, `undo lock --reason "the contract"`), asked("bob", "lock~undo", now, "approve lock~undo")},
			fails: []string{"firm"},
			wrong: []string{"approve lock~undo"},
		}, {
			scenario: "exposed-bucket-backups", name: "the copies go on",
			without: []string{"alice: done side_doors"},
			with:    []runbooks.ScriptLine{after("alice", "replication", time.Minute, `skip side_doors --reason "later"`)},
			fails:   []string{"doors", "firm"},
			wrong:   []string{"skip side_doors"},
		}, {
			scenario: "exposed-bucket-backups", name: "four hours pass unseen",
			without: []string{`carol: note "Major`},
			fails:   []string{"duties"},
		}, {
			scenario: "credential-rotation-drill", name: "nobody knows the way back",
			without: []string{"alice: undo off"},
			fails:   []string{"back"},
		}, {
			scenario: "credential-rotation-drill", name: "the old key is deleted on the first day",
			without: []string{"alice: run", "alice: undo off"},
			with: []runbooks.ScriptLine{
				after("alice", "monday", now, "run credential-rotation access_key_id=AKIAIOSFODNN7EXAMPLE destination=prod/ci-deploy/aws settle=4h delete=true keep=10m"),
				asked("bob", "delete", now, "approve delete"),
			},
			fails: []string{"back", "kept"},
			wrong: []string{"step delete runs", "step delete runs aws.iam.delete_access_key"},
		}, {
			scenario: "key-approver-away", name: "everybody waits for Bob",
			without: []string{"erik: approve", `carol: approve quarantine --reason`},
			fails:   []string{"stopped", "two", "none", "removed"},
		}, {
			scenario: "key-approver-away", name: "the quarantine is left out",
			with:  []runbooks.ScriptLine{after("alice", "shortcut", now, `skip quarantine --reason "nobody is there"`)},
			fails: []string{"stopped", "two", "none", "removed"},
			wrong: []string{"skip quarantine"},
		}, {
			scenario: "slack-down", name: "everybody waits for the chat",
			without: []string{"bob: approve block_site"},
			fails:   []string{"blocked", "terminal", "silence"},
		}, {
			scenario: "slack-down", name: "the site is opened again as it was",
			with:  []runbooks.ScriptLine{after("alice", "docs", now, `undo block_site --reason "only one folder was wrong"`), asked("carol", "block_site~undo", now, "approve block_site~undo")},
			fails: []string{"blocked"},
			wrong: []string{"approve block_site~undo"},
		}, {
			scenario: "did-it-apply", name: "just run it again",
			without: []string{"alice: done restart"},
			with:    []runbooks.ScriptLine{after("alice", "silent", time.Minute, "retry restart --confirm-not-applied")},
			fails:   []string{"settled", "once", "words", "leak"},
			wrong:   []string{"retry restart"},
		}, {
			scenario: "did-it-apply", name: "what is not known is not said",
			without: []string{`alice: note "Restart`},
			fails:   []string{"words"},
		}, {
			scenario: "attacker-races", name: "every role is revoked, the one of the backups too",
			without: []string{"alice: run leaked-access-key access_key_id=AKIAI44"},
			with:    []runbooks.ScriptLine{after("alice", "second", 3*time.Minute, "run leaked-access-key access_key_id=AKIAI44QH8DHBEXAMPLE roles=deploy,backup")},
			fails:   []string{"flag"},
			wrong:   []string{"aws.iam.role:111122223333/backup"},
		}, {
			scenario: "attacker-races", name: "the stranger's user is set free",
			with:  []runbooks.ScriptLine{after("alice", "mine", now, `undo R1/quarantine --reason "it is hers"`), asked("bob", "quarantine~undo", now, "approve R1/quarantine~undo")},
			fails: []string{"flag"},
			wrong: []string{"approve quarantine~undo"},
		}, {
			scenario: "attacker-races", name: "the old yes has to do",
			without: []string{`bob: approve R1/quarantine --reason`},
			fails:   []string{"read"},
		},
	}
}

// TestLibraryScenariosMisplayed: a score that everybody passes measures nothing.
func TestLibraryScenariosMisplayed(t *testing.T) {
	stories := libraryStories(t)
	seen := map[string]bool{}
	for _, bad := range misplays() {
		seen[bad.scenario] = true
		t.Run(bad.scenario+"/"+bad.name, func(t *testing.T) {
			i := slices.IndexFunc(stories, func(one story) bool { return one.ID == bad.scenario })
			one := stories[i].misplayed(t, bad)
			played, r := one.play(t)
			for _, line := range bad.with {
				if !wasFollowed(played, line) {
					t.Errorf("%s: %s was not followed: %v", line.By, line.Type, played.Faults)
				}
			}
			var fails, wrong []string
			for _, o := range r.Aims {
				if o.Check != "" && o.State != score.Holds {
					fails = append(fails, o.ID)
				}
				if o.State == score.NotShown {
					t.Errorf("objective %s cannot be shown: %s; a check has to be able to say no", o.ID, o.Problem)
				}
			}
			if diff := cmp.Diff(bad.fails, fails); diff != "" {
				t.Errorf("objectives that do not hold: want -, got +\n%s", diff)
			}
			for _, w := range r.Wrong {
				wrong = append(wrong, w.What)
			}
			if !slices.EqualFunc(bad.wrong, wrong, func(want, got string) bool { return strings.Contains(got, want) }) {
				t.Errorf("wrong decisions: got %q, want %q", wrong, bad.wrong)
			}
			if r.Outcome != score.Fail {
				t.Errorf("the outcome is %s: %s", r.Outcome, strings.Join(r.Why, "; "))
			}
			for _, finding := range played.Findings {
				t.Error(finding)
			}
		})
	}
	for _, one := range stories {
		if !seen[one.ID] {
			t.Errorf("nobody plays %s badly; add a misplay", one.ID)
		}
		t.Run(one.ID+"/nobody acts at all", func(t *testing.T) {
			silent := *one.Scenario
			silent.Script = nil
			_, r := story{&silent, one.program}.misplayed(t, misplay{}).play(t)
			if r.Outcome != score.Partial && r.Outcome != score.Fail || r.Drill.Ended != "time" {
				t.Errorf("the outcome is %s, ended by %s", r.Outcome, r.Drill.Ended)
			}
			for _, o := range r.Aims {
				if o.Final == "P" {
					t.Errorf("objective %s is rated P", o.ID)
				}
			}
		})
	}
}

// TestLibraryScenariosNeedEveryLine: what a player of the script does is asked
// for by something. Whoever leaves one line out does not pass.
func TestLibraryScenariosNeedEveryLine(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("plays a hundred exercises; make check does, without the race detector")
	}
	for _, one := range libraryStories(t) {
		t.Run(one.ID, func(t *testing.T) {
			for n, line := range one.Script {
				if line.By == one.Facilitator.ID || line.Refused != "" {
					continue
				}
				s := *one.Scenario
				s.Script = slices.Delete(slices.Clone(s.Script), n, n+1)
				if _, r := (story{&s, one.program}).misplayed(t, misplay{}).play(t); r.Outcome == score.Pass {
					t.Errorf("it passes without line %d of its script: %s: %s", n+1, line.By, line.Type)
				}
			}
		})
	}
}

// misplayed is the scenario with another script, pinned anew.
func (one story) misplayed(t testing.TB, bad misplay) story {
	t.Helper()
	s := *one.Scenario
	used := make([]bool, len(bad.without))
	s.Script = slices.DeleteFunc(slices.Clone(s.Script), func(line runbooks.ScriptLine) bool {
		i := slices.IndexFunc(bad.without, func(start string) bool { return strings.HasPrefix(line.By+": "+line.Type, start) && line.Refused == "" })
		if i >= 0 {
			used[i] = true
		}
		return i >= 0
	})
	for i, ok := range used {
		if !ok {
			t.Fatalf("the script has no line %q", bad.without[i])
		}
	}
	s.Script = append(s.Script, bad.with...)
	data, err := s.Encode()
	if err != nil {
		t.Fatal(err)
	}
	again, err := runbooks.DecodeScenario(data)
	if err != nil {
		t.Fatal(err)
	}
	return story{again, one.program}
}

// wasFollowed says whether a line was typed, and not refused.
func wasFollowed(p *rehearsal.Played, line runbooks.ScriptLine) bool {
	same := func(other runbooks.ScriptLine) bool { return other.By == line.By && other.Type == line.Type }
	return !slices.ContainsFunc(p.Unused, same) && !slices.ContainsFunc(p.Refusals, func(r rehearsal.Refusal) bool { return same(r.Line) })
}
