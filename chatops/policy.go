package chatops

import (
	"slices"

	"github.com/firebreak-ir/firebreak/engine"
)

// Policy holds what a team can choose about rights. The zero Policy is the
// strict one; see [DefaultPolicy].
type Policy struct {
	// EverybodyResponds makes people of the directory without any role
	// responders. A person with roles has just these.
	EverybodyResponds bool
}

// DefaultPolicy is that of a small team, where everybody in the directory may respond.
func DefaultPolicy() Policy { return Policy{EverybodyResponds: true} }

// rights names the rule by which a verb is judged.
type rights string

const (
	everybody    rights = "everybody"    // even a stranger
	anybody      rights = "anybody"      // a person of the directory
	viewers      rights = "viewers"      // who can see the incident
	responders   rights = "responders"   // responder or commander
	asked        rights = "asked"        // responder, commander, or who is asked; the core judges the vote itself
	minders      rights = "minders"      // responder or commander, or whom the step's containment asks
	keepers      rights = "keepers"      // commander, or who declared the incident, or whom the step's containment asks; never who merely started the run
	owners       rights = "owners"       // commander, or who started the run, or who declared the incident
	facilitators rights = "facilitators" // facilitator, commander or admin: may begin an exercise
	control      rights = "control"      // a facilitator of this very exercise
	exporters    rights = "exporters"    // commander or auditor, or who declared the incident
)

// Case is what a right is judged on.
type Case struct {
	Verb     Verb
	Actor    engine.Actor
	Incident *engine.Incident // nil when the verb is about none
	Run      *engine.Run      // nil when the verb is about none
	Step     *engine.Step     // the same
}

// Roles are the roles of a person under this policy: those of the directory,
// or, for somebody without any, what the policy gives. Nobody has roles who is
// not in the directory.
func (p Policy) Roles(d *Directory, personID string) []Role {
	if d == nil || personID == "" {
		return nil
	}
	person, ok := d.Person(personID)
	switch {
	case !ok:
		return nil
	case len(person.Roles) > 0:
		return person.Roles
	case p.EverybodyResponds:
		return []Role{Responder}
	}
	return []Role{Reporter}
}

// Allow is the one place where rights are judged, for every way in: a typed
// line, a button and a form. Nil means yes. Whatever is not understood means
// no: an unknown verb, an actor who is not in the directory, a verb about an
// incident without one.
func (p Policy) Allow(d *Directory, c Case) *engine.Refusal {
	e, ok := find(string(c.Verb))
	if !ok {
		return engine.Refuse(engine.NotAllowed, "%q is no verb; for a list of what you can type: help", line(string(c.Verb), 40))
	}
	if e.who == everybody {
		return nil
	}
	if refusal := known(d, c.Actor); refusal != nil {
		return refusal
	}
	if c.Incident != nil && !p.Sees(d, c.Actor, c.Incident) {
		return invisible(c.Incident.ID)
	}
	if c.Incident == nil && e.scope == needIncident {
		return engine.Refuse(engine.NoIncident, "%q is about an incident; say which: %s INC-12", c.Verb, c.Verb)
	}
	roles := p.Roles(d, c.Actor.ID)
	is := func(any ...Role) bool {
		return slices.ContainsFunc(any, func(r Role) bool { return slices.Contains(roles, r) })
	}
	declared := c.Incident != nil && same(c.Actor, c.Incident.DeclaredBy)
	started := c.Run != nil && same(c.Actor, c.Run.Requester)
	switch e.who {
	case anybody, viewers:
		return nil
	case responders:
		if is(Responder, Commander) {
			return nil
		}
		return missing(c.Verb, "a responder or commander")
	case asked:
		if is(Responder, Commander) || isAsked(c.Actor, c.Incident) {
			return nil
		}
		return missing(c.Verb, "somebody who is asked, a responder or a commander")
	case minders:
		if is(Responder, Commander) || minds(c.Actor, c.Incident, c.Step) {
			return nil
		}
		return missing(c.Verb, "a responder, a commander, or somebody whom its containment asks")
	case keepers:
		if is(Commander) || declared || minds(c.Actor, c.Incident, c.Step) {
			return nil
		}
		return missing(c.Verb, "a commander, who declared the incident, or somebody whom its containment asks")
	case owners:
		if is(Commander) || declared || started {
			return nil
		}
		who := "a commander, or who declared the incident"
		if e.target == stepSlot || e.target == runSlot {
			who = "a commander, who declared the incident, or who started the run"
		}
		return missing(c.Verb, who)
	case facilitators:
		if is(Facilitator, Commander, Admin) {
			return nil
		}
		return missing(c.Verb, "a facilitator, a commander or an admin")
	case control:
		switch {
		case c.Incident.Drill == nil:
			return engine.Refuse(engine.NotADrill, "%s is no exercise, and %q is a word for one; exercises are called DRL-n: list", c.Incident.ID, c.Verb)
		case slices.Contains(c.Incident.Drill.Facilitators, c.Actor.ID):
			return nil
		}
		return missing(c.Verb, "a facilitator of this exercise")
	case exporters:
		if is(Commander, Auditor) || declared {
			return nil
		}
		return missing(c.Verb, "a commander, an auditor, or who declared the incident")
	}
	return engine.Refuse(engine.NotAllowed, "nobody may %s here", c.Verb)
}

