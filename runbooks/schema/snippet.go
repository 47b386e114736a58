package schema

import (
	"bytes"
	"encoding/json"
)

// member is a key with its value in a snippet.
type member struct {
	name  string
	value any
}

// body is a map in a snippet. Its keys stay in their order, because an editor
// writes them so.
type body []member

// MarshalJSON writes the keys in their order.
func (m body) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, one := range m {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(one.name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(one.value)
		if err != nil {
			return nil, err
		}
		b.Write(name)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// snippet is something that an editor writes for an author. Signs such as
// ${1:name} are places to fill in.
func snippet(label, doc string, b body) object {
	return object{"label": label, "description": doc, "body": b}
}

func runbookSnippets() []object {
	return []object{snippet("new runbook", "A runbook with an input, a step that acts, and one for a person", body{
		{"apiVersion", "firebreak/v1"},
		{"kind", "Runbook"},
		{"id", "${1:what-happened}"},
		{"title", "${2:What happened}"},
		{"owner", body{{"team", "${3:team}"}, {"contact", "${4:channel}"}, {"escalate", "group:${5:security-leads}"}}},
		{"budget", "${6:20m}"},
		{"inputs", body{{"${7:target}", body{{"type", "string"}, {"description", "${8:What it is and where to find it}"}}}}},
		{"steps", []any{actionStep(), manualStep()}},
	})}
}

func stepSnippets() []object {
	return []object{
		snippet("step: action", "Use an action, with an approval", actionStep()),
		snippet("step: manual", "A person does something and answers", manualStep()),
		snippet("step: wait", "Let time pass", body{{"id", "${1:settle}"}, {"wait", "${2:10m}"}}),
		snippet("step: runbook", "Run another runbook as a part of this one", body{{"id", "${1:other}"}, {"runbook", "${2:leaked-access-key}"}}),
		snippet("step: for each", "Use an action for every item of a list", body{
			{"id", "${1:each}"}, {"uses", "${2:slack.post}"},
			{"for_each", body{{"in", "inputs.${3:items}"}, {"max_parallel", 5}, {"max_errors", 0}}},
			{"with", body{{"${4:text}", `\${{ item }}`}}},
		}),
	}
}

func actionStep() body {
	return body{
		{"id", "${1:contain}"}, {"title", "${2:What is done}"}, {"uses", "${3:slack.post}"}, {"with", body{{"${4:text}", "${5:value}"}}},
		{"approval", body{{"from", []any{"group:${6:security-leads}"}}, {"quorum", 1}, {"expires", "15m"}}},
	}
}

func manualStep() body {
	return body{
		{"id", "${1:review}"}, {"title", "${2:What a person does}"},
		{"manual", body{{"instructions", "${3:What to do, and what to answer}"}, {"answer", body{{"type", "string"}, {"enum", []any{"nothing", "something"}}}}}},
		{"timeout", "${4:2h}"},
	}
}

func inputSnippets() []object {
	return []object{
		snippet("input: text", "A text", body{{"type", "string"}, {"description", "${1:What it is and where to find it}"}}),
		snippet("input: list", "A list of values of one type", body{{"type", "list"}, {"of", "${1:string}"}, {"max", 20}, {"description", "${2:What it is and where to find it}"}}),
		snippet("input: secret", "A reference to a secret", body{{"type", "string"}, {"sensitive", true}, {"description", "${1:What it is and where to find it}"}}),
	}
}
