package runbooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// Limits on the value of one input.
const (
	maxValueText = 1 << 20 // bytes of all its texts
	maxProblems  = 20      // of one value; more are not told
	maxKey       = 128     // bytes of a name in a map
)

// most is how many items a list or map may have; depth is 1 for one that is
// not inside another. More could not be read by an expression.
func (in *Input) most(depth int) int {
	if in.Type == actions.List && depth == 1 {
		return maxPathItems
	}
	return maxItems
}

// Check checks one value, as encoding/json gives it, and gives it in its normal
// form: string, int64, bool, []any or map[string]any; a duration as "1m30s".
// With problems there is no value.
func (in *Input) Check(v any) (any, actions.Problems) {
	return in.check(v, nil)
}

func (in *Input) check(v any, known patterns) (any, actions.Problems) {
	c := in.tester(1, &told{}, known)
	return c.end(c.value(v, in.Name))
}

// Coerce reads one word of a command line by the type, and checks it. A list is
// written as a,b,c and a map as k=v,k2=v2, or both in JSON; an empty word is an
// empty list or map.
func (in *Input) Coerce(text string) (any, actions.Problems) {
	v, problems := in.read(text)
	if len(problems) > 0 {
		return nil, problems
	}
	return in.Check(v)
}

// read gives a word its type, and does not look further.
func (in *Input) read(text string) (any, actions.Problems) {
	wrong := func(path, hint, format string, args ...any) (any, actions.Problems) {
		return nil, actions.Problems{{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint}}
	}
	bare := strings.TrimSpace(text)
	switch in.Type {
	case actions.Int:
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return wrong(in.Name, "", "must be a whole number, not %s", word(text))
		}
		return n, nil
	case actions.Bool:
		if text != "true" && text != "false" {
			return wrong(in.Name, "", "must be true or false, not %s", word(text))
		}
		return text == "true", nil
	case actions.List, actions.Map:
		if strings.HasPrefix(bare, "[") || strings.HasPrefix(bare, "{") {
			v, err := fromJSON(bare)
			if err != nil {
				return wrong(in.Name, "", "is not JSON: %v", err)
			}
			return v, nil
		}
	default:
		return text, nil
	}
	if in.Of != nil && (in.Of.Type == actions.List || in.Of.Type == actions.Map) && bare != "" {
		return wrong(in.Name, `write it in JSON, such as [["a", "b"], ["c"]]`, "must be %s", in.say())
	}
	var words []string
	if bare != "" {
		words = strings.Split(text, ",")
	}
	list, members := make([]any, 0, len(words)), make(map[string]any, len(words))
	for i, w := range words {
		path := fmt.Sprintf("%s.%d", in.Name, i)
		name, value, pair := strings.Cut(w, "=")
		if in.Type == actions.List {
			value = w
		} else if name = strings.TrimSpace(name); !pair {
			return wrong(in.Name, "write name=value,name2=value2", "%s has no =", word(w))
		} else if path = in.Name + "." + name; members[name] != nil {
			return wrong(path, "", "is there twice")
		}
		of := *in.Of
		of.Name = path
		v, problems := of.read(strings.TrimSpace(value))
		if len(problems) > 0 {
			return nil, problems
		}
		list = append(list, v)
		members[name] = v
	}
	if in.Type == actions.List {
		return list, nil
	}
	return members, nil
}

// fromJSON reads one JSON value and keeps every digit of its numbers.
func fromJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows it")
	}
	return v, nil
}

// say names the type for people: a list of numbers.
func (in *Input) say() string {
	switch {
	case in.Sensitive:
		return "a reference to a secret"
	case in.Of == nil || in.Type != actions.List && in.Type != actions.Map:
		return kindWord(actions.Field{Kind: in.Type})
	}
	of := "texts"
	switch in.Of.Type {
	case actions.Int:
		of = "numbers"
	case actions.Bool:
		of = "true or false"
	case actions.Duration, actions.List, actions.Map:
		of = string(in.Of.Type) + "s"
	}
	return fmt.Sprintf("a %s of %s", in.Type, of)
}

// tester is an input with its patterns ready.
type tester struct {
	in     *Input
	whole  *regexp.Regexp // nil: any text
	format Format
	broken error
	depth  int
	of     *tester

	told *told
}

// told is what was found in one value, and how much was looked at.
type told struct {
	problems actions.Problems
	dropped  int
	text     int // bytes of all texts
}

func (in *Input) tester(depth int, told *told, known patterns) *tester {
	c := &tester{in: in, depth: depth, told: told}
	if in.Format != "" {
		c.format, _ = FindFormat(in.Format)
		if c.whole, c.broken = known.get(c.format.Pattern, regexp.Compile); c.format.Name == "" {
			c.broken = fmt.Errorf("this build does not know the format %q", in.Format)
		}
	} else if in.Pattern != "" {
		c.whole, c.broken = known.get(in.Pattern, wholePattern)
	}
	if in.Of != nil {
		c.of = in.Of.tester(depth+1, told, known)
	}
	return c
}

// end gives the value, or the problems.
func (c *tester) end(v any) (any, actions.Problems) {
	if len(c.told.problems) == 0 {
		return v, nil
	}
	if c.told.dropped > 0 {
		c.told.problems = append(c.told.problems, actions.Problem{Path: c.in.Name, Message: fmt.Sprintf("has %d more problems", c.told.dropped)})
	}
	return nil, c.told.problems
}

