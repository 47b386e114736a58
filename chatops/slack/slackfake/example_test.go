package slackfake_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/chatops/slack/slackfake"
)

// A bot asks for an approval; a second person clicks it.
func Example() {
	ws := slackfake.New(slackfake.Options{Commands: []string{"/incident"}, BotName: "bot"})
	alice := ws.AddUser(slackfake.User{ID: "U1", Name: "alice"})
	bob := ws.AddUser(slackfake.User{ID: "U2", Name: "bob"})
	ws.AddChannel(slackfake.Channel{ID: "C1", Name: "ops", Members: []string{"U1", "U2", ws.App.BotUserID}})
	if err := ws.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer ws.Close()

	// The bot. A real one checks the signature, answers first and works afterwards.
	api := slack.New(ws.App.BotToken, slack.OptionAPIURL(ws.APIURL()))
	mux := http.NewServeMux()
	mux.HandleFunc("/commands", func(w http.ResponseWriter, r *http.Request) {
		cmd, _ := slack.SlashCommandParse(r)
		yes := slack.NewButtonBlockElement("approve", "ref", slack.NewTextBlockObject("plain_text", "Approve", false, false))
		_, _, _ = api.PostMessage(cmd.ChannelID, slack.MsgOptionText("approve?", false), slack.MsgOptionBlocks(
			slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", "<@"+cmd.UserID+"> wants to "+cmd.Text, false, false), nil, nil),
			slack.NewActionBlock("", yes)))
	})
	mux.HandleFunc("/interact", func(w http.ResponseWriter, r *http.Request) {
		cb, _ := slack.InteractionCallbackParse(r)
		_, _, _, _ = api.UpdateMessage(cb.Container.ChannelID, cb.Container.MessageTs,
			slack.MsgOptionText("Approved by <@"+cb.User.ID+">", false))
	})
	bot := httptest.NewServer(mux)
	defer bot.Close()
	ws.App.SetEndpoints(bot.URL+"/commands", bot.URL+"/interact", "")

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	alice.In("ops").Type("/incident disable the key")
	if err := ws.Wait(ctx, func(s *slackfake.State) bool { return len(s.Messages("ops")) == 1 }); err != nil {
		fmt.Println(err)
		return
	}
	bob.Click(ws.Messages("ops")[0].Ref(), "approve")
	fmt.Print(ws.Transcript())
	// Output:
	// #ops alice: /incident disable the key
	// #ops bot:
	//     @alice wants to disable the key
	//     [Approve]
	// #ops bob *click*: [Approve]
	// #ops bot (edited): Approved by @bob
}
