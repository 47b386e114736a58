package runbooks

import "unicode"

// forbidden says whether a character may not stand in a runbook or an input:
// controls, marks that turn the reading direction, and line breaks that
// editors and parsers count differently.
func forbidden(r rune) bool {
	switch {
	case r == '\t' || r == '\n' || r == '\r':
		return false
	case unicode.IsControl(r), r == '\u061C', r == '\u200E', r == '\u200F', r >= '\u202A' && r <= '\u202E', r >= '\u2066' && r <= '\u2069':
		return true
	case r == '\u2028', r == '\u2029', r == '\uFEFF':
		return true
	}
	return false
}
