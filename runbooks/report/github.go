package report

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/firebreak-ir/firebreak/runbooks"
)

// GitHub writes one workflow command a diagnostic, by which a job of GitHub
// Actions marks the line of a pull request. GitHub shows the first ten errors
// and the first ten warnings of a step; all of them are in its log.
func GitHub(w io.Writer, found runbooks.Diagnostics) error {
	for _, d := range found {
		command := "error"
		if d.Severity == runbooks.SeverityWarning {
			command = "warning"
		}
		message := d.Message
		if d.Hint != "" {
			message += "\n" + d.Hint
		}
		place := "file=" + property(d.File)
		if d.Pos.Line > 0 {
			place += fmt.Sprintf(",line=%d,col=%d", d.Pos.Line, max(d.Pos.Col, 1))
		}
		if _, err := fmt.Fprintf(w, "::%s %s,title=%s::%s\n", command, place, property(d.Rule), data(message)); err != nil {
			return err
		}
	}
	return nil
}

// data escapes the part behind the second ::, as GitHub reads it. A line break
// that is not escaped would begin a command of the author's choice.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(harmless(s))
}

// property escapes a value between the first two ::.
func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(harmless(s))
}

// harmless replaces what the terminal behind a log would obey.
func harmless(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r':
			return r
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r), r == '\u2028', r == '\u2029', r == unicode.ReplacementChar:
			return '·'
		}
		return r
	}, s)
}
