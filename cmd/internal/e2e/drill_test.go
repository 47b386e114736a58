package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// TestDrillInSlack rehearses beside a live server: three people in Slack play a
// scenario of the library, one of them leads it in a channel of its own. Nothing
// of it reaches the cloud or the live journal; a live incident stops it.
func TestDrillInSlack(t *testing.T) {
	for _, way := range []struct {
		name   string
		socket bool
	}{{"http", false}, {"socket", true}} {
		t.Run(way.name, func(t *testing.T) { drillInSlack(t, way.socket) })
	}
}

func drillInSlack(t *testing.T, socket bool) {
	s := newStage(t, awstest.Fake(awsfake.Options{}), socket)
	carol, bob := s.ws.User("carol"), s.ws.User("bob")

	// Who is no facilitator cannot begin one; Alice is a commander and can.
	s.did(bob.In("security").Type("/incident drill start leaked-access-key-friday"))
	s.told("bob", "drill start", "facilitator")
	s.did(s.ws.User("alice").In("security").Type("/incident drill start leaked-access-key-friday --speed 100"))
	control := ""
	s.wait("both channels", func(w *slackfake.State) bool {
		for _, c := range w.Channels() {
			switch {
			case strings.HasPrefix(c.Name, "exercise-drl-1-control"):
				control = c.ID
				if !c.Private {
					t.Errorf("players can read the channel of the facilitators, #%s", c.Name)
				}
			case strings.HasPrefix(c.Name, "exercise-drl-1-"):
				s.channel = c.ID
			}
		}
		return control != "" && s.channel != "" && len(s.cards(w)) > 0 && len(w.Messages(control)) > 0
	})
	for _, p := range []string{"alice", "bob", "carol"} {
		if err := s.ws.User(p).Join(s.channel); err != nil {
			t.Fatal(err)
		}
	}
	s.shows("News", "public repository")

	// Carol runs, Bob approves with the buttons that he knows.
	s.type_("carol", "/incident run leaked-access-key access_key_id="+s.key)
	s.did(bob.ClickLabel(s.asked("quarantine").Ref(), "Approve"))
	s.did(bob.ClickLabel(s.asked("disable").Ref(), "Approve"))
	review := s.asked("review")
	s.did(carol.ClickLabel(review.Ref(), "Done…"))
	view := s.opened("carol", "Done")
	s.did(carol.Submit(view, map[string]string{"f:answer": "nothing"}))
	s.shows("DRL-1 is over", "came to its end")

	// The hot wash comes by a button, and anonymous is anonymous.
	var end slackfake.Message
	s.wait("the end", func(w *slackfake.State) bool {
		found := s.messages(w, "DRL-1 is over", "look back")
		if len(found) > 0 {
			end = found[0]
		}
		return len(found) > 0
	})
	s.did(bob.ClickLabel(end.Ref(), "Look back"))
	view = s.opened("bob", "Send")
	s.did(bob.Submit(view, map[string]string{"f:well": "the buttons", "f:badly": "nobody told legal", "f:anonymous": "no, anonymous"}))
	s.told("bob", "Thank you")

	// Every word about it says that it is an exercise, and no group is called.
	s.wait("nothing more", func(w *slackfake.State) bool {
		for _, channel := range []string{s.channel, control} {
			for _, m := range w.Messages(channel) {
				text := m.Rendered(w.Name)
				if m.User == s.ws.App.BotUserID && !strings.Contains(text, "EXERCISE") {
					t.Errorf("a message does not say that it is an exercise:\n%s", text)
				}
				if strings.Contains(text, "group security-leads") && strings.Contains(text, "For:") {
					t.Errorf("a group is called for an exercise:\n%s", text)
				}
			}
		}
		return true
	})
	if got := s.keyStatus(); got != types.StatusTypeActive {
		t.Errorf("the exercise changed the key: it is %s", got)
	}

	// The report is for a commander; the anonymous answer is in it without a name.
	s.run(0, "incident", "drill", "report", "json", "DRL-1")
	report, err := os.ReadFile(filepath.Join(s.dir, "drl-1-report.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"nobody told legal"`, `"leaked-access-key-friday"`} {
		if !strings.Contains(string(report), want) {
			t.Errorf("the report does not say %s", want)
		}
	}
	page := s.run(0, "export", "DRL-1")
	if i := strings.Index(page, "nobody told legal"); i < 0 || strings.Contains(page[max(i-200, 0):i], "bob") {
		t.Error("the anonymous answer is missing from the record, or has a name")
	}

	// A live incident stops the next exercise, and says so in it.
	s.did(s.ws.User("alice").In("security").Type("/incident drill start leaked-access-key-friday"))
	s.wait("the second exercise", func(w *slackfake.State) bool {
		for _, c := range w.Channels() {
			if strings.HasPrefix(c.Name, "exercise-drl-2-") && !strings.Contains(c.Name, "control") {
				s.channel = c.ID
			}
		}
		return len(s.messages(w, "DRL-2", "State:")) > 0
	})
	// What is for one player comes to that one alone, and only a facilitator leads.
	s.did(carol.In("security").Type(`/incident drill hint DRL-2 "look twice" --to person:bob`))
	s.told("carol", "drill hint", "facilitator")
	s.did(s.ws.User("alice").In("security").Type(`/incident drill hint DRL-2 "look twice" --to person:bob`))
	s.wait("the hint", func(w *slackfake.State) bool {
		for _, m := range w.Directs("bob") {
			if text := m.Rendered(w.Name); strings.Contains(text, "look twice") && strings.Contains(text, "EXERCISE") {
				return len(s.messages(w, "look twice")) == 0
			}
		}
		return false
	})
	// Who has no account in Slack is told by the facilitators, and nobody else is.
	s.did(s.ws.User("alice").In("security").Type(`/incident drill hint DRL-2 "call the bank" --to person:dave`))
	s.wait("the hint for dave", func(w *slackfake.State) bool {
		for _, c := range w.Channels() {
			if strings.HasPrefix(c.Name, "exercise-drl-2-control") {
				for _, m := range w.Messages(c.ID) {
					if text := m.Rendered(w.Name); strings.Contains(text, "call the bank") && strings.Contains(text, "A hint for dave") {
						return len(s.messages(w, "call the bank")) == 0
					}
				}
			}
		}
		return false
	})
	s.did(carol.In("security").Type(`/incident declare "this one is real" --sev 1`))
	s.shows("DRL-2 is over", "LIVE incident", "INC-1")
	s.stop()
	s.run(3, "verify") // consistent; nothing is anchored
	if list := s.run(0, "incident", "list", "--all"); !strings.Contains(list, "INC-1") || strings.Contains(list, "INC-2") {
		t.Errorf("the live journal holds something else than the live incident:\n%s", list)
	}
}
