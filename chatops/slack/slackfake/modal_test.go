package slackfake_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject("plain_text", s, false, false)
}

func declareModal() slack.ModalViewRequest {
	title := slack.NewInputBlock("title", plain("Title"), nil, slack.NewPlainTextInputBlockElement(nil, "text"))
	lead := slack.NewInputBlock("lead", plain("Lead"), nil, slack.NewOptionsSelectBlockElement("users_select", nil, "user"))
	lead.Optional = true
	sev := slack.NewInputBlock("sev", plain("Severity"), nil, slack.NewOptionsSelectBlockElement("static_select", nil, "pick",
		slack.NewOptionBlockObject("1", plain("SEV1"), nil), slack.NewOptionBlockObject("2", plain("SEV2"), nil)))
	return slack.ModalViewRequest{
		Type: "modal", CallbackID: "declare", Title: plain("Declare"), Submit: plain("Declare"), Close: plain("Cancel"),
		PrivateMetadata: "C1", NotifyOnClose: true,
		Blocks: slack.Blocks{BlockSet: []slack.Block{title, sev, lead}},
	}
}

// modalApp answers commands with a modal and keeps the submissions.
func modalApp(t *testing.T, ws *slackfake.Workspace, submitted func(cb slack.InteractionCallback) any) {
	a := newApp(t, ws)
	a.on(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/commands" {
			cmd, _ := slack.SlashCommandParse(r)
			if _, err := client(ws).OpenView(cmd.TriggerID, declareModal()); err != nil {
				t.Errorf("open: %v", err)
			}
			_, err := client(ws).OpenView(cmd.TriggerID, declareModal())
			wantError(t, "a trigger used twice", err, "exchanged_trigger_id")
			return
		}
		cb, err := slack.InteractionCallbackParse(r)
		if err != nil {
			t.Error(err)
		}
		if answer := submitted(cb); answer != nil {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(answer)
		}
	})
}

func TestModal(t *testing.T) {
	ws := start(t, slackfake.Options{})
	var last slack.InteractionCallback
	modalApp(t, ws, func(cb slack.InteractionCallback) any {
		last = cb
		if cb.Type == slack.InteractionTypeViewSubmission && cb.View.State.Values["title"]["text"].Value == "bad" {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{"title": "too vague"})
		}
		return nil
	})
	alice := ws.User("alice")
	if d := alice.In("ops").Type("/incident declare"); d.Err != nil {
		t.Fatal(d.Err)
	}
	view, ok := ws.OpenView("alice")
	if !ok || view.Title != "Declare" {
		t.Fatalf("view: %+v", view)
	}
	if d := alice.Submit(view, map[string]string{"title": "x"}); !errors.Is(d.Err, slackfake.ErrNotAllowed) || last.Type != "" {
		t.Errorf("a required input is empty: got %v", d.Err)
	}
	if d := alice.Submit(view, map[string]string{"nothing": "x"}); !errors.Is(d.Err, slackfake.ErrNotThere) {
		t.Errorf("an input that is not there: got %v", d.Err)
	}
	if d := alice.Submit(view, map[string]string{"title": "bad", "sev": "1"}); !errors.Is(d.Err, slackfake.ErrRefused) {
		t.Errorf("refused: got %v", d.Err)
	}
	if v, _ := ws.OpenView("alice"); v.Errors["title"] != "too vague" {
		t.Errorf("errors shown: %+v", v.Errors)
	}
	if d := alice.Submit(view, map[string]string{"title/text": "key leak", "pick": "SEV2", "lead": "U2"}); d.Err != nil {
		t.Fatal(d.Err)
	}
	values := last.View.State.Values
	if values["title"]["text"].Value != "key leak" || values["sev"]["pick"].SelectedOption.Value != "2" || values["lead"]["user"].SelectedUser != "U2" {
		t.Errorf("values: %+v", values)
	}
	if last.View.PrivateMetadata != "C1" || last.View.CallbackID != "declare" {
		t.Errorf("view: %+v", last.View)
	}
	if _, open := ws.OpenView("alice"); open {
		t.Error("the modal is still open")
	}
	if d := alice.Submit(view, nil); !errors.Is(d.Err, slackfake.ErrNotThere) {
		t.Errorf("a closed modal: got %v", d.Err)
	}
	alice.In("ops").Type("/incident declare")
	view, _ = ws.OpenView("alice")
	if d := alice.CloseView(view, false); d.Err != nil || last.Type != slack.InteractionTypeViewClosed {
		t.Errorf("close: %v, %s", d.Err, last.Type)
	}
}

