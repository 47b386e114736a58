// Package console shows what chatops answers in a terminal, asks for what a
// form asks for, and writes the same answer for machines.
//
//	console.Print(os.Stdout, message, console.Style{Width: 100, Color: true})
//	values, err := console.Fill(os.Stdin, os.Stdout, *message.Form)
//	console.PrintJSON(os.Stdout, message)
//
// Whatever a message holds, no control character of it reaches the terminal:
// an escape sequence in the title of an incident is shown, not obeyed. Color
// is used only when the Style says so; whether the place is a terminal and
// NO_COLOR is unset is for the caller to know.
//
// Design: buttons are not drawn, since nobody can click them here; a message
// that has buttons also lists the words that do the same. Rejected: a full
// screen program, which would be a second way to answer with rules of its own.
package console
