package runbooks

import (
	"errors"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Limits on patterns. A short one such as (x{1000}){1000} would else take
// gigabytes; the library refuses only the largest.
const (
	maxPattern     = 4000   // size of one
	maxAllPatterns = 10_000 // size of all in one runbook
)

var errPatternSize = errors.New("the pattern is too large, by its repetitions")

// wholePattern matches the whole text, whether or not its author wrote ^ and $:
// a pattern that also fits inside a longer text guards nothing.
func wholePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := patternSize(pattern); err != nil {
		return nil, err
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// patternSize is about how much a pattern takes when it is compiled.
func patternSize(pattern string) (int, error) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	size := weigh(tree)
	if size > maxPattern {
		return 0, errPatternSize
	}
	return size, nil
}

// weigh counts the steps of the machine that a pattern becomes, no further than
// the limit. A class of many characters counts for more than one.
func weigh(tree *syntax.Regexp) int {
	n := 1 + len(tree.Rune)/8
	switch tree.Op {
	case syntax.OpLiteral:
		n = len(tree.Rune)
	case syntax.OpConcat, syntax.OpRepeat:
		n = 0
	}
	for _, sub := range tree.Sub {
		n = min(n+weigh(sub), maxPattern+1)
	}
	if tree.Op == syntax.OpRepeat {
		n *= max(tree.Min, tree.Max, 1)
	}
	return min(n, maxPattern+1)
}

// patterns keeps what was compiled, while one runbook is.
type patterns map[string]*regexp.Regexp

// get compiles a pattern or the pattern of a format once. A nil map keeps
// nothing.
func (p patterns) get(pattern string, compile func(string) (*regexp.Regexp, error)) (*regexp.Regexp, error) {
	if known, ok := p[pattern]; ok {
		return known, nil
	}
	whole, err := compile(pattern)
	if err == nil && p != nil {
		p[pattern] = whole
	}
	return whole, err
}