func (c *tester) wrong(path, hint, format string, args ...any) any {
	if len(c.told.problems) == maxProblems {
		c.told.dropped++
		return nil
	}
	c.told.problems = append(c.told.problems, actions.Problem{Path: path, Message: fmt.Sprintf(format, args...), Hint: hint})
	return nil
}

// value gives a value in its normal form, or notes what is wrong with it.
func (c *tester) value(v any, path string) any {
	in := c.in
	switch in.Type {
	case actions.Int:
		n, ok := integer(v)
		if !ok {
			return c.wrong(path, "", "must be a whole number, not %s", word(v))
		}
		if in.Min != nil && n < *in.Min || in.Max != nil && n > *in.Max {
			return c.wrong(path, in.Description, "%d is %s", n, in.bounds())
		}
		return n
	case actions.Bool:
		if b, ok := v.(bool); ok {
			return b
		}
		return c.wrong(path, "", "must be true or false, not %s", word(v))
	case actions.Duration:
		s, ok := v.(string)
		if !ok {
			return c.wrong(path, `write it like "90s"`, "must be a duration, not %s", word(v))
		}
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return c.wrong(path, `write it like "90s"`, "must be a duration, not %s", word(v))
		}
		return d.String()
	case actions.List:
		return c.list(v, path)
	case actions.Map:
		return c.members(v, path)
	}
	s, ok := v.(string)
	if !ok {
		if in.Sensitive {
			return c.wrong(path, secretHint, "must be a reference to a secret")
		}
		return c.wrong(path, "", "must be text, not %s", word(v))
	}
	if c.told.text += len(s); c.told.text > maxValueText {
		if c.told.text-len(s) <= maxValueText {
			return c.wrong(path, "", "the texts have more than %d bytes in all", maxValueText)
		}
		return nil
	}
	return c.text(s, path)
}

const secretHint = "such as secret://env/NAME"

func (c *tester) text(s, path string) any {
	in := c.in
	switch {
	case in.Sensitive:
		if err := actions.CheckSecretRef(s); err != nil {
			return c.wrong(path, secretHint, "must be a reference to a secret, and the value itself must not be given")
		}
		return s
	case len(s) > maxText:
		return c.wrong(path, "", "has %d bytes; at most %d are allowed", len(s), maxText)
	case strings.ContainsFunc(s, forbidden):
		return c.wrong(path, "remove it; it may not be visible", "contains a control character")
	case len(in.Enum) > 0 && !slices.Contains(in.Enum, s):
		return c.wrong(path, didYouMean(s, in.Enum), "%s is not one of %s", word(s), strings.Join(in.Enum, ", "))
	case c.broken != nil:
		return c.wrong(path, "", "its pattern cannot be used: %v", c.broken)
	case c.whole == nil:
		return s
	case in.Format == "":
		if !c.whole.MatchString(s) {
			return c.wrong(path, in.Description, "%s does not match %s", word(s), in.Pattern)
		}
		return s
	}
	hint, fits := "", c.whole.MatchString(s)
	if fits {
		hint, fits = c.format.beyond(s)
	}
	if !fits {
		return c.wrong(path, cmpHint(hint, "for example "+c.format.Example), "%s is not %s", word(s), c.format.Doc)
	}
	return s
}

// bounds says where a number would have to be.
func (in *Input) bounds() string {
	switch {
	case in.Max == nil:
		return fmt.Sprintf("less than %d", *in.Min)
	case in.Min == nil:
		return fmt.Sprintf("more than %d", *in.Max)
	}
	return fmt.Sprintf("not between %d and %d", *in.Min, *in.Max)
}

// size checks how many items there are.
func (c *tester) size(n int, path string) bool {
	switch in, most := c.in, c.in.most(c.depth); {
	case n > most:
		c.wrong(path, "", "has %d items; at most %d are allowed", n, most)
	case in.Max != nil && int64(n) > *in.Max:
		c.wrong(path, in.Description, "has %d items; at most %d are allowed", n, *in.Max)
	case in.Min != nil && int64(n) < *in.Min:
		c.wrong(path, in.Description, "has %d items; at least %d are needed", n, *in.Min)
	default:
		return true
	}
	return false
}

func (c *tester) list(v any, path string) any {
	list, ok := v.([]any)
	if !ok {
		return c.wrong(path, "", "must be %s, not %s", c.in.say(), word(v))
	}
	if !c.size(len(list), path) {
		return nil
	}
	out := make([]any, len(list))
	for i, one := range list {
		out[i] = c.of.value(one, path+"."+strconv.Itoa(i))
	}
	return out
}

func (c *tester) members(v any, path string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return c.wrong(path, "", "must be %s, not %s", c.in.say(), word(v))
	}
	if !c.size(len(m), path) {
		return nil
	}
	out := make(map[string]any, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if !mapKey(name) {
			c.wrong(path, fmt.Sprintf("use letters, digits and _ . : / -, at most %d of them", maxKey), "holds the name %s, which is not allowed", word(name))
			continue
		}
		out[name] = c.of.value(m[name], path+"."+name)
	}
	return out
}

// mapKey says whether a name in a map can be written down: the journal keeps
// no others.
func mapKey(name string) bool {
	return name != "" && len(name) <= maxKey && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("_.:/-", r)
	})
}

func word(v any) string {
	if s, ok := v.(string); ok {
		if r := []rune(s); len(r) > 60 {
			s = string(r[:59]) + "…"
		}
		return strconv.Quote(s)
	}
	switch v.(type) {
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	case nil:
		return "nothing"
	}
	return fmt.Sprint(v)
}
