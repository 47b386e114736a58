package e2e

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// did fails when Slack or the server did not take what a person did.
func (s *stage) did(d *slackfake.Delivery) {
	s.t.Helper()
	if d.Err != nil {
		s.t.Fatalf("%s was not taken: %v (status %d, %s)", d.Kind, d.Err, d.Status, d.Ack)
	}
}

// declare has Alice declare, and waits for the channel and its card.
func (s *stage) declare() {
	s.t.Helper()
	s.did(s.ws.User("alice").In("security").Type(`/incident declare "Key in a public repository" --sev 2`))
}

func (s *stage) declared() {
	s.t.Helper()
	s.wait("the incident's channel with its card", func(w *slackfake.State) bool {
		for _, c := range w.Channels() {
			if strings.HasPrefix(c.Name, "inc-1") && c.Topic+c.Purpose != "" {
				s.channel = c.ID
				return len(s.cards(w)) > 0
			}
		}
		return false
	})
	for _, name := range []string{"alice", "bob", "carol"} {
		if err := s.ws.User(name).Join(s.channel); err != nil {
			s.t.Fatal(err)
		}
	}
}

// cards are the messages of the incident that are its status card.
func (s *stage) cards(w *slackfake.State) []slackfake.Message {
	return s.messages(w, "State:", "Declared by:")
}

// messages finds the messages of the incident's channel that show all words.
func (s *stage) messages(w *slackfake.State, words ...string) []slackfake.Message {
	var found []slackfake.Message
	for _, m := range w.Messages(s.channel) {
		text := m.Rendered(w.Name)
		all := true
		for _, word := range words {
			all = all && strings.Contains(text, word)
		}
		if all {
			found = append(found, m)
		}
	}
	return found
}

func (s *stage) type_(person, text string) *slackfake.Delivery {
	s.t.Helper()
	d := s.ws.User(person).In(s.channel).Type(text)
	s.did(d)
	return d
}

func (s *stage) start_(args ...string) {
	s.t.Helper()
	s.type_("alice", strings.Join(append([]string{"/incident run leaked-access-key access_key_id=" + s.key}, args...), " "))
}

// resolve_ ends the incident, once somebody has said that the quarantine stays.
func (s *stage) resolve_() {
	s.t.Helper()
	s.type_("alice", `/incident keep quarantine --reason "the user is not needed any more"`)
	s.type_("alice", `/incident resolve "handled"`)
	s.shows("State: resolved")
}

// asked waits for the question about a step and gives its message.
func (s *stage) asked(step string) (ask slackfake.Message) {
	s.t.Helper()
	s.wait("the question about "+step, func(w *slackfake.State) bool {
		for _, m := range s.messages(w, "Step: "+step) {
			if len(m.Buttons()) > 0 {
				ask = m
				return true
			}
		}
		return false
	})
	return ask
}

// told waits until one person is told words that nobody else sees.
func (s *stage) told(person string, words ...string) {
	s.t.Helper()
	s.wait(person+" being told "+strings.Join(words, ", "), func(w *slackfake.State) bool {
		for _, m := range w.Ephemerals(person) {
			text := m.Rendered(w.Name)
			all := true
			for _, word := range words {
				all = all && strings.Contains(text, word)
			}
			if all {
				return true
			}
		}
		return false
	})
}

func (s *stage) shows(words ...string) {
	s.t.Helper()
	s.wait("a message with "+strings.Join(words, ", "), func(w *slackfake.State) bool { return len(s.messages(w, words...)) > 0 })
}

// keyStatus reads the leaked key back with a client of its own.
func (s *stage) keyStatus() types.StatusType {
	s.t.Helper()
	out, err := s.cloud.IAM.ListAccessKeys(s.t.Context(), &iam.ListAccessKeysInput{UserName: aws.String(owner)})
	if err != nil {
		s.t.Fatal(err)
	}
	for _, k := range out.AccessKeyMetadata {
		if aws.ToString(k.AccessKeyId) == s.key {
			return k.Status
		}
	}
	s.t.Fatalf("key %s is gone", s.key)
	return ""
}
