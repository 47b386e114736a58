package docs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/runbooks"
)

func (g *page) inputs(p *runbooks.Program) {
	g.line("\n## Inputs\n")
	if len(p.Inputs) == 0 {
		g.line("It takes no inputs.")
		return
	}
	g.line("| input | type | required | default | must be | what it is |\n| --- | --- | --- | --- | --- | --- |")
	for i := range p.Inputs {
		in := &p.Inputs[i]
		required, fallback := "no", ""
		if in.Default != nil {
			fallback = cell(literal(in.Default))
		} else {
			required = "**yes**"
		}
		g.line("| %s | %s | %s | %s | %s | %s |", cell(in.Name), typeWords(in), required, fallback, strings.Join(limits(in), "; "), text(in.Description))
	}
}

// typeWords names the type of an input.
func typeWords(in *runbooks.Input) string {
	words := string(in.Type)
	if in.Format != "" {
		words = cell(in.Format)
	}
	if in.Of != nil {
		words += " of " + typeWords(in.Of)
	}
	if in.Sensitive {
		words = "secret " + words
	}
	return words
}

// limits says what a value must look like.
func limits(in *runbooks.Input) []string {
	var out []string
	if in.Pattern != "" {
		out = append(out, "matches "+cell(in.Pattern))
	}
	if len(in.Enum) > 0 {
		out = append(out, "one of "+strings.ReplaceAll(codes(in.Enum), "|", `\|`))
	}
	unit := ""
	if in.Type == actions.List || in.Type == actions.Map {
		unit = " items"
	}
	if in.Min != nil {
		out = append(out, fmt.Sprintf("at least %d%s", *in.Min, unit))
	}
	if in.Max != nil {
		out = append(out, fmt.Sprintf("at most %d%s", *in.Max, unit))
	}
	if in.Sensitive {
		out = append(out, "given as "+cell("secret://...")+", never by its value")
	}
	if in.Of != nil {
		if of := limits(in.Of); len(of) > 0 {
			out = append(out, "each item "+strings.Join(of, ", "))
		}
	}
	return out
}

// literal writes a value as YAML would have it on one line; JSON is YAML.
func literal(v any) string {
	if s, ok := v.(string); ok && s != "" {
		return s
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(data)
}

func fieldWords(f actions.Field) string {
	words := string(f.Kind)
	if f.Elem != nil {
		words += " of " + fieldWords(*f.Elem)
	}
	if len(f.Enum) > 0 {
		words += ", one of " + strings.ReplaceAll(codes(f.Enum), "|", `\|`)
	}
	return words
}

// howTo says how the runbook is planned and started, in a chat and in a
// terminal.
func (g *page) howTo(p *runbooks.Program) {
	given, optional := "", []string{}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		switch {
		case in.Default != nil:
			optional = append(optional, in.Name)
		case in.Sensitive:
			given += " " + in.Name + "=secret://env/NAME"
		case len(in.Enum) > 0:
			given += " " + in.Name + "=" + strings.Join(in.Enum, "|")
		case in.Type == actions.List:
			given += " " + in.Name + "=VALUE,VALUE"
		case in.Type == actions.Map:
			given += " " + in.Name + "=NAME=VALUE,NAME=VALUE"
		default:
			given += " " + in.Name + "=VALUE"
		}
	}
	env := ""
	if len(p.Environments) > 0 {
		env = " --env " + strings.Join(p.Environments, "|")
	}
	call := plain(p.ID + given + env)
	g.line("\n## How to run it\n\nLook first; this only reads:\n\n    firebreak plan %s", call)
	g.line("\nIn Slack, in the channel of the incident:\n\n    /incident run %s", call)
	g.line("\nThe same in a terminal, also when Slack is down:\n\n    firebreak incident run %s", call)
	if len(optional) > 0 {
		g.line("\nOptional: %s.", codes(optional))
	}
}
