package report

import (
	"io"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// Log is what a SARIF log is written from.
type Log struct {
	Version    string // of firebreak; may be empty
	Rules      []Rule // those that explain themselves; others are listed by name when they are found
	Found      runbooks.Diagnostics
	Suppressed []Suppressed
}

// Suppressed is a diagnostic that somebody has taken on themselves.
type Suppressed struct {
	Diagnostic runbooks.Diagnostic
	Reason     string // who, why and until when
}

// The SARIF schema that is written, and where it is described.
const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	home         = "https://github.com/firebreak-ir/firebreak"
)

type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name           string      `json:"name"`
	Version        string      `json:"version,omitempty"`
	InformationURI string      `json:"informationUri"`
	Rules          []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID               string         `json:"id"`
	ShortDescription *sarifText     `json:"shortDescription,omitempty"`
	Help             *sarifText     `json:"help,omitempty"`
	Configuration    *sarifSeverity `json:"defaultConfiguration,omitempty"`
}

type sarifSeverity struct {
	Level string `json:"level"`
}

type sarifText struct {
	Text     string `json:"text"`
	Markdown string `json:"markdown,omitempty"`
}

type sarifResult struct {
	RuleID       string             `json:"ruleId"`
	RuleIndex    int                `json:"ruleIndex"`
	Level        string             `json:"level"`
	Message      sarifText          `json:"message"`
	Locations    []sarifLocation    `json:"locations"`
	Suppressions []sarifSuppression `json:"suppressions,omitempty"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
}

type sarifSuppression struct {
	Kind          string `json:"kind"`
	Status        string `json:"status"`
	Justification string `json:"justification"`
}

// SARIF writes a log of version 2.1.0 with one run.
func SARIF(w io.Writer, log Log) error {
	run := sarifRun{
		Tool:       sarifTool{sarifDriver{Name: "firebreak", Version: log.Version, InformationURI: home, Rules: []sarifRule{}}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	index := map[string]int{}
	for _, rule := range log.Rules {
		index[rule.Name] = len(run.Tool.Driver.Rules)
		r := sarifRule{ID: rule.Name, ShortDescription: &sarifText{Text: rule.Doc}, Configuration: &sarifSeverity{level(rule.Severity)}}
		r.Help = &sarifText{Text: rule.Doc, Markdown: rule.Help}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, r)
	}
	for _, name := range log.unexplained(index) {
		index[name] = len(run.Tool.Driver.Rules)
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: name})
	}
	for _, d := range log.Found {
		run.Results = append(run.Results, result(d, index[d.Rule]))
	}
	for _, s := range log.Suppressed {
		r := result(s.Diagnostic, index[s.Diagnostic.Rule])
		r.Suppressions = []sarifSuppression{{Kind: "inSource", Status: "accepted", Justification: s.Reason}}
		run.Results = append(run.Results, r)
	}
	return encode(w, sarifLog{Schema: sarifSchema, Version: sarifVersion, Runs: []sarifRun{run}})
}

// unexplained lists the rules that were found and are not in index, sorted:
// those of the compiler.
func (l *Log) unexplained(index map[string]int) []string {
	var names []string
	add := func(d runbooks.Diagnostic) {
		if _, known := index[d.Rule]; !known {
			names = append(names, d.Rule)
		}
	}
	for _, d := range l.Found {
		add(d)
	}
	for _, s := range l.Suppressed {
		add(s.Diagnostic)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func result(d runbooks.Diagnostic, rule int) sarifResult {
	message := d.Message
	if d.Hint != "" {
		message += "\n" + d.Hint
	}
	physical := sarifPhysical{Artifact: sarifArtifact{uri(d.File)}}
	if d.Pos.Line > 0 {
		physical.Region = &sarifRegion{d.Pos.Line, max(d.Pos.Col, 1)}
	}
	return sarifResult{
		RuleID: d.Rule, RuleIndex: rule, Level: level(d.Severity),
		Message: sarifText{Text: message}, Locations: []sarifLocation{{physical}},
	}
}

func level(s runbooks.Severity) string {
	if s == runbooks.SeverityWarning {
		return "warning"
	}
	return "error"
}

// uri is the relative reference to a file, or a file URI for an absolute path.
func uri(file string) string {
	file = path.Clean(filepath.ToSlash(file))
	words := strings.Split(file, "/")
	for i, word := range words {
		words[i] = strings.ReplaceAll(url.PathEscape(word), ":", "%3A") // a colon in the first word would end a scheme
	}
	escaped := strings.Join(words, "/")
	if strings.HasPrefix(escaped, "/") {
		return "file://" + escaped
	}
	return escaped
}
