package slackfake

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
)

func userMethods() []method {
	return []method{
		{name: "users.info", tier: tier4, scopes: []string{"users:read"}, run: usersInfo},
		{name: "users.list", tier: tier2, scopes: []string{"users:read"}, run: usersList},
		{name: "users.lookupByEmail", tier: tier3, scopes: []string{"users:read.email"}, run: usersLookupByEmail},
	}
}

func groupMethods() []method {
	return []method{
		{name: "usergroups.list", tier: tier2, scopes: []string{"usergroups:read"}, run: groupsList},
		{name: "usergroups.users.list", tier: tier2, scopes: []string{"usergroups:read"}, run: groupsUsersList},
	}
}

func usersInfo(w *Workspace, r *request) (reply, error) {
	u := w.user(r.str("user"))
	if u == nil {
		return nil, fail("user_not_found")
	}
	return reply{"user": w.userJSON(u, r)}, nil
}

func usersList(w *Workspace, r *request) (reply, error) {
	var members []any
	for _, u := range w.users {
		if !u.Stranger {
			members = append(members, w.userJSON(u, r))
		}
	}
	page, next, err := paginate(members, r)
	if err != nil {
		return nil, err
	}
	return reply{"members": page, "cache_ts": w.now().Unix(), "response_metadata": reply{"next_cursor": next}}, nil
}

func usersLookupByEmail(w *Workspace, r *request) (reply, error) {
	email := r.str("email")
	for _, u := range w.users {
		if email != "" && strings.EqualFold(u.Email, email) && !u.Deleted {
			return reply{"user": w.userJSON(u, r)}, nil
		}
	}
	return nil, fail("users_not_found")
}

// userJSON is a user as users.info shows it: flags are left out of strangers and e-mail needs its own scope.
func (w *Workspace) userJSON(u *User, r *request) reply {
	profile := reply{
		"real_name": u.RealName, "real_name_normalized": u.RealName, "display_name": u.DisplayName,
		"display_name_normalized": u.DisplayName, "title": u.Title, "phone": "", "skype": "", "team": u.TeamID,
		"status_text": "", "status_emoji": "", "avatar_hash": "g" + strings.ToLower(u.ID),
	}
	if slices.Contains(r.scopes, "users:read.email") && u.Email != "" {
		profile["email"] = u.Email
	}
	out := reply{
		"id": u.ID, "team_id": u.TeamID, "name": u.Name, "deleted": u.Deleted, "color": "9f69e7",
		"real_name": u.RealName, "tz": u.TZ, "tz_label": u.TZ, "tz_offset": 0, "profile": profile,
		"is_bot": u.Bot, "is_app_user": false, "updated": w.now().Unix(), "is_stranger": u.Stranger,
	}
	if !u.Deleted {
		out["is_admin"] = u.Admin || u.Owner || u.PrimaryOwner
		out["is_owner"] = u.Owner || u.PrimaryOwner
		out["is_primary_owner"] = u.PrimaryOwner
		out["is_restricted"] = u.Restricted || u.UltraRestricted
		out["is_ultra_restricted"] = u.UltraRestricted
		out["is_email_confirmed"] = true
	}
	return out
}

func groupsList(w *Workspace, r *request) (reply, error) {
	out := []any{}
	for _, g := range w.groups {
		if g.Disabled && !r.bool("include_disabled") {
			continue
		}
		item := reply{
			"id": g.ID, "team_id": w.opt.TeamID, "is_usergroup": true, "is_subteam": true, "name": g.Name,
			"description": g.Description, "handle": g.Handle, "is_external": g.External,
			"date_create": g.Created.Unix(), "date_update": g.Created.Unix(), "date_delete": 0,
			"auto_type": nil, "created_by": "", "updated_by": "", "deleted_by": nil,
			"prefs": reply{"channels": []string{}, "groups": []string{}}, "user_count": len(g.Members),
		}
		if g.Disabled {
			item["date_delete"] = g.Created.Unix()
		}
		if r.bool("include_users") {
			item["users"] = slices.Clone(g.Members)
		}
		out = append(out, item)
	}
	return reply{"usergroups": out}, nil
}

func groupsUsersList(w *Workspace, r *request) (reply, error) {
	for _, g := range w.groups {
		if g.ID != r.str("usergroup") {
			continue
		}
		if g.Disabled && !r.bool("include_disabled") {
			return nil, fail("subteam_disabled")
		}
		return reply{"users": append([]string{}, g.Members...)}, nil
	}
	return nil, fail("no_such_subteam")
}

// paginate cuts the page that limit and cursor ask for, and gives the next cursor.
func paginate(all []any, r *request) ([]any, string, error) {
	from := 0
	if c := r.str("cursor"); c != "" {
		raw, err := base64.StdEncoding.DecodeString(c)
		n, nerr := strconv.Atoi(strings.TrimPrefix(string(raw), "from:"))
		if err != nil || nerr != nil || n < 0 || n > len(all) {
			return nil, "", fail("invalid_cursor")
		}
		from = n
	}
	limit := 100
	if s := r.str("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 || n > 1000 {
			return nil, "", fail("invalid_limit")
		}
		if n > 0 {
			limit = n
		}
	}
	to := min(from+limit, len(all))
	next := ""
	if to < len(all) {
		next = base64.StdEncoding.EncodeToString([]byte("from:" + strconv.Itoa(to)))
	}
	return append([]any{}, all[from:to]...), next, nil
}
