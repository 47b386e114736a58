package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/firebreak-ir/firebreak/chatops"
	"github.com/firebreak-ir/firebreak/cmd/internal/config"
	"github.com/firebreak-ir/firebreak/cmd/internal/local"
	"github.com/firebreak-ir/firebreak/engine"
	"github.com/firebreak-ir/firebreak/engine/journal"
	"github.com/firebreak-ir/firebreak/engine/journal/bolt"
	"github.com/firebreak-ir/firebreak/engine/record"
	"github.com/firebreak-ir/firebreak/engine/timeline"
)

// Bounds of following.
const (
	maxBatchBytes = 256 << 10 // of lines, after which they are sent
	maxBatchFacts = 256       // the same in facts
	maxFeeds      = 64        // incidents that are remembered at once; another one is read again from its beginning
)

// follow sends what the journal holds and what comes, to somebody who may see
// it. That somebody began is told in the server's log: a fact about it in each
// incident would be followed in its turn.
func (a *App) follow(ctx context.Context, who engine.Actor, f local.Follow, send func(local.Batch) error) error {
	x := &follower{log: a.Journal, f: f, sees: func() (privates, error) { return a.mayFollow(who) }}
	if !f.Once {
		x.changed = a.wakes.changed
	}
	a.log.Info("the record is followed", "by", who.ID, "via", who.Via, "format", f.Format, "from", f.From, "incident", f.Incident)
	err := x.run(ctx, send)
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok && refusal.Code == engine.NotAllowed {
		if failed := a.Host.Refuse(context.WithoutCancel(ctx), engine.Request{Actor: who, Verb: "export --follow"}, "", refusal); failed != nil {
			return failed
		}
	}
	return err
}

// FollowFile sends what the journal's file holds, while no server has it open,
// to somebody who may see it. Errors: *journal.LockedError when a server has it;
// a *engine.Refusal.
func FollowFile(ctx context.Context, cfg *config.Config, who engine.Actor, f local.Follow, send func(local.Batch) error) (err error) {
	log, err := bolt.Open(cfg.Store, bolt.Options{ReadOnly: true, MustExist: true, Org: cfg.Organisation})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	policy := chatops.Policy{EverybodyResponds: cfg.Policy.EverybodyResponds}
	x := &follower{log: log, f: f, sees: func() (privates, error) { return mayFollow(&cfg.Directory, policy, who) }}
	return x.run(ctx, send)
}

// privates says whether private incidents are among those that are followed.
type privates string

const (
	withPrivate    privates = "with private ones"
	withoutPrivate privates = "without private ones"
)

func (a *App) mayFollow(who engine.Actor) (privates, error) {
	return mayFollow(a.directory(), chatops.Policy{EverybodyResponds: a.Config.Policy.EverybodyResponds}, who)
}

// mayFollow is who may follow the record of all incidents: auditors, commanders
// and admins, and private incidents are for auditors and admins alone. Who may
// see one private incident because of a part in it exports that one.
func mayFollow(d *chatops.Directory, policy chatops.Policy, who engine.Actor) (privates, error) {
	var roles []chatops.Role
	if who.Type == engine.Person {
		roles = policy.Roles(d, who.ID)
	}
	is := func(r chatops.Role) bool { return slices.Contains(roles, r) }
	switch {
	case is(chatops.Auditor), is(chatops.Admin):
		return withPrivate, nil
	case is(chatops.Commander):
		return withoutPrivate, nil
	}
	return "", engine.Refuse(engine.NotAllowed, "the record of all incidents is followed by auditors, commanders and admins, and %s is none of them; an admin can add the role to the directory", orStranger(who))
}

func orStranger(a engine.Actor) string {
	if a.ID == "" {
		return "a stranger (" + a.Via + ")"
	}
	return a.ID
}

// incidentStream are the streams of incidents; others hold facts that belong to none.
var incidentStream = regexp.MustCompile(`^(INC|DRL)-[1-9][0-9]*$`)

// follower reads a journal from a place on and tells it in lines. The journal is
// read in short pieces, so that a slow reader holds up nobody.
type follower struct {
	log     journal.Log
	f       local.Follow
	sees    func() (privates, error) // asked before each batch
	changed func() <-chan struct{}   // nil: end at the end
	facts   int                      // the most of a batch; zero: maxBatchFacts

	feeds map[string]*followed
	turn  int64 // counts facts, to know which feed was used last
	out   bytes.Buffer
}

// followed is an incident as far as it was read.
type followed struct {
	feed   *timeline.Feed // nil: it is not for this reader
	next   int64          // place in the stream that comes next
	used   int64
	hidden bool
}

