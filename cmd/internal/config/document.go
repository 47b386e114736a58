package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/firebreak-ir/firebreak/actions"
)

// Limits of a file.
const (
	maxSize  = 1 << 20
	maxDepth = 32
)

// document reads one YAML file and gathers its problems.
type document struct {
	file     string
	at       map[string]*yaml.Node // values by path
	problems []Problem
	warnings []Problem
}

// reader takes one value; at is its path, for people: "slack.bot_token".
type reader func(n *yaml.Node, at string)

// field is one key of a mapping.
type field struct {
	key      string
	read     reader
	required bool
}

func need(key string, read reader) field { return field{key, read, true} }
func may(key string, read reader) field  { return field{key, read, false} }

func (d *document) fault(n *yaml.Node, next, format string, args ...any) {
	d.problems = append(d.problems, d.problem(n, next, format, args))
}

func (d *document) warn(n *yaml.Node, next, format string, args ...any) {
	d.warnings = append(d.warnings, d.problem(n, next, format, args))
}

func (d *document) problem(n *yaml.Node, next, format string, args []any) Problem {
	line, col := 1, 1
	if n != nil {
		line, col = max(n.Line, 1), max(n.Column, 1)
	}
	return Problem{File: d.file, Line: line, Col: col, What: fmt.Sprintf(format, args...), Next: next}
}

// parse returns the top mapping, or nil after a fault that leaves nothing to read.
func (d *document) parse(src []byte) *yaml.Node {
	if len(src) > maxSize {
		d.fault(nil, "split it, or give the right file", "the file is larger than 1 MiB")
		return nil
	}
	var root yaml.Node
	if err := yaml.Load(src, &root); err != nil {
		d.syntax(err)
		return nil
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		d.fault(nil, "run `firebreak init` in an empty folder to get one to start from", "the file is empty")
		return nil
	}
	top := root.Content[0]
	if !d.plain(top, 0) {
		return nil
	}
	return top
}

func (d *document) syntax(err error) {
	le, ok := errors.AsType[*yaml.LoadError](err)
	switch {
	case !ok:
		d.fault(nil, "mend the YAML", "not YAML: %v", err)
	case strings.Contains(le.Message, "no documents"):
		d.fault(nil, "run `firebreak init` in an empty folder to get one to start from", "the file is empty")
	case strings.Contains(le.Message, "found multiple"):
		d.fault(nil, "keep one; remove the line with only ---", "the file holds more than one YAML document")
	case strings.HasPrefix(le.Message, "unknown anchor"):
		d.fault(&yaml.Node{Line: le.Mark.Line, Column: le.Mark.Column}, "write the value out, or put it in quotes", "aliases (*name) are not allowed")
	default:
		next := "mend the YAML there; a tab, a missing quote or wrong indentation are the usual causes"
		d.fault(&yaml.Node{Line: le.Mark.Line, Column: le.Mark.Column}, next, "not YAML: %s", le.Message)
	}
}

// plain refuses what makes YAML ambiguous or unbounded, and credentials.
func (d *document) plain(n *yaml.Node, depth int) bool {
	ok := true
	refuse := func(next, format string, args ...any) {
		d.fault(n, next, format, args...)
		ok = false
	}
	switch {
	case depth > maxDepth:
		refuse("write it flat", "nested deeper than %d levels", maxDepth)
		return false
	case n.Kind == yaml.AliasNode:
		refuse("write the value out, or put it in quotes", "aliases (*name) are not allowed")
		return false
	case n.Anchor != "":
		refuse("write the value out where it is needed, or put it in quotes", "anchors (&name) are not allowed")
	case n.Style&yaml.TaggedStyle != 0:
		refuse("remove the tag, or put the value in quotes", "tags (!name) are not allowed")
	case n.Kind == yaml.ScalarNode && credential.MatchString(n.Value):
		d.fault(n, "take it out, rotate it if this file was ever shared, and give a reference such as secret://env/NAME", "a credential stands in the file as a value")
		n.Value = masked
	}
	for _, child := range n.Content {
		ok = d.plain(child, depth+1) && ok
	}
	return ok
}

