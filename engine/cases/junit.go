package cases

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The parts of a JUnit report that build servers read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr,omitempty"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// JUnit writes the results as a JUnit report. Faults of a file as a whole are a
// test case of their own, named "the file".
func JUnit(w io.Writer, results []*Result) error {
	all := junitSuites{Name: "firebreak test"}
	for _, r := range results {
		s := junitSuite{Name: r.File}
		add := func(name string, line int, lines []string) {
			c := junitCase{Class: r.ID, Name: visible(name), File: r.File, Line: line}
			if c.Class == "" {
				c.Class = r.File
			}
			if len(lines) > 0 {
				c.Failure = &junitFailure{Message: visible(lines[0]), Text: visible(strings.Join(lines, "\n"))}
				s.Failures++
			}
			s.Tests++
			s.Cases = append(s.Cases, c)
		}
		for _, c := range r.Cases {
			var lines []string
			for _, f := range c.Failures {
				lines = append(lines, fmt.Sprintf("%s:%d: %s", r.File, f.Pos.Line, f))
			}
			if len(lines) > 0 {
				lines = append(append(lines, ""), c.Story...)
			}
			add(c.Name, c.Pos.Line, lines)
		}
		if len(r.Faults) > 0 {
			add("the file", 0, append(append([]string{}, r.Faults...), r.Coverage.Missing()...))
		}
		all.Tests, all.Failures = all.Tests+s.Tests, all.Failures+s.Failures
		all.Suites = append(all.Suites, s)
	}
	data, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("write a JUnit report: %w", err)
	}
	_, err = io.WriteString(w, xml.Header+string(data)+"\n")
	return err
}

// visible replaces characters that XML 1.0 cannot hold, or that would be
// obeyed by a terminal.
func visible(s string) string { return clean(strings.ToValidUTF8(s, "·")) }
