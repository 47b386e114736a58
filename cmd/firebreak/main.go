// Command firebreak runs incident response runbooks: from Slack, from a
// terminal, and in a rehearsal.
//
// One file holds one command: its constructor, its options and what it does.
// Nothing is kept in package variables; main is a call to run, which tests call
// as well.
//
// Exit codes: 0 done, 1 failed, 2 usage; those of verify are in its help; 70
// the store may hold what could not be confirmed, start again; 71 another
// process took the store.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}
