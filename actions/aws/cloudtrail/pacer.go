package cloudtrail

import (
	"context"
	"sync"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// between is the pause between two look-ups in one account and region: CloudTrail
// allows two a second.
const between = 500 * time.Millisecond

// pacer lets one call at a time into each account and region, with a pause
// between any two. It reads no clock: a call that comes late pauses too.
type pacer struct {
	pause func(context.Context, time.Duration) error

	mu    sync.Mutex
	lanes map[string]*lane
}

// lane is one account and region. Its channel holds the one leave to call.
type lane struct {
	leave chan struct{}
	used  bool // guarded by the leave
}

func newPacer(pause func(context.Context, time.Duration) error) *pacer {
	return &pacer{pause: pause, lanes: map[string]*lane{}}
}

// take waits until a call may be made, and gives what must be called after it.
func (p *pacer) take(ctx context.Context, account, region string) (done func(), err error) {
	p.mu.Lock()
	l, ok := p.lanes[account+"/"+region]
	if !ok {
		l = &lane{leave: make(chan struct{}, 1)}
		l.leave <- struct{}{}
		p.lanes[account+"/"+region] = l
	}
	p.mu.Unlock()
	late := func(err error) error {
		return &actions.Error{Class: actions.Transient, Op: "cloudtrail:LookupEvents", Err: err, Hint: "nothing was sent; ask for fewer regions or events, or give the step more time"}
	}
	select {
	case <-l.leave:
	case <-ctx.Done():
		return nil, late(ctx.Err())
	}
	if l.used {
		if err := p.pause(ctx, between); err != nil {
			l.leave <- struct{}{}
			return nil, late(err)
		}
	}
	l.used = true
	return func() { l.leave <- struct{}{} }, nil
}
