package runbooks

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/expr-lang/expr/file"
)

// fault is a mistake in an expression, at an offset in runes.
type fault struct {
	offset  int
	rule    string
	message string
	hint    string
}

// What the expression library says, and what people understand.
var (
	mismatched  = regexp.MustCompile(`^invalid operation: (\S+) \(mismatched types (.+) and (.+)\)$`)
	badArgument = regexp.MustCompile(`^cannot use (.+) as argument \(type .*\) to call (\w+) *$`)
	noBoolean   = regexp.MustCompile(`^predicate should return boolean \(got (.+)\)$`)
	unexpected  = regexp.MustCompile(`^unexpected token (?:\w+\((.*)\)|(EOF))$`)
)

// foreignFault makes a fault of an error of the expression library.
func foreignFault(err error) fault {
	f := fault{rule: "expression", message: err.Error()}
	if at, ok := errors.AsType[*file.Error](err); ok {
		f.offset, f.message = at.From, at.Message
	}
	if m := mismatched.FindStringSubmatch(f.message); m != nil {
		f.message = fmt.Sprintf("%s does not work between %s and %s", m[1], foreignType(m[2]), foreignType(m[3]))
	} else if m := badArgument.FindStringSubmatch(f.message); m != nil {
		f.message = fmt.Sprintf("%s does not take %s", m[2], foreignType(m[1]))
	} else if m := noBoolean.FindStringSubmatch(f.message); m != nil {
		f.message, f.hint = "the condition on each item must be true or false; this is "+foreignType(m[1]), `compare it with something, such as == "..."`
	} else if m := unexpected.FindStringSubmatch(f.message); m != nil {
		switch {
		case m[2] != "":
			f.message, f.hint = "the expression ends too early", "when there is more of it, put it in quotes: a comma in braces, or a #, cuts it off"
		case m[1] == `"="`:
			f.message, f.hint = "unexpected =", "compare with =="
		default:
			f.message = "unexpected " + m[1]
		}
	} else if strings.Contains(f.message, "exceeds maximum allowed nodes") {
		f.message = fmt.Sprintf("the expression has more than %d parts", maxNodes)
	}
	return f
}

func foreignType(name string) string {
	switch name {
	case "string":
		return "text"
	case "int":
		return "a number"
	case "bool":
		return "true or false"
	case "[]interface {}":
		return "a list"
	case "map[string]interface {}":
		return "an object"
	}
	return name
}