// credential finds what must never be in a config, wherever it stands.
var credential = regexp.MustCompile(`xox[a-z]-|xapp-|xwfp-|-----BEGIN|PRIVATE\+KEY\+|gh[pousr]_[A-Za-z0-9]{20}|github_pat_|(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}`)

const masked = "[secret]"

// mapping reads a mapping against its fields: each unknown, repeated, empty
// and missing key is a fault. It says whether n was a mapping at all.
func (d *document) mapping(n *yaml.Node, at string, fields ...field) bool {
	if !d.is(n, at, yaml.MappingNode) {
		return false
	}
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	seen := map[string]*yaml.Node{}
	for key, value := range d.pairs(n, at) {
		i := slices.Index(keys, key.Value)
		if i < 0 {
			d.fault(key, suggest(key.Value, keys), "unknown key %s in %s", show(key), place(at))
			continue
		}
		seen[key.Value] = key
		d.value(value, join(at, key.Value), fields[i].read)
	}
	for _, f := range fields {
		if f.required && seen[f.key] == nil {
			d.fault(n, fmt.Sprintf("add the key %q", f.key), "%s is missing", join(at, f.key))
		}
	}
	return true
}

// section reads a mapping inside another one.
func (d *document) section(fields ...field) reader {
	return func(n *yaml.Node, at string) { d.mapping(n, at, fields...) }
}

// entries reads a mapping whose keys are names of the author's own.
func (d *document) entries(n *yaml.Node, at string, read func(key, value *yaml.Node, at string)) {
	if !d.is(n, at, yaml.MappingNode) {
		return
	}
	for key, value := range d.pairs(n, at) {
		if !nameForm.MatchString(key.Value) {
			d.fault(key, "use lower-case letters, digits, - and _", "%s is no name for an entry of %s", show(key), place(at))
			continue
		}
		d.value(value, join(at, key.Value), func(n *yaml.Node, at string) { read(key, n, at) })
	}
}

// pairs are the keys and values of a mapping in the order of the file, without
// repeated keys.
func (d *document) pairs(n *yaml.Node, at string) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		first := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if key.Kind != yaml.ScalarNode {
				d.fault(key, "write the key as a plain word", "a key of %s is not a word", place(at))
				continue
			}
			if before := first[key.Value]; before != nil {
				d.fault(key, "keep one of the two", "the key %s was given before, on line %d", show(key), before.Line)
				continue
			}
			first[key.Value] = key
			if !yield(key, n.Content[i+1]) {
				return
			}
		}
	}
}

// value hands a value on, unless it is empty.
func (d *document) value(n *yaml.Node, at string, read reader) {
	if d.at == nil {
		d.at = map[string]*yaml.Node{}
	}
	d.at[at] = n
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		next := "give it one, or remove the key"
		if strings.HasPrefix(n.LineComment, "#") {
			next = "put it in quotes: # begins a comment"
		}
		d.fault(n, next, "%s has no value", at)
		return
	}
	read(n, at)
}

// list reads each item of a sequence.
func (d *document) list(n *yaml.Node, at string, read reader) {
	if !d.is(n, at, yaml.SequenceNode) {
		return
	}
	for i, item := range n.Content {
		d.value(item, at+"["+strconv.Itoa(i)+"]", read)
	}
}

func (d *document) is(n *yaml.Node, at string, kind yaml.Kind) bool {
	if n.Kind == kind {
		return true
	}
	want := map[yaml.Kind]string{
		yaml.MappingNode:  "a mapping (key: value)",
		yaml.SequenceNode: "a list ([a, b], or one - item a line)",
		yaml.ScalarNode:   "a single value",
	}
	d.fault(n, "write "+want[kind], "%s is %s, not %s", place(at), article(n), strings.SplitN(want[kind], " (", 2)[0])
	return false
}

