package slackfake_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil, nil)
}

func many(n int, b func(int) slack.Block) []slack.Block {
	var out []slack.Block
	for i := range n {
		out = append(out, b(i))
	}
	return out
}

func one(b slack.Block) []slack.Block { return []slack.Block{b} }

func button(id, text, value string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, plain(text))
}

func TestBlockLimits(t *testing.T) {
	x := func(n int) string { return strings.Repeat("ü", n) } // characters, not bytes
	fields := func(n int) slack.Block {
		var f []*slack.TextBlockObject
		for range n {
			f = append(f, plain("f"))
		}
		return slack.NewSectionBlock(nil, f, nil)
	}
	actions := func(n int) slack.Block {
		var e []slack.BlockElement
		for i := range n {
			e = append(e, button(fmt.Sprint(i), "b", "v"))
		}
		return slack.NewActionBlock("", e...)
	}
	confirmed := button("a", "b", "v")
	confirmed.Confirm = slack.NewConfirmationBlockObject(plain(x(101)), plain("t"), plain("y"), plain("n"))
	tests := []struct {
		name    string
		blocks  []slack.Block
		code    string
		pointer string
	}{
		{"50 blocks", many(50, func(int) slack.Block { return slack.NewDividerBlock() }), "", ""},
		{"51 blocks", many(51, func(int) slack.Block { return slack.NewDividerBlock() }), "invalid_blocks", "/blocks"},
		{"section 3000", one(section(x(3000))), "", ""},
		{"section 3001", one(section(x(3001))), "invalid_blocks", "/blocks/0/text/text"},
		{"header 150", one(slack.NewHeaderBlock(plain(x(150)))), "", ""},
		{"header 151", one(slack.NewHeaderBlock(plain(x(151)))), "invalid_blocks", "/blocks/0/text/text"},
		{"button 75, value 2000, id 255", one(slack.NewActionBlock("", button(x(255), x(75), x(2000)))), "", ""},
		{"button 76", one(slack.NewActionBlock("", button("a", x(76), "v"))), "invalid_blocks", "/blocks/0/elements/0/text/text"},
		{"value 2001", one(slack.NewActionBlock("", button("a", "b", x(2001)))), "invalid_blocks", "/blocks/0/elements/0/value"},
		{"action_id 256", one(slack.NewActionBlock("", button(x(256), "b", "v"))), "invalid_blocks", "/blocks/0/elements/0/action_id"},
		{"block_id 256", one(slack.NewActionBlock(x(256), button("a", "b", "v"))), "invalid_blocks", "/blocks/0/block_id"},
		{"25 actions", one(actions(25)), "", ""},
		{"26 actions", one(actions(26)), "invalid_blocks", "/blocks/0/elements"},
		{"10 fields", one(fields(10)), "", ""},
		{"11 fields", one(fields(11)), "invalid_blocks", "/blocks/0/fields"},
		{"confirm title 101", one(slack.NewActionBlock("", confirmed)), "invalid_blocks", "/blocks/0/elements/0/confirm/title/text"},
		{"same action_id", one(slack.NewActionBlock("", button("a", "b", ""), button("a", "c", ""))), "invalid_blocks", "/blocks/0/elements/1/action_id"},
		{"same block_id", []slack.Block{slack.NewActionBlock("b", button("a", "b", "")), slack.NewActionBlock("b", button("a", "b", ""))}, "invalid_blocks", "/blocks/1/block_id"},
		{"empty text", one(slack.NewHeaderBlock(plain(""))), "invalid_blocks", "/blocks/0/text/text"},
		{"13200 characters in all", many(6, func(int) slack.Block { return section(x(2200)) }), "", ""},
		{"13201 characters in all", append(many(6, func(int) slack.Block { return section(x(2200)) }), section("x")), "msg_blocks_too_long", ""},
	}
	ws := start(t, slackfake.Options{})
	api := client(ws)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := api.PostMessage("C1", slack.MsgOptionText("x", false), slack.MsgOptionBlocks(tt.blocks...))
			if tt.code == "" {
				if err != nil {
					t.Fatalf("got %v", err)
				}
				return
			}
			var e slack.SlackErrorResponse
			if !errors.As(err, &e) || e.Err != tt.code {
				t.Fatalf("got %v want %s", err, tt.code)
			}
			if tt.pointer != "" && !strings.HasSuffix(e.ResponseMetadata.Messages[0], "[json-pointer:"+tt.pointer+"]") {
				t.Errorf("got %v want the pointer %s", e.ResponseMetadata.Messages, tt.pointer)
			}
		})
	}
	_, _, err := api.PostMessage("C1", slack.MsgOptionText(x(40001), false))
	wantError(t, "a long text", err, "msg_too_long")
}

