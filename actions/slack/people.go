package slack

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/firebreak-ir/firebreak/actions"
)

var (
	userForm  = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	groupForm = regexp.MustCompile(`^S[A-Z0-9]+$`)
)

// resolve finds the people that a step names, sorted by id, each once. It fails
// closed: whoever Slack does not vouch for stops the step, by name.
func resolve(ctx context.Context, client *slack.Client, p inviteParams) ([]*slack.User, error) {
	me, err := client.AuthTestContext(ctx)
	if err != nil {
		return nil, classify("auth.test", reads, err)
	}
	var people []*slack.User
	add := func(name string, u *slack.User) error {
		if why := objection(u, me.TeamID, p.Guests); why != "" {
			return &actions.Error{
				Class: actions.Precondition, Op: "slack.invite", Err: fmt.Errorf("%q is not invited: %s", name, why), Hint: "take the account out of the step or the group",
			}
		}
		people = append(people, u)
		return nil
	}
	ids, err := groupMembers(ctx, client, p.Groups)
	if err != nil {
		return nil, err
	}
	for _, name := range p.Users {
		switch {
		case userForm.MatchString(name):
			ids = append(ids, name)
		case strings.Contains(name, "@") && !strings.HasPrefix(name, "@"):
			u, err := client.GetUserByEmailContext(ctx, name)
			if err != nil {
				return nil, about(name, classify("users.lookupByEmail", reads, err))
			}
			if err := add(name, u); err != nil {
				return nil, err
			}
		default:
			return nil, &actions.Error{Class: actions.Invalid, Op: "slack.invite", Err: fmt.Errorf("%q is no Slack id of a person and no e-mail address", name), Hint: "write U0123456789 or grace@example.com"}
		}
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	if n := len(ids) + len(people); n > maxPeople {
		return nil, &actions.Error{Class: actions.Invalid, Op: "slack.invite", Err: fmt.Errorf("these are %d people, and one step invites %d", n, maxPeople), Hint: "name fewer, or use several steps"}
	}
	for _, id := range ids {
		u, err := client.GetUserInfoContext(ctx, id)
		switch {
		case err != nil:
			return nil, about(id, classify("users.info", reads, err))
		case u.ID != id:
			return nil, &actions.Error{Class: actions.Transient, Op: "slack:users.info", Err: fmt.Errorf("the answer is not about %q", id)}
		}
		if err := add(id, u); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(people, func(a, b *slack.User) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(people, func(a, b *slack.User) bool { return a.ID == b.ID }), nil
}

// about says whom an error is about.
func about(name string, err error) error {
	e := *actions.AsError("", err)
	e.Err = fmt.Errorf("%q: %w", name, e.Err)
	return &e
}

// objection says why an account is not invited, or "".
func objection(u *slack.User, team string, guests bool) string {
	switch {
	case u == nil || u.ID == "":
		return "Slack does not know the account"
	case u.Deleted:
		return "the account is deactivated"
	case u.IsBot, u.IsWorkflowBot, u.IsConnectorBot, u.ID == "USLACKBOT":
		return "the account is a bot"
	case u.IsStranger:
		return "the account belongs to another organisation"
	case team == "" || u.TeamID != team:
		return "the account belongs to another workspace"
	case !guests && (u.IsRestricted || u.IsUltraRestricted):
		return "the account is a guest; say guests: true when that is meant"
	}
	return ""
}

// groupMembers lists the members of user groups, given by id or handle.
func groupMembers(ctx context.Context, client *slack.Client, groups []string) ([]string, error) {
	var ids []string
	var known []slack.UserGroup
	for _, name := range groups {
		id := name
		if !groupForm.MatchString(name) {
			if known == nil {
				var err error
				if known, err = client.GetUserGroupsContext(ctx); err != nil {
					return nil, classify("usergroups.list", reads, err)
				}
			}
			i := slices.IndexFunc(known, func(g slack.UserGroup) bool { return g.Handle == strings.TrimPrefix(name, "@") })
			if i < 0 {
				return nil, &actions.Error{Class: actions.NotFound, Op: "slack:usergroups.list", Err: fmt.Errorf("there is no user group %q", name), Hint: "give its handle or its id"}
			}
			id = known[i].ID
		}
		members, err := client.GetUserGroupMembersContext(ctx, id)
		switch {
		case err != nil:
			return nil, about(name, classify("usergroups.users.list", reads, err))
		case len(members) == 0:
			return nil, &actions.Error{Class: actions.Precondition, Op: "slack:usergroups.users.list", Err: fmt.Errorf("the user group %q is empty", name), Hint: "put people into it, or name them"}
		}
		ids = append(ids, members...)
	}
	return ids, nil
}

// shownName is a person as others read it.
func shownName(u *slack.User) string {
	return cmp.Or(u.Profile.DisplayName, u.RealName, u.Name, u.ID) + " (" + u.ID + ")"
}
