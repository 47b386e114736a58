package lambda

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Register adds the actions named aws.lambda.* to r.
func Register(r *actions.Registry, c *cloud.Cloud) {
	actions.Register(r, quarantineFunction{c})
}

// conn is a session in use for one call of an action.
type conn struct {
	*cloud.Conn
	lambda *lambda.Client
}

func open(ctx context.Context, c *cloud.Cloud, call actions.Call) (*conn, error) {
	session, err := c.Open(ctx, call)
	if err != nil {
		return nil, err
	}
	return &conn{session, lambda.NewFromConfig(session.Config)}, nil
}

const (
	functionResource = "arn:{partition}:lambda:{region}:{account}:function:{function}"
	mappingResource  = "arn:{partition}:lambda:{region}:{account}:event-source-mapping:{mapping}"
)

// function is what Plan captures.
type function struct {
	Name     string    `json:"name"`
	ARN      string    `json:"arn"`
	Role     string    `json:"role"`
	Reserved *int32    `json:"reserved"` // nil: none, which is not zero
	Mappings []mapping `json:"mappings"` // by id
}

// mapping feeds a function from a queue or a stream.
type mapping struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	State  string `json:"state"` // "Enabled", "Disabled", or on the way
}

// feeds says whether the mapping may hand over events now or soon.
func (m mapping) feeds() bool { return m.State != "Disabled" && !m.ends() }

// ends says whether the mapping is about to feed no more.
func (m mapping) ends() bool { return m.State == "Disabling" || m.State == "Deleting" }

func (m mapping) String() string { return m.ID + " (" + m.Source + ")" }

// reserved is the concurrency in words.
func reserved(n *int32) string {
	if n == nil {
		return "none"
	}
	return fmt.Sprint(*n)
}

func sameReserved(a, b *int32) bool { return reserved(a) == reserved(b) }

// read reads the state of a function.
func (c *conn) read(ctx context.Context, name string) (function, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "lambda:GetFunctionConfiguration", c.lambda.GetFunctionConfiguration, &lambda.GetFunctionConfigurationInput{FunctionName: &name})
	if err != nil {
		return function{}, err
	}
	if aws.ToString(out.FunctionName) != name || aws.ToString(out.FunctionArn) == "" {
		return function{}, cloud.Empty("lambda:GetFunctionConfiguration", name)
	}
	f := function{Name: name, ARN: aws.ToString(out.FunctionArn), Role: aws.ToString(out.Role)}
	if f.Reserved, err = c.reserved(ctx, name); err != nil {
		return function{}, err
	}
	f.Mappings, err = c.mappings(ctx, f.ARN)
	return f, err
}

// reserved reads the reserved concurrency. AWS answers with an empty document
// when there is none.
func (c *conn) reserved(ctx context.Context, name string) (*int32, error) {
	out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "lambda:GetFunctionConcurrency", c.lambda.GetFunctionConcurrency, &lambda.GetFunctionConcurrencyInput{FunctionName: &name})
	if err != nil {
		return nil, err
	}
	return out.ReservedConcurrentExecutions, nil
}

// mappings lists what feeds a function, its versions and its aliases, by id.
func (c *conn) mappings(ctx context.Context, arn string) ([]mapping, error) {
	found := []mapping{}
	var marker *string
	for {
		out, err := cloud.Do(ctx, c.Conn, cloud.Reads, "lambda:ListEventSourceMappings", c.lambda.ListEventSourceMappings, &lambda.ListEventSourceMappingsInput{Marker: marker})
		if err != nil {
			return nil, err
		}
		if out.EventSourceMappings == nil {
			return nil, cloud.Empty("lambda:ListEventSourceMappings", arn)
		}
		for _, one := range out.EventSourceMappings {
			if of := aws.ToString(one.FunctionArn); of == arn || strings.HasPrefix(of, arn+":") {
				source := aws.ToString(one.EventSourceArn)
				if source == "" {
					source = "a cluster outside AWS"
				}
				found = append(found, mapping{aws.ToString(one.UUID), source, aws.ToString(one.State)})
			}
		}
		if marker = out.NextMarker; aws.ToString(marker) == "" {
			slices.SortFunc(found, func(a, b mapping) int { return strings.Compare(a.ID, b.ID) })
			return found, nil
		}
	}
}

// find finds a mapping by its id.
func find(mappings []mapping, id string) (mapping, bool) {
	i := slices.IndexFunc(mappings, func(m mapping) bool { return m.ID == id })
	if i < 0 {
		return mapping{}, false
	}
	return mappings[i], true
}

// doors says who may call the function without any mapping: its policy and its
// URL. What may not be read is said, and holds up nothing.
func (c *conn) doors(ctx context.Context, name string) (doors []string, err error) {
	policy, err := cloud.Do(ctx, c.Conn, cloud.Reads, "lambda:GetPolicy", c.lambda.GetPolicy, &lambda.GetPolicyInput{FunctionName: &name})
	switch {
	case err == nil:
		doors = append(doors, "Its policy lets these call it, and will again after the undo: "+strings.Join(callers(aws.ToString(policy.Policy)), ", ")+".")
	case actions.ClassOf(err) == actions.Denied:
		doors = append(doors, "Who may call it is not known: its policy could not be read.")
	case actions.ClassOf(err) != actions.NotFound:
		return nil, err
	}
	url, err := cloud.Do(ctx, c.Conn, cloud.Reads, "lambda:GetFunctionUrlConfig", c.lambda.GetFunctionUrlConfig, &lambda.GetFunctionUrlConfigInput{FunctionName: &name})
	switch {
	case err == nil:
		doors = append(doors, fmt.Sprintf("It has a URL (%s, authentication %s), which answers with an error meanwhile.", aws.ToString(url.FunctionUrl), url.AuthType))
	case actions.ClassOf(err) == actions.Denied:
		doors = append(doors, "Whether it has a URL is not known: that could not be read.")
	case actions.ClassOf(err) != actions.NotFound:
		return nil, err
	}
	return doors, nil
}

// callers lists the principals of a policy.
func callers(policy string) []string {
	var document struct {
		Statement []struct {
			Effect    string
			Principal any
		}
	}
	if json.Unmarshal([]byte(policy), &document) != nil {
		return []string{"(the policy is not readable)"}
	}
	var who []string
	var add func(any)
	add = func(v any) {
		switch v := v.(type) {
		case string:
			who = append(who, v)
		case []any:
			for _, one := range v {
				add(one)
			}
		case map[string]any:
			for _, one := range v {
				add(one)
			}
		}
	}
	for _, s := range document.Statement {
		if s.Effect == "Allow" {
			add(s.Principal)
		}
	}
	slices.Sort(who)
	return slices.Compact(who)
}
