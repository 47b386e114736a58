package slack

import (
	"bytes"
	"encoding/json"
	"strings"
)

// ManifestOptions says how the app is installed.
type ManifestOptions struct {
	Name string // shown in Slack; "firebreak" when empty
	Word string // the slash command without the slash; "incident" when empty
	URL  string // HTTP mode: where the server is reached, such as https://firebreak.example.com; empty: Socket Mode
}

type manifest struct {
	Display struct {
		Name       string `json:"name"`
		Text       string `json:"description"`
		Background string `json:"background_color"`
	} `json:"display_information"`
	Features struct {
		Home struct {
			Home     bool `json:"home_tab_enabled"`
			Messages bool `json:"messages_tab_enabled"`
			ReadOnly bool `json:"messages_tab_read_only_enabled"`
		} `json:"app_home"`
		Bot struct {
			Name   string `json:"display_name"`
			Online bool   `json:"always_online"`
		} `json:"bot_user"`
		Commands []manifestCommand `json:"slash_commands"`
	} `json:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `json:"bot"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Interactivity struct {
			Enabled bool   `json:"is_enabled"`
			URL     string `json:"request_url,omitempty"`
		} `json:"interactivity"`
		OrgDeploy bool `json:"org_deploy_enabled"`
		Socket    bool `json:"socket_mode_enabled"`
		Rotation  bool `json:"token_rotation_enabled"`
	} `json:"settings"`
}

type manifestCommand struct {
	Command string `json:"command"`
	URL     string `json:"url,omitempty"`
	Text    string `json:"description"`
	Hint    string `json:"usage_hint"`
	Escape  bool   `json:"should_escape"`
}

// Manifest is the app manifest, as JSON to paste at api.slack.com under "Create
// an app from a manifest". The app is for one workspace: an app that is
// distributed gets tight limits on reading history.
func Manifest(opt ManifestOptions) []byte {
	if opt.Name == "" {
		opt.Name = "firebreak"
	}
	if opt.Word == "" {
		opt.Word = "incident"
	}
	base := strings.TrimSuffix(opt.URL, "/")
	at := func(path string) string {
		if base == "" {
			return ""
		}
		return base + path
	}
	var m manifest
	m.Display.Name, m.Display.Background = line(opt.Name, 35), "#7a1f1f"
	m.Display.Text = "Incident response from runbooks: plan, approve, act, verify, record."
	m.Features.Home.Messages, m.Features.Home.ReadOnly = true, true
	m.Features.Bot.Name, m.Features.Bot.Online = line(opt.Name, 80), true
	for _, word := range []string{opt.Word, "firebreak"} {
		if word == "firebreak" && len(m.Features.Commands) > 0 && opt.Word == word {
			continue
		}
		m.Features.Commands = append(m.Features.Commands, manifestCommand{
			Command: "/" + word, URL: at(CommandsPath), Text: "Declare, plan, run, approve: everything about an incident",
			Hint: `declare "title" | run <runbook> key=value | help`, Escape: true,
		})
	}
	m.OAuth.Scopes.Bot = scopeNames()
	m.Settings.Interactivity.Enabled, m.Settings.Interactivity.URL = true, at(InteractionsPath)
	m.Settings.Socket = base == ""
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		panic("slack: a manifest that cannot be written: " + err.Error())
	}
	return out.Bytes()
}
