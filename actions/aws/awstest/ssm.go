package awstest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// Systems is a Systems Manager that keeps what it was told, which moto's does
// not: moto has no agents, runs no command, and says at once that all went well.
type Systems struct {
	// Run plays the host: it gets the script, and gives status, code and what the
	// script printed. Nil: the command stays InProgress.
	Run func(instance, script string) (status string, code int, printed string)

	mu       sync.Mutex
	agents   map[string]string // ping status by instance
	platform map[string]string
	commands []*command
	arrived  bool // a command is told of by GetCommandInvocation; see Delay
}

type command struct {
	id, comment, document, instance, status string
	code                                    int
	printed                                 string
	at                                      time.Time
}

// Systems puts a Systems Manager behind the proxy in moto's place.
func (w *World) Systems(t *testing.T) *Systems {
	t.Helper()
	s := &Systems{agents: map[string]string{}, platform: map[string]string{}, arrived: true}
	stand := func(answer func(map[string]any) (any, string)) Stand {
		return func(rw http.ResponseWriter, call Call, _ func() (int, []byte)) {
			s.mu.Lock()
			v, code := answer(call.Body)
			s.mu.Unlock()
			if code != "" {
				call.refuse(rw, http.StatusBadRequest, code)
				return
			}
			rw.Header().Set("Content-Type", "application/x-amz-json-1.1")
			rw.Header().Set("X-Amzn-Requestid", "systems-1")
			_ = json.NewEncoder(rw).Encode(v)
		}
	}
	w.Behind(t, map[string]Stand{
		"ssm:DescribeInstanceInformation": stand(s.describe),
		"ssm:SendCommand":                 stand(s.send),
		"ssm:ListCommands":                stand(s.list),
		"ssm:GetCommandInvocation":        stand(s.invocation),
	})
	return s
}

// Agent puts an agent on an instance: ping is Online or ConnectionLost.
func (s *Systems) Agent(instance, ping, platform string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.agents[instance], s.platform[instance] = ping, platform
}

// Delay lets no command arrive at its host, or lets them arrive.
func (s *Systems) Delay(late bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = !late
}

// End makes every command end so.
func (s *Systems) End(status string, code int, printed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.commands {
		one.status, one.code, one.printed = status, code, printed
	}
}

// State lists the commands that were sent.
func (s *Systems) State() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	for _, one := range s.commands {
		fmt.Fprintf(&b, "command %s on %s of %q\n", one.id, one.instance, one.comment)
	}
	return b.String()
}

func (s *Systems) describe(in map[string]any) (any, string) {
	list := []any{}
	for instance, ping := range s.agents {
		if wanted := filterValues(in["Filters"], "InstanceIds"); len(wanted) > 0 && !slices.Contains(wanted, instance) {
			continue
		}
		list = append(list, map[string]any{"InstanceId": instance, "PingStatus": ping, "PlatformType": s.platform[instance]})
	}
	return map[string]any{"InstanceInformationList": list}, ""
}

func filterValues(filters any, key string) []string {
	var found []string
	list, _ := filters.([]any)
	for _, one := range list {
		f, _ := one.(map[string]any)
		if f["Key"] != key {
			continue
		}
		values, _ := f["Values"].([]any)
		for _, v := range values {
			found = append(found, fmt.Sprint(v))
		}
	}
	return found
}

func (s *Systems) send(in map[string]any) (any, string) {
	ids, _ := in["InstanceIds"].([]any)
	if len(ids) != 1 || s.agents[fmt.Sprint(ids[0])] != "Online" {
		return nil, "InvalidInstanceId"
	}
	if in["DocumentName"] != "AWS-RunShellScript" {
		return nil, "InvalidDocument"
	}
	if comment := fmt.Sprint(in["Comment"]); len(comment) > 100 {
		return nil, "ValidationException"
	}
	one := &command{id: fmt.Sprintf("00000000-0000-4000-8000-%012d", len(s.commands)+1), comment: fmt.Sprint(in["Comment"]), document: fmt.Sprint(in["DocumentName"]),
		instance: fmt.Sprint(ids[0]), status: "InProgress", at: time.Now()}
	s.commands = append(s.commands, one)
	if s.Run != nil {
		parameters, _ := in["Parameters"].(map[string]any)
		lines, _ := parameters["commands"].([]any)
		var script strings.Builder
		for _, line := range lines {
			fmt.Fprintln(&script, line)
		}
		one.status, one.code, one.printed = s.Run(one.instance, script.String())
	}
	return map[string]any{"Command": one.described()}, ""
}

func (c *command) described() map[string]any {
	return map[string]any{"CommandId": c.id, "Comment": c.comment, "DocumentName": c.document, "InstanceIds": []string{c.instance}, "Status": c.status, "RequestedDateTime": float64(c.at.Unix())}
}

// list gives one command a page, newest first. It knows the commands of an
// instance only when they have arrived there.
func (s *Systems) list(in map[string]any) (any, string) {
	var found []*command
	for _, one := range slices.Backward(s.commands) {
		if id, asked := in["InstanceId"]; asked && (id != one.instance || !s.arrived) {
			continue
		}
		found = append(found, one)
	}
	at := 0
	if token, ok := in["NextToken"].(string); ok {
		_, _ = fmt.Sscan(token, &at)
	}
	if at >= len(found) {
		return map[string]any{"Commands": []any{}}, ""
	}
	out := map[string]any{"Commands": []any{found[at].described()}}
	if at+1 < len(found) {
		out["NextToken"] = fmt.Sprint(at + 1)
	}
	return out, ""
}

func (s *Systems) invocation(in map[string]any) (any, string) {
	for _, one := range s.commands {
		if one.id == in["CommandId"] && one.instance == in["InstanceId"] && s.arrived {
			return map[string]any{"CommandId": one.id, "InstanceId": one.instance, "Status": one.status, "StatusDetails": one.status, "ResponseCode": one.code, "StandardOutputContent": one.printed}, ""
		}
	}
	return nil, "InvocationDoesNotExist"
}
