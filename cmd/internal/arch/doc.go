// Package arch holds no code, only the tests that keep the shape of the house:
// which package may import which, what the core must never touch, and a few
// things that must never stand in any file. Every row says why it is there.
//
// To add a package, add its row to the table of arrows_test.go. To add a
// dependency, name its module in the row of the one package that wraps it.
//
// # Design
//
// Files are parsed, not asked of go list, so that files for other systems are
// held to the same rules. Only the question whether a loop runs over a map
// needs types, and only for the core. The rejected choice is a linter's
// configuration: it has no room for reasons, and is not run by go test.
package arch
