package awstest

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// Intruder is an instance that somebody else uses, with all that a fleet has
// around it: a group of Auto Scaling, a target group, a role that other instances
// share, an agent of Systems Manager, and events of its role in CloudTrail.
type Intruder struct {
	ID, Other string         // instances; Other is of the same fleet and role
	Evidence  cloud.Evidence // where what is collected is kept
	Endpoints string         // security group of the endpoints of Systems Manager
	Systems   *Systems
}

// Intruder makes one. The host has 1 MiB of memory, which its agent uploads when
// it is told to: what moto lacks of Systems Manager and CloudTrail is played.
func (w *World) Intruder(t *testing.T) Intruder {
	t.Helper()
	vpc := w.VPC(t)
	subnet := w.Subnet(t, vpc, 0)
	ids := w.Fleet(t, Fleet{Name: "web", Subnet: subnet, Min: 1, Max: 4, Desired: 3})
	host := Intruder{ID: ids[0], Other: ids[1], Evidence: w.Evidence(t, "evidence"), Endpoints: w.Group(t, vpc, "endpoints")}
	w.Profile(t, "web-profile", "web")
	w.PutPolicy(t, "role", "web", "own", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`)
	targets := w.TargetGroup(t, vpc, "web", "instance")
	for _, id := range []string{host.ID, host.Other} {
		w.SetProfile(t, id, "web-profile")
		w.Register(t, targets, id, 8080)
	}
	size := regexp.MustCompile(`<sizeInMiB>[0-9]+</sizeInMiB>`)
	w.Behind(t, map[string]Stand{"ec2:DescribeInstanceTypes": Rewriting(func(body []byte) []byte {
		return size.ReplaceAll(body, []byte("<sizeInMiB>1</sizeInMiB>"))
	})})
	host.Systems = w.Systems(t)
	host.Systems.Agent(host.ID, "Online", "Linux")
	at := regexp.MustCompile(`'s3://([^/']+)/([^']+)'`)
	host.Systems.Run = func(_, script string) (string, int, string) {
		found := at.FindAllStringSubmatch(script, -1)
		upload, image := found[len(found)-1], strings.Repeat("m", 1<<20)
		w.Object(t, upload[1], upload[2], image)
		return "Success", 0, fmt.Sprintf("firebreak sha256 %x\n", sha256.Sum256([]byte(image)))
	}
	w.Events(t)
	return host
}
