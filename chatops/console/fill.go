package console

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/firebreak-ir/firebreak/chatops"
)

// ErrLeft is the answer of [Fill] when the input ends before the form is full.
var ErrLeft = errors.New("the form was left before it was full, so nothing was done")

// Fill asks a form's questions one after the other. An empty line takes the
// value that stands there; a long text ends with a line that holds only a
// dot. A question that must be answered is asked again.
func Fill(in io.Reader, out io.Writer, f chatops.Form) (map[string]string, error) {
	r, ok := in.(*bufio.Reader)
	if !ok {
		r = bufio.NewReader(in)
	}
	if err := say(out, "%s\n", chatops.Visible(f.Title)); err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, field := range f.Fields {
		v, err := ask(r, out, field)
		if err != nil {
			return nil, err
		}
		values[field.ID] = v
	}
	return values, nil
}

// Wrong tells what is wrong with the values of a form, by field in its order.
func Wrong(out io.Writer, f chatops.Form, wrong map[string]string) error {
	for _, field := range f.Fields {
		if why, ok := wrong[field.ID]; ok {
			if err := say(out, "%s: %s\n", chatops.Visible(field.Label), chatops.Visible(why)); err != nil {
				return err
			}
		}
	}
	return nil
}

func say(out io.Writer, format string, args ...any) error {
	_, err := fmt.Fprintf(out, format, args...)
	return err
}

func ask(r *bufio.Reader, out io.Writer, f chatops.FormField) (string, error) {
	for {
		if err := prompt(out, f); err != nil {
			return "", err
		}
		v, err := read(r, f.Long && len(f.Options) == 0)
		if err != nil {
			return "", err
		}
		if v == "" {
			v = f.Value
		}
		if n, err := strconv.Atoi(v); err == nil && !slices.Contains(f.Options, v) && n >= 1 && n <= len(f.Options) {
			v = f.Options[n-1]
		}
		switch {
		case v == "" && f.Optional:
			return "", nil
		case v == "":
			err = say(out, "This cannot be left empty.\n")
		case len(f.Options) > 0 && !slices.Contains(f.Options, v):
			err = say(out, "Choose one of: %s\n", chatops.Visible(strings.Join(f.Options, ", ")))
		default:
			return v, nil
		}
		if err != nil {
			return "", err
		}
	}
}

func prompt(out io.Writer, f chatops.FormField) error {
	if f.Hint != "" {
		if err := say(out, "  %s\n", chatops.Visible(f.Hint)); err != nil {
			return err
		}
	}
	label := chatops.Visible(f.Label)
	if len(f.Options) > 0 {
		label += " (" + chatops.Visible(strings.Join(f.Options, ", ")) + ")"
	}
	if f.Value != "" {
		label += " [" + chatops.Visible(f.Value) + "]"
	}
	if f.Long && len(f.Options) == 0 {
		label += ` (end with a line that holds only ".")`
	}
	return say(out, "%s: ", label)
}

// read takes one line, or lines up to one that is only a dot.
func read(r *bufio.Reader, long bool) (string, error) {
	var lines []string
	for {
		l, err := r.ReadString('\n')
		if err != nil && (!errors.Is(err, io.EOF) || l == "" && len(lines) == 0) {
			if errors.Is(err, io.EOF) {
				err = ErrLeft
			}
			return "", err
		}
		l = strings.TrimRight(l, "\r\n")
		if !long {
			return strings.TrimSpace(l), nil
		}
		if l == "." {
			return strings.TrimSpace(strings.Join(lines, "\n")), nil
		}
		lines = append(lines, l)
		if err != nil {
			return strings.TrimSpace(strings.Join(lines, "\n")), nil
		}
	}
}
