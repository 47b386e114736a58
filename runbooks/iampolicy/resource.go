package iampolicy

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

// partitionOf is the partition a region is in.
func partitionOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return "aws-cn"
	case strings.HasPrefix(region, "us-gov-"):
		return "aws-us-gov"
	}
	return "aws"
}

var placeholder = regexp.MustCompile(`\{([a-z][a-z0-9_]*)\}`)

// fill gives the resources that a template stands for in one step, sorted, and
// the names of what is not known. There are none when the step names something
// that the template does not fit.
func (c *collector) fill(template string, s *runbooks.Step, spec actions.Spec, known scope) (resources, unknown []string) {
	found := []string{""}
	rest, at := template, 0
	for _, m := range placeholder.FindAllStringSubmatchIndex(template, -1) {
		name := template[m[2]:m[3]]
		text := template[at:m[0]]
		rest, at = template[m[1]:], m[1]
		var next []string
		for _, v := range c.named(name, s, spec, known) {
			if strings.Contains(strings.NewReplacer("${*}", "", "${?}", "").Replace(v.text), "*") {
				unknown = append(unknown, name)
			}
			if strings.HasPrefix(v.text, "arn:") && strings.HasPrefix(template, "arn:") {
				switch any := placeholder.ReplaceAllString(template, "*"); {
				case covers(any, v.text):
					resources = append(resources, v.text)
				case overlap(any, v.text):
					resources = append(resources, wide(template, c.options))
				}
				continue
			}
			for _, head := range found {
				for _, value := range withPath(template, head+text, v.text, rest) {
					next = append(next, head+text+value)
				}
			}
		}
		if found = uniq(next); len(found) > alternatives {
			found, unknown = []string{wide(template[:at], c.options)}, append(unknown, name)
		}
	}
	for _, head := range found {
		resources = append(resources, head+rest)
	}
	return widest(resources), unknown
}

// wide is a template with * for every parameter.
func wide(template string, o Options) string {
	return placeholder.ReplaceAllStringFunc(template, func(name string) string {
		switch name {
		case "{partition}":
			return or(o.Partition)
		case "{account}":
			return or(o.Account)
		case "{region}":
			return or(o.Region)
		}
		return "*"
	})
}

// named gives the values of a placeholder.
func (c *collector) named(name string, s *runbooks.Step, spec actions.Spec, known scope) values {
	switch name {
	case "partition":
		return values{{text: or(c.options.Partition)}}
	case "account":
		return values{{text: or(c.options.Account)}}
	case "region":
		return values{{text: or(c.options.Region)}}
	}
	v, _ := known.param(name, s, spec)
	var all values
	for _, one := range v {
		// A text that is not given, or whose beginning is not known, may turn
		// out to be anything, a whole ARN too.
		if begin, _, partly := strings.Cut(one.text, "*"); one.text == "" || partly && strings.HasPrefix("arn:", begin) {
			one = pattern{text: "*"}
		}
		all = append(all, one)
	}
	return all
}

var iamKind = regexp.MustCompile(`^arn:[^:]*:iam::[^:]*:(user|role|group|policy|instance-profile)/$`)

// withPath adds the forms that a bare IAM name has in an ARN: with no path and
// with any.
func withPath(template, head, value, rest string) []string {
	if strings.Contains(value, "/") || value == "*" || rest != "" || !strings.HasPrefix(template, "arn:") || !iamKind.MatchString(head) {
		return []string{value}
	}
	return []string{value, "*/" + value}
}

// conditions fills the values of conditions.
func (c *collector) conditions(in actions.Conditions, s *runbooks.Step, spec actions.Spec, known scope) (out actions.Conditions, unknown []string) {
	for _, operator := range slices.Sorted(maps.Keys(in)) {
		for _, key := range slices.Sorted(maps.Keys(in[operator])) {
			var list []string
			for _, template := range in[operator][key] {
				filled, missing := c.fill(template, s, spec, known)
				list, unknown = append(list, filled...), append(unknown, missing...)
			}
			if out == nil {
				out = actions.Conditions{}
			}
			if out[operator] == nil {
				out[operator] = map[string][]string{}
			}
			out[operator][key] = uniq(list)
		}
	}
	return out, unknown
}

// covers says whether every resource that the pattern b stands for is one that
// a stands for. It may say no where the answer is yes.
func covers(a, b string) bool {
	if a == b {
		return true
	}
	if strings.Contains(a, "${") || strings.Contains(a, "?") {
		return false
	}
	parts := strings.Split(a, "*")
	if len(parts) == 1 || !strings.HasPrefix(b, parts[0]) {
		return false
	}
	b = b[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, part := range parts[1 : len(parts)-1] {
		i := strings.Index(b, part)
		if i < 0 {
			return false
		}
		b = b[i+len(part):]
	}
	return strings.HasSuffix(b, last)
}

// widest drops every resource that another one covers, and sorts the rest.
func widest(list []string) []string {
	list = uniq(list)
	return slices.DeleteFunc(slices.Clone(list), func(one string) bool {
		return slices.ContainsFunc(list, func(other string) bool { return other != one && covers(other, one) })
	})
}

// overlap says whether two patterns have a text in common.
func overlap(a, b string) bool {
	type place struct{ a, b int }
	no := map[place]bool{}
	var meet func(p place) bool
	meet = func(p place) bool {
		if p.a == len(a) && p.b == len(b) {
			return true
		}
		if no[p] {
			return false
		}
		starA, starB := p.a < len(a) && a[p.a] == '*', p.b < len(b) && b[p.b] == '*'
		ok := starA && meet(place{p.a + 1, p.b}) || starB && meet(place{p.a, p.b + 1}) ||
			starA && p.b < len(b) && meet(place{p.a, p.b + 1}) || starB && p.a < len(a) && meet(place{p.a + 1, p.b}) ||
			p.a < len(a) && p.b < len(b) && a[p.a] == b[p.b] && meet(place{p.a + 1, p.b + 1})
		no[p] = !ok
		return ok
	}
	return meet(place{})
}
