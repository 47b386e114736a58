// Package docs writes a runbook as a page for people: Markdown for a wiki or a
// Git forge.
//
//	err := docs.Write(w, program, registry)
//
// The page says what somebody who was woken up wants to know before they type
// the command: what it does and in which order, what can go wrong, who will be
// asked, what stays alive although it ran, and how it is taken back. What the
// actions declare about themselves (who feels it, what stays alive, which rights
// they need) comes from the catalog; what the run depends on comes from the
// program.
//
// # Invariants
//
// The same program and catalog give the same bytes; there is no date in them, so
// that a page in git changes only when the runbook does. Text of the runbook is
// text: it can close no table, open no tag, and call nobody by an at sign. A
// secret is not in a program, so it cannot be on a page.
//
// # Design
//
// The page is written by code, not by a template: almost every line is there
// only under a condition, and text/template would escape nothing. Rejected, too:
// a page of HTML, which a wiki does not take and a reviewer cannot read as a
// difference.
package docs
