package slack

import (
	"encoding/json"
	"testing"

	"github.com/firebreak-ir/firebreak/chatops"
)

func FuzzInteraction(f *testing.F) {
	f.Add([]byte(`{"type":"block_actions","user":{"id":"U1"},"team":{"id":"T1"},"actions":[{"type":"button","action_id":"fb:approve:0","value":"x"}]}`))
	f.Add([]byte(`{"type":"block_actions","actions":[{"type":"button","action_id":"fb:open-again:0","value":"{\"v\":\"deny\",\"x\":\"1\"}"}]}`))
	f.Add([]byte(`{"type":"view_submission","view":{"callback_id":"firebreak","private_metadata":"{\"f\":\"declare\"}","blocks":[{"type":"input","block_id":"f:title"}],"state":{"values":{"f:title":{"v":{"value":"x"}}}}}}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		r, err := parseInteraction(payload)
		if err != nil {
			return
		}
		r.identify(payload)
		r.blanks()
		r.formAgain(chatops.Message{Title: "x"})
		if r.kind == "" || r.nonce == "" {
			t.Errorf("%+v", r)
		}
		if _, err := json.Marshal(r.offerAgain().Parts); err != nil {
			t.Error(err)
		}
	})
}

func FuzzWords(f *testing.F) {
	f.Add("note <@U1|al> &lt;it&gt; <https://x|y> <#C1|ops> <!here> <!subteam^S1|@sec> < <@U2")
	f.Fuzz(func(t *testing.T, s string) {
		if got := words(s, func(u string) string { return u }); len(got) > len(s)+1 {
			t.Errorf("%q became %q", s, got)
		}
	})
}

func TestWords(t *testing.T) {
	person := func(u string) string { return map[string]string{"U1": "alice"}[u] }
	got := words("note <@U1|al> &lt;it&gt; &amp;lt; <https://x|https://good> <#C1|ops> <!here> <!subteam^S1|@sec> <open", person)
	if want := "note @alice <it> &lt; https://x #ops @here @sec <open"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
