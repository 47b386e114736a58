package slack

import "slices"

// Scope is a right that the app needs in a workspace, and what for.
type Scope struct{ Name, Why string }

// Scopes lists every right of the bot token, sorted by name. The manifest asks
// for these and no others, and Doctor looks whether they were granted.
func Scopes() []Scope {
	return []Scope{
		{"channels:history", "find a message posted before a crash, so that it is not posted twice"},
		{"channels:manage", "make the channel of an incident and invite the people it needs"},
		{"channels:read", "see whether a channel is shared with another organisation"},
		{"chat:write", "post cards, questions and answers, and keep them up to date"},
		{"commands", "receive the slash commands"},
		{"files:write", "hand out an exported timeline"},
		{"groups:history", "the same as channels:history, in channels of private incidents"},
		{"groups:read", "the same as channels:read, in channels of private incidents"},
		{"groups:write", "the same as channels:manage, for private incidents"},
		{"im:history", "find what one player of an exercise was told before a crash, so that it is not told twice"},
		{"im:write", "hand out a file, an answer, or news of an exercise to one person alone"},
		{"pins:write", "pin the card of an incident"},
		{"users:read", "refuse guests, bots, deactivated people and other organisations"},
	}
}

// AppScope is the right of the app-level token, for Socket Mode.
const AppScope = "connections:write"

// CheckScopes gives the scopes that are needed and not granted, sorted.
func CheckScopes(granted []string) (missing []Scope) {
	for _, s := range Scopes() {
		if !slices.Contains(granted, s.Name) {
			missing = append(missing, s)
		}
	}
	return missing
}

func scopeNames() []string {
	var names []string
	for _, s := range Scopes() {
		names = append(names, s.Name)
	}
	return names
}
