// Package e2e holds the stories that are told to the finished binary: it is
// built, started as its own process, driven through Slack's two doors and the
// terminal, pointed at emulated clouds, and killed.
//
// Only tests live here. They are apart from the command because they must not
// share a process with it: a server that is killed has to be a process.
package e2e
