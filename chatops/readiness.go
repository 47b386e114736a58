package chatops

import (
	"context"

	"github.com/firebreak-ir/firebreak/engine"
)

// Ledger says how ready runbooks are; see engine/readiness.
type Ledger interface {
	// Ledger gives the ledger of one runbook, or of all of them when it is "".
	// Problems of the request are a *engine.Refusal.
	Ledger(ctx context.Context, runbook string) (Message, error)
}

// readiness shows what was rehearsed, when, and what has changed since.
func (b *Bot) readiness(c *call) Message {
	if b.o.Readiness == nil {
		return b.refuse(c, engine.Refuse(engine.NotAllowed, "readiness is not kept here: this server has no record of rehearsals; ask an admin"), false)
	}
	if c.Target != "" {
		if _, refusal := b.runbook(c); refusal != nil {
			return b.refuse(c, refusal, false)
		}
	}
	m, err := b.o.Readiness.Ledger(c.ctx, c.Target)
	if err != nil {
		return b.answer(c, err)
	}
	m.Public, m.Seq = false, -1
	return told(c, m)
}