func TestRender(t *testing.T) {
	src := `[
	 {"type":"header","text":{"type":"plain_text","text":"INC-1 Key leak"}},
	 {"type":"section","text":{"type":"mrkdwn","text":"*Lead* <@U1> in <#C1|x>, see <https://a.b|docs> &amp; <!here>"},
	  "fields":[{"type":"mrkdwn","text":"*Severity*\nSEV1"},{"type":"mrkdwn","text":"*Status*\nopen"},{"type":"plain_text","text":"odd"}],
	  "accessory":{"type":"button","action_id":"m","text":{"type":"plain_text","text":"More"}}},
	 {"type":"divider"},
	 {"type":"context","elements":[{"type":"mrkdwn","text":"journal 42"},{"type":"plain_text","text":"drill"}]},
	 {"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Approve"}},{"type":"button","text":{"type":"plain_text","text":"Deny"}},
	  {"type":"users_select","placeholder":{"type":"plain_text","text":"Lead"}}]},
	 {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"hi "},{"type":"user","user_id":"U1"}]},
	  {"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"one"}]}]}]}
	]`
	blocks, err := slackfake.ParseBlocks([]byte(src))
	if err != nil {
		t.Fatal(err)
	}
	names := func(id string) string { return map[string]string{"U1": "alice"}[id] }
	want := `# INC-1 Key leak
*Lead* @alice in #x, see docs (https://a.b) & @here  [More]
*Severity* SEV1 | *Status* open
odd
---
(journal 42 · drill)
[Approve] [Deny] [Lead v]
hi @alice
- one`
	if got := slackfake.Render(blocks, names); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if problems := slackfake.CheckBlocks(blocks, slackfake.OnMessage); len(problems) != 0 {
		t.Errorf("problems: %v", problems)
	}
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte(`[{"type":"section","text":{"type":"mrkdwn","text":"hi <@U1|a>"},"accessory":{"type":"button","text":"x"}}]`))
	f.Add([]byte(`{"blocks":[{"type":"input","element":{"type":"static_select","option_groups":[{"options":[{"text":{},"value":1}]}]}}]}`))
	f.Add([]byte(`[{"type":"context","elements":[1,null,{"type":"mrkdwn"}]},{"type":"rich_text","elements":[{"elements":[{}]}]}]`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, src []byte) {
		blocks, err := slackfake.ParseBlocks(src)
		if err != nil {
			return
		}
		before := slackfake.Render(blocks, nil)
		problems := slackfake.CheckBlocks(blocks, slackfake.OnMessage)
		out, err := json.Marshal(blocks)
		if err != nil {
			t.Fatalf("read but not written: %v", err)
		}
		again, err := slackfake.ParseBlocks(out)
		if err != nil {
			t.Fatalf("written but not read again: %v\n%s", err, out)
		}
		if got := slackfake.Render(again, nil); got != before {
			t.Errorf("rendered %q, after a round trip %q", before, got)
		}
		if got := slackfake.CheckBlocks(again, slackfake.OnMessage); len(got) != len(problems) {
			t.Errorf("%v, after a round trip %v", problems, got)
		}
		slackfake.Pressables(blocks)
	})
}