// Sees says whether somebody can know of an incident: everybody in the
// directory of one that is not private; else responders, commanders, auditors
// and admins, who declared it, who started a run in it, and who is asked in it
// now. Who is a member of its channel does not count: membership is not
// followed yet.
func (p Policy) Sees(d *Directory, actor engine.Actor, i *engine.Incident) bool {
	if known(d, actor) != nil {
		return false
	}
	if !i.Private || p.seesPrivate(d, actor.ID) || same(actor, i.DeclaredBy) || isAsked(actor, i) {
		return true
	}
	return slices.ContainsFunc(i.Runs, func(r *engine.Run) bool { return same(actor, r.Requester) })
}

func (p Policy) seesPrivate(d *Directory, id string) bool {
	return slices.ContainsFunc(p.Roles(d, id), func(r Role) bool {
		return r == Responder || r == Commander || r == Auditor || r == Admin
	})
}

// known refuses whoever is not a person of the directory at this moment.
func known(d *Directory, a engine.Actor) *engine.Refusal {
	if a.Type == engine.Person && d != nil && a.ID != "" {
		if _, ok := d.Person(a.ID); ok {
			return nil
		}
	}
	why := "you are not in the directory of this firebreak"
	if a.Type == engine.Stranger && a.Name != "" {
		why = line(a.Name, 120)
	}
	return engine.Refuse(engine.NotKnown, "nothing was done: %s (%s); an admin can add you to the directory, and whoami shows what is known about you", why, line(orElse(a.Via, "no identity"), 80))
}

// isAsked says whether somebody is among those whom an open approval, a
// containment whose time is over, or the review of a broken glass asks, or may
// break a glass now.
func isAsked(a engine.Actor, i *engine.Incident) bool {
	if i == nil || a.ID == "" {
		return false
	}
	return slices.ContainsFunc(i.Asks, func(ask *engine.Ask) bool {
		if ask.Type == engine.AskContainment {
			return !ask.Closed && ask.Step.Containment != nil && a.Among(ask.Step.Containment.Ask)
		}
		if ask.Glass != nil {
			return !ask.Closed && a.Among(ask.Glass.Rule.Review)
		}
		if ask.Appr == nil || ask.Appr.State != engine.ApprovalOpen {
			return false
		}
		return a.Among(ask.Appr.From) || ask.Appr.BreakGlass != nil && a.Among(ask.Appr.BreakGlass.By)
	})
}

func same(a, b engine.Actor) bool {
	return a.Type == engine.Person && b.Type == engine.Person && a.ID != "" && a.ID == b.ID
}

func missing(v Verb, who string) *engine.Refusal {
	return engine.Refuse(engine.NotAllowed, "%q needs %s, and you are neither; whoami shows your roles, help shows what you can do", v, who)
}

// invisible is the answer for an incident that is not there and for one that
// may not be seen: the same words, so that it tells nothing.
func invisible(id string) *engine.Refusal {
	return engine.Refuse(engine.NoIncident, "there is no incident %s that you can see; type: list", line(id, 20))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