// text reads a string and checks it.
func (d *document) text(to *string, checks ...check) reader {
	return func(n *yaml.Node, at string) {
		if !d.is(n, at, yaml.ScalarNode) {
			return
		}
		if n.Tag != "!!str" {
			d.fault(n, "put it in quotes", "%s is %s, not a string", at, article(n))
			return
		}
		if strings.ContainsFunc(n.Value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			d.fault(n, "write it on one line, without control characters", "%s holds a control character", at)
			return
		}
		for _, c := range checks {
			if what, next := c(n.Value); what != "" && n.Value != masked {
				d.fault(n, next, "%s %s", at, what)
				return
			}
		}
		*to = n.Value
	}
}

// check says what is wrong with a string and what to do next; "" is fine.
type check func(s string) (what, next string)

func (d *document) boolean(to *bool) reader {
	return func(n *yaml.Node, at string) {
		if !d.is(n, at, yaml.ScalarNode) {
			return
		}
		if n.Tag != "!!bool" {
			d.fault(n, "write true or false, without quotes", "%s is %s, not true or false", at, article(n))
			return
		}
		*to = strings.EqualFold(n.Value, "true")
	}
}

func (d *document) number(to *int, low, high int) reader {
	return func(n *yaml.Node, at string) {
		if !d.is(n, at, yaml.ScalarNode) {
			return
		}
		v, err := strconv.Atoi(n.Value)
		if n.Tag != "!!int" || err != nil {
			d.fault(n, fmt.Sprintf("write a number from %d to %d, without quotes", low, high), "%s is %s, not a number", at, article(n))
			return
		}
		if v < low || v > high {
			d.fault(n, fmt.Sprintf("write a number from %d to %d", low, high), "%s is %d", at, v)
			return
		}
		*to = v
	}
}

// secret reads a reference. It never shows what stands there.
func (d *document) secret(to *string) reader {
	return func(n *yaml.Node, at string) {
		if n.Kind == yaml.ScalarNode && n.Value == masked {
			return // said already
		}
		env := "secret://env/" + strings.ToUpper(strings.ReplaceAll(at, ".", "_"))
		next := "put the value in an environment variable or a file that only you can read, and write " + env + " or secret://file/etc/firebreak/name here"
		if n.Kind != yaml.ScalarNode || actions.CheckSecretRef(n.Value) != nil {
			d.fault(n, next, "%s is not a reference to a secret", at)
			return
		}
		scheme, name, _ := strings.Cut(strings.TrimPrefix(n.Value, "secret://"), "/")
		switch {
		case !slices.Contains(secretSchemes, scheme):
			d.fault(n, suggest(scheme, secretSchemes), "%s names the unknown kind of secret %q", at, scheme)
		case scheme == "env" && !envForm.MatchString(name):
			d.fault(n, next, "%s does not name an environment variable", at)
		default:
			*to = n.Value
		}
	}
}

var (
	secretSchemes = []string{"env", "file"}
	envForm       = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	nameForm      = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)
)

// exactly wants one of the words.
func exactly(words ...string) check {
	return func(s string) (string, string) {
		if slices.Contains(words, s) {
			return "", ""
		}
		if len(words) == 1 {
			return fmt.Sprintf("is %q", s), fmt.Sprintf("write %s", words[0])
		}
		return fmt.Sprintf("is %q", s), suggest(s, words)
	}
}

// form wants a pattern; like is an example of it.
func form(pattern *regexp.Regexp, like string) check {
	return func(s string) (string, string) {
		if pattern.MatchString(s) {
			return "", ""
		}
		return fmt.Sprintf("is %q", s), "write something like " + like
	}
}

// show quotes a key or value for people, shortened.
func show(n *yaml.Node) string {
	if r := []rune(n.Value); len(r) > 60 {
		return strconv.Quote(string(r[:60]) + "...")
	}
	return strconv.Quote(n.Value)
}

func place(at string) string {
	if at == "" {
		return "the file"
	}
	return at
}

func join(at, key string) string {
	if at == "" {
		return key
	}
	return at + "." + key
}

func article(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "empty"
	case n.Tag == "!!int", n.Tag == "!!float":
		return "the number " + show(n)
	case n.Tag == "!!bool":
		return "the boolean " + show(n)
	case n.Tag == "!!timestamp":
		return "the date " + show(n)
	}
	return "the string " + show(n)
}