func (x *follower) run(ctx context.Context, send func(local.Batch) error) error {
	if _, err := x.sees(); err != nil {
		return err
	}
	if _, err := timeline.NewFeed(x.f.Format, timeline.Options{OCSF: x.f.OCSF}); err != nil {
		return engine.Refuse(engine.Usage, "%v", err)
	}
	if x.f.Incident != "" && !incidentStream.MatchString(x.f.Incident) {
		return engine.Refuse(engine.NoIncident, "%q is no incident; they are called INC-12", x.f.Incident)
	}
	x.feeds = map[string]*followed{}
	next := x.f.From
	for first := true; ; first = false {
		var wake <-chan struct{}
		if x.changed != nil {
			wake = x.changed() // before the journal is read
		}
		head, err := x.log.Head(ctx)
		if err != nil {
			return err
		}
		if first {
			if err := x.fits(head); err != nil {
				return err
			}
			if err := send(local.Batch{Origin: head.Origin, Next: next}); err != nil {
				return err
			}
		}
		if next, err = x.upTo(ctx, head, next, send); err != nil {
			return err
		}
		if wake == nil {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fits says whether the reader's place is one of this journal.
func (x *follower) fits(head journal.Checkpoint) error {
	switch {
	case x.f.Origin != "" && x.f.Origin != head.Origin:
		return engine.Refuse(engine.Usage, "your place is one of journal %s and this is journal %s; begin at 0 with a new state, or find out why the journal is another one", x.f.Origin, head.Origin)
	case x.f.From > head.Size:
		return engine.Refuse(engine.Usage, "you have read up to %d and the journal ends at %d: it was rolled back or is another one; find out which before anything else (firebreak verify)", x.f.From, head.Size)
	}
	return nil
}

// upTo sends what stands between next and a head.
func (x *follower) upTo(ctx context.Context, head journal.Checkpoint, next int64, send func(local.Batch) error) (int64, error) {
	facts, began := 0, next
	flush := func() error {
		b := local.Batch{Origin: head.Origin, Next: next, Lines: x.out.Bytes()}
		facts, began = 0, next
		err := send(b)
		x.out.Reset()
		return err
	}
	scope, err := x.sees()
	if err != nil {
		return next, err
	}
	for entry, err := range x.log.All(ctx, next) {
		if err != nil {
			return next, err
		}
		if entry.Seq >= head.Size {
			break
		}
		if err := x.take(ctx, entry, head, scope); err != nil {
			return next, err
		}
		next = entry.Seq + 1
		if facts++; facts >= cmp.Or(x.facts, maxBatchFacts) || x.out.Len() >= maxBatchBytes {
			if err := flush(); err != nil {
				return next, err
			}
			if scope, err = x.sees(); err != nil {
				return next, err
			}
		}
	}
	if next == began {
		return next, nil
	}
	return next, flush()
}

// take tells one record, when it is for this reader.
func (x *follower) take(ctx context.Context, entry journal.Entry, head journal.Checkpoint, scope privates) error {
	if !incidentStream.MatchString(entry.Stream) || x.f.Incident != "" && x.f.Incident != entry.Stream {
		return nil
	}
	w := x.feeds[entry.Stream]
	if w == nil || w.next != entry.N || w.hidden && scope == withPrivate {
		var err error
		if w, err = x.open(ctx, entry, head, scope); err != nil {
			return err
		}
		x.feeds[entry.Stream] = w
	}
	x.turn++
	w.next, w.used = entry.N+1, x.turn
	if !w.hidden && w.feed.Incident().Private && scope != withPrivate {
		w.hidden, w.feed = true, nil
	}
	if w.hidden {
		return nil
	}
	e, err := x.decode(ctx, entry)
	if err != nil {
		return err
	}
	w.feed.Under(head)
	if err := w.feed.Take(e, &x.out); err != nil {
		return fmt.Errorf("record %d of %s: %w", entry.Seq, entry.Stream, err)
	}
	if entry.Close {
		delete(x.feeds, entry.Stream)
	}
	x.forget()
	return nil
}

// open reads an incident from its beginning up to a record. Of one that is not
// for this reader only the first fact is looked at.
func (x *follower) open(ctx context.Context, to journal.Entry, head journal.Checkpoint, scope privates) (*followed, error) {
	feed, err := timeline.NewFeed(x.f.Format, timeline.Options{OCSF: x.f.OCSF, Head: head})
	if err != nil {
		return nil, err
	}
	for entry, err := range x.log.Read(ctx, to.Stream, 0) {
		if err != nil {
			return nil, err
		}
		e, err := x.decode(ctx, entry)
		if err != nil {
			return nil, err
		}
		if d, ok := e.Body.(engine.Declared); ok && d.Private && scope != withPrivate {
			return &followed{hidden: true}, nil
		}
		if entry.N >= to.N {
			break
		}
		if err := feed.Take(e, nil); err != nil {
			return nil, fmt.Errorf("record %d of %s: %w", entry.Seq, entry.Stream, err)
		}
	}
	return &followed{feed: feed}, nil
}

// forget lets go of the incident that was told the longest time ago, when there are many.
func (x *follower) forget() {
	open, oldest := 0, ""
	for name, w := range x.feeds { // which of them is named does not depend on the order
		if w.hidden {
			continue
		}
		open++
		if oldest == "" || w.used < x.feeds[oldest].used {
			oldest = name
		}
	}
	if open > maxFeeds {
		delete(x.feeds, oldest)
	}
}

func (x *follower) decode(ctx context.Context, entry journal.Entry) (engine.Event, error) {
	e, err := record.In(ctx, x.log, entry)
	if err != nil {
		err = fmt.Errorf("%w; to leave it out, go on with --from %d", err, entry.Seq+1)
	}
	return e, err
}
