package slack

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// request is one thing that somebody did in Slack, whichever way it came.
type request struct {
	kind     requestKind
	way      string // "http" or "socket"
	team     string // of the workspace the request came from
	userTeam string // of the user, when the payload has it
	user     string
	channel  string
	trigger  string // opens a form, for three seconds
	response string // an address to answer to, for half an hour; a secret
	nonce    string // of this delivery, for the journal
	received time.Time
	uses     atomic.Int32 // of response

	command string // of a command: "/incident"
	text    string // of a command
	verb    string // of a click
	value   string // of a click
	form    formMeta
	values  map[string]string // of an answer
	view    answeredView      // of an answer

	acked  chan struct{}    // closed when Slack has our acknowledgement
	opened chan openedModal // of a request that was given a modal at once; nil for others
}

type requestKind string

const (
	kindCommand requestKind = "command"
	kindClick   requestKind = "click"
	kindAnswer  requestKind = "answer"
)

// answeredView is what is needed to show a form once more.
type answeredView struct {
	id     string
	blocks json.RawMessage
	title  string
	submit string
}

// errIgnore is a payload that is well formed and none of our business.
var errIgnore = errors.New("not for us")

// parseCommand reads the form of a slash command.
func parseCommand(form url.Values) (*request, error) {
	if form.Get("command") == "" {
		return nil, errIgnore
	}
	return &request{
		kind: kindCommand, team: form.Get("team_id"), user: form.Get("user_id"), channel: form.Get("channel_id"),
		trigger: form.Get("trigger_id"), response: form.Get("response_url"), command: form.Get("command"), text: form.Get("text"),
	}, nil
}

// parseSocketCommand reads the same from Socket Mode, where it is JSON.
func parseSocketCommand(payload []byte) (*request, error) {
	var fields map[string]any
	if err := json.Unmarshal(payload, &fields); err != nil {
		return nil, err
	}
	form := url.Values{}
	for k, v := range fields {
		if s, ok := v.(string); ok {
			form.Set(k, s)
		}
	}
	return parseCommand(form)
}

// interaction is the part of an interaction payload that is used.
type interaction struct {
	Type string `json:"type"`
	Team *struct {
		ID string `json:"id"`
	} `json:"team"`
	User struct {
		ID     string `json:"id"`
		TeamID string `json:"team_id"`
	} `json:"user"`
	Channel struct {
		ID string `json:"id"`
	} `json:"channel"`
	Container struct {
		ChannelID string `json:"channel_id"`
	} `json:"container"`
	TriggerID   string `json:"trigger_id"`
	ResponseURL string `json:"response_url"`
	Actions     []struct {
		ActionID string `json:"action_id"`
		Value    string `json:"value"`
		Type     string `json:"type"`
	} `json:"actions"`
	View struct {
		ID              string          `json:"id"`
		CallbackID      string          `json:"callback_id"`
		PrivateMetadata string          `json:"private_metadata"`
		Blocks          json.RawMessage `json:"blocks"`
		Title           struct {
			Text string `json:"text"`
		} `json:"title"`
		Submit struct {
			Text string `json:"text"`
		} `json:"submit"`
		State struct {
			Values map[string]map[string]struct {
				Type           string `json:"type"`
				Value          string `json:"value"`
				SelectedOption *struct {
					Value string `json:"value"`
				} `json:"selected_option"`
			} `json:"values"`
		} `json:"state"`
	} `json:"view"`
}

// parseInteraction reads a click or the answer to a form.
func parseInteraction(payload []byte) (*request, error) {
	var p interaction
	if err := json.Unmarshal(payload, &p); err != nil {
		return nil, err
	}
	r := &request{user: p.User.ID, userTeam: p.User.TeamID, trigger: p.TriggerID, response: p.ResponseURL, channel: p.Channel.ID}
	if p.Team != nil {
		r.team = p.Team.ID
	}
	if r.channel == "" {
		r.channel = p.Container.ChannelID
	}
	switch p.Type {
	case "block_actions":
		return r.click(p)
	case "view_submission":
		return r.answer(p)
	}
	return nil, errIgnore
}

func (r *request) click(p interaction) (*request, error) {
	if len(p.Actions) != 1 || p.Actions[0].Type != "button" {
		return nil, errIgnore
	}
	rest, ours := strings.CutPrefix(p.Actions[0].ActionID, buttonPrefix)
	end := strings.LastIndexByte(rest, ':')
	if !ours || end <= 0 {
		return nil, errIgnore
	}
	r.kind, r.verb, r.value = kindClick, rest[:end], p.Actions[0].Value
	if r.verb != verbAgain {
		return r, nil
	}
	again, ok := unpackAgain(r.value)
	switch {
	case !ok:
		return nil, errIgnore
	case again.Verb != "":
		r.verb, r.value = again.Verb, again.Value
	default:
		r.kind, r.verb, r.value, r.text = kindCommand, "", "", again.Text
	}
	return r, nil
}

func (r *request) answer(p interaction) (*request, error) {
	if p.View.CallbackID != formCallback || json.Unmarshal([]byte(p.View.PrivateMetadata), &r.form) != nil {
		return nil, errIgnore
	}
	r.kind = kindAnswer
	r.channel = r.form.Channel
	r.response = ""
	r.view = answeredView{id: p.View.ID, blocks: p.View.Blocks, title: p.View.Title.Text, submit: p.View.Submit.Text}
	r.values = map[string]string{}
	for block, elements := range p.View.State.Values {
		id, ours := strings.CutPrefix(block, fieldPrefix)
		if !ours {
			continue
		}
		e := elements[fieldAction]
		switch {
		case e.SelectedOption != nil:
			r.values[id] = e.SelectedOption.Value
		default:
			r.values[id] = e.Value
		}
	}
	return r, nil
}
