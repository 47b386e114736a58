package slack

import (
	"context"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/engine"
)

// cards remembers what each incident's card shows and when it was drawn last.
type cards struct {
	mu sync.Mutex
	by map[string]drawing
}

type drawing struct {
	at   time.Time
	text string // what it shows, to leave out a drawing that changes nothing
}

func newCards() *cards { return &cards{by: map[string]drawing{}} }

// due gives the time before which a card must not be drawn again.
func (c *cards) due(incident string, every time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	d, ok := c.by[incident]
	if !ok || d.at.IsZero() {
		return time.Time{}
	}
	return d.at.Add(every)
}

// begin notes that the card is drawn now.
func (c *cards) begin(incident string, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.by[incident]
	d.at = now
	c.by[incident] = d
}

func (c *cards) drawn(incident string, now content) {
	c.mu.Lock()
	defer c.mu.Unlock()
	d := c.by[incident]
	d.text = now.fingerprint()
	c.by[incident] = d
}

func (c *cards) shows(incident string, now content) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[incident].text == now.fingerprint()
}

// Changed has the incident's card drawn again: at once when it was not drawn
// lately, else when its interval is over, with what is true then. It does not block.
func (a *Adapter) Changed(incident string) {
	err := a.out.put("card:"+incident, &parcel{
		key:  "card",
		due:  a.cards.due(incident, a.opt.CardInterval),
		send: func(ctx context.Context, _ int) error { return a.draw(ctx, incident) },
	})
	if err != nil {
		a.log.Debug("a card was not drawn", "incident", incident, "err", err)
	}
}

// draw brings the card up to date. A card that was not posted yet is drawn
// when it is posted.
func (a *Adapter) draw(ctx context.Context, incident string) error {
	_, incidents, ok := a.bound()
	if !ok {
		return nil
	}
	a.cards.begin(incident, a.now())
	head := a.head(ctx, incident)
	type face struct {
		at  engine.Post
		c   content
		key string
	}
	var faces []face
	err := incidents.View(ctx, incident, func(i *engine.Incident) {
		if post := i.Posts["card"]; post != nil {
			faces = append(faces, face{*post, a.message(a.opt.Renderer.Card(i, head)), incident})
		}
		if post := i.Posts[engine.ControlRef]; post != nil && i.Drill != nil {
			faces = append(faces, face{*post, a.message(chatops.ControlMessage(i)), incident + "/control"})
		}
	})
	if err != nil {
		return err
	}
	for _, f := range faces {
		if f.at.TS == "" || a.cards.shows(f.key, f.c) {
			continue
		}
		if err := a.mayPost(ctx, f.at.Channel); err != nil {
			return err
		}
		if err := a.api.update(ctx, f.at.Channel, f.at.TS, f.c); err != nil {
			return err
		}
		a.cards.drawn(f.key, f.c)
	}
	return nil
}

// refreshCards draws the card of every open incident, which may have moved on
// while nobody was drawing.
func (a *Adapter) refreshCards(ctx context.Context) {
	_, incidents, _ := a.bound()
	all, err := incidents.List(ctx)
	if err != nil {
		a.log.Warn("the cards were not brought up to date", "err", err)
		return
	}
	for _, s := range all {
		if !s.Resolved && s.Channel != "" {
			a.Changed(s.ID)
		}
	}
}