func TestModalAnswers(t *testing.T) {
	next := slack.ModalViewRequest{Type: "modal", Title: plain("Next"), Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewDividerBlock()}}}
	tests := []struct {
		name   string
		answer any
		err    error
		title  string // of the modal in front afterwards, "" for none
	}{
		{"nothing", nil, nil, ""},
		{"clear", slack.NewClearViewSubmissionResponse(), nil, ""},
		{"update", slack.NewUpdateViewSubmissionResponse(&next), nil, "Next"},
		{"push", slack.NewPushViewSubmissionResponse(&next), nil, "Next"},
		{"errors for a block that is no input", slack.NewErrorsViewSubmissionResponse(map[string]string{"nope": "x"}), slackfake.ErrBadAck, "Declare"},
		{"unknown action", map[string]string{"response_action": "dance"}, slackfake.ErrBadAck, "Declare"},
		{"a list", []string{"x"}, slackfake.ErrBadAck, "Declare"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ws := start(t, slackfake.Options{})
			modalApp(t, ws, func(slack.InteractionCallback) any { return tt.answer })
			ws.User("alice").In("ops").Type("/incident declare")
			view, _ := ws.OpenView("alice")
			d := ws.User("alice").Submit(view, map[string]string{"title": "x", "sev": "1"})
			if !errors.Is(d.Err, tt.err) {
				t.Errorf("got error %v want %v", d.Err, tt.err)
			}
			if v, _ := ws.OpenView("alice"); v.Title != tt.title {
				t.Errorf("in front: got %q want %q", v.Title, tt.title)
			}
		})
	}
}

func TestTriggerExpires(t *testing.T) {
	c := newClock()
	ws := start(t, slackfake.Options{Now: c.now})
	a := newApp(t, ws)
	api := client(ws)
	a.on(func(w http.ResponseWriter, r *http.Request) {
		cmd, _ := slack.SlashCommandParse(r)
		c.forward(3*time.Second + time.Millisecond)
		_, err := api.OpenView(cmd.TriggerID, declareModal())
		wantError(t, "late", err, "expired_trigger_id")
	})
	ws.User("alice").In("ops").Type("/incident declare")
	_, err := api.OpenView("1.2.3", declareModal())
	wantError(t, "made up", err, "invalid_trigger_id")
	if got := len(ws.Calls("views.open")); got != 2 {
		t.Errorf("calls of views.open: got %d", got)
	}
}

func TestViewUpdateAndHome(t *testing.T) {
	ws := start(t, slackfake.Options{})
	modalApp(t, ws, func(slack.InteractionCallback) any { return nil })
	api := client(ws)
	ws.User("alice").In("ops").Type("/incident declare")
	view, _ := ws.OpenView("U1")
	next := declareModal()
	next.Title = plain("Declared")
	_, err := api.UpdateView(next, "", "old", view.ID)
	wantError(t, "an old hash", err, "hash_conflict")
	got, err := api.UpdateView(next, "", view.Hash, view.ID)
	if err != nil || got.View.ID != view.ID || got.Hash == view.Hash {
		t.Errorf("update: %+v, %v", got, err)
	}
	if v, _ := ws.OpenView("U1"); v.Title != "Declared" {
		t.Errorf("in front: %q", v.Title)
	}
	_, err = api.UpdateView(next, "", "", "V9")
	wantError(t, "no such view", err, "not_found")
	home := slack.HomeTabViewRequest{Type: "home", Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewHeaderBlock(plain("Incidents"))}}}
	if _, err := api.PublishView("U1", home, ""); err != nil {
		t.Fatal(err)
	}
	if h, ok := ws.Home("alice"); !ok || slackfake.Render(h.Blocks, nil) != "# Incidents" {
		t.Errorf("home: %+v", h)
	}
	next.Title = plain(strings.Repeat("x", 25))
	_, err = api.UpdateView(next, "", "", view.ID)
	var e slack.SlackErrorResponse
	if !errors.As(err, &e) || e.Err != "invalid_arguments" || e.ResponseMetadata.Messages[0] != "[ERROR] must be less than 25 characters [json-pointer:/view/title/text]" {
		t.Errorf("a long title: %#v", err)
	}
}

func TestResponseURL(t *testing.T) {
	c := newClock()
	ws := start(t, slackfake.Options{Now: c.now})
	newApp(t, ws)
	api := client(ws)
	_, ts, _ := api.PostMessage("C1", slack.MsgOptionText("card", false), slack.MsgOptionBlocks(
		slack.NewActionBlock("b", slack.NewButtonBlockElement("go", "1", plain("Go")))))
	ref := slackfake.Ref{Channel: "C1", TS: ts}
	d := ws.User("alice").Click(ref, "go")
	if d.Err != nil {
		t.Fatal(d.Err)
	}
	_, _, err := api.PostMessage("", slack.MsgOptionReplaceOriginal(d.ResponseURL), slack.MsgOptionText("replaced", false))
	if err != nil {
		t.Fatal(err)
	}
	if m, _ := ws.Message(ref); m.Text != "replaced" || len(m.Blocks) != 0 {
		t.Errorf("replaced: %+v", m)
	}
	if _, _, err = api.PostMessage("", slack.MsgOptionDeleteOriginal(d.ResponseURL)); err != nil {
		t.Fatal(err)
	}
	if _, ok := ws.Message(ref); ok {
		t.Error("the message was not deleted")
	}
	c.forward(31 * time.Minute)
	res, err := http.Post(d.ResponseURL, "application/json", strings.NewReader(`{"text":"late"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	if res.StatusCode != 404 || !strings.Contains(string(body), "expired_url") {
		t.Errorf("after 31 minutes: %d %s", res.StatusCode, body)
	}
}
