package ec2_test

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/actionstest"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
)

// memoryWorld is a machine of 1 MiB with an agent, and a bucket for evidence.
func memoryWorld(t *testing.T, moto *awstest.Emulator) (*awstest.World, *awstest.Systems, cloud.Evidence, map[string]any) {
	w := moto.World(t)
	place := w.Evidence(t, "evidence")
	systems, with := machineToRemember(t, w)
	return w, systems, place, with
}

// memoryIn makes such a machine, and the bucket, in a world.
func memoryIn(t *testing.T, w *awstest.World) (*awstest.Systems, map[string]any) {
	w.Evidence(t, "evidence")
	return machineToRemember(t, w)
}

func machineToRemember(t *testing.T, w *awstest.World) (*awstest.Systems, map[string]any) {
	id := machine(t, w)
	small := regexp.MustCompile(`<sizeInMiB>[0-9]+</sizeInMiB>`)
	w.Behind(t, map[string]awstest.Stand{"ec2:DescribeInstanceTypes": awstest.Rewriting(func(body []byte) []byte {
		return small.ReplaceAll(body, []byte("<sizeInMiB>1</sizeInMiB>"))
	})})
	systems := w.Systems(t)
	systems.Agent(id, "Online", "Linux")
	systems.Run = func(_, script string) (string, int, string) {
		bucket, key := uploadOf(script)
		return hostUploads(t, w, bucket, key, 1<<20)
	}
	return systems, map[string]any{"instance": id, "tool_url": "https://tools.example.com/avml", "tool_sha256": strings.Repeat("ab", 32)}
}

// uploadOf finds where a script sends the image.
func uploadOf(script string) (bucket, key string) {
	at := regexp.MustCompile(`'s3://([^/']+)/([^']+)'`).FindAllStringSubmatch(script, -1)
	upload := at[len(at)-1]
	return upload[1], upload[2]
}

// hostUploads plays the host. as sets what the bucket's defaults would.
func hostUploads(t *testing.T, w *awstest.World, bucket, key string, size int, as ...func(*s3.PutObjectInput)) (string, int, string) {
	body := strings.Repeat("m", size)
	in := &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: strings.NewReader(body)}
	for _, one := range as {
		one(in)
	}
	if _, err := w.S3().PutObject(t.Context(), in); err != nil {
		t.Error(err)
	}
	return "Success", 0, fmt.Sprintf("firebreak sha256 %x\n", sha256.Sum256([]byte(body)))
}

func TestCaptureMemory(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	t.Run("suite", func(t *testing.T) {
		actionstest.Run(t, actionstest.Case{Action: "aws.ec2.capture_memory", Errors: map[string]actions.Class{"denied": actions.Denied, "cut before the effect": actions.Unknown},
			World: func(t *testing.T) actionstest.World {
				w, systems, place, with := memoryWorld(t, moto)
				return actionstest.World{Registry: registryOf(w, awstest.Keeping(place)), Call: awstest.NewCall(), Params: with,
					Snapshot:   func(t *testing.T) string { return w.Snapshot(t) + systems.State() },
					Disturb:    func(*testing.T) { systems.End("Cancelled", -1, "") },
					LoseAnswer: func(*testing.T) { w.Proxy.DropAfterEffect("ssm:SendCommand", awstest.EveryAttempt) },
					Fault:      copyFaults(w, "ssm:SendCommand")}
			}})
	})
	t.Run("story", func(t *testing.T) { memoryStory(t, moto) })
}

// memoryStory is one command from sent to proved, with everything that can be
// said of it on the way.
func memoryStory(t *testing.T, moto *awstest.Emulator) {
	w, systems, place, with := memoryWorld(t, moto)
	id := with["instance"].(string)
	systems.Run = nil
	registry := registryOf(w, awstest.Keeping(place))
	for _, test := range []struct{ ping, platform, says string }{{"ConnectionLost", "Linux", "is ConnectionLost"}, {"Online", "Windows", "works on Linux"}} {
		systems.Agent(id, test.ping, test.platform)
		_, err := awstest.Handler(t, registry, "aws.ec2.capture_memory").Plan(t.Context(), awstest.NewCall(), awstest.Params(t, with))
		awstest.Fails(t, err, actions.Precondition, test.says)
	}
	systems.Agent(id, "Online", "Linux")
	s := awstest.NewStep(t, registry, "aws.ec2.capture_memory", with).Plan()
	systems.Delay(true)
	w.Proxy.DropAfterEffect("ssm:SendCommand", awstest.EveryAttempt)
	_, err := s.Handler.Execute(t.Context(), s.Call, s.Params)
	awstest.Fails(t, err, actions.Unknown)
	w.Proxy.Heal()
	s.Call.Attempt = 2
	s.Execute() // the command has not arrived, so the list of the instance would not have it
	if n := strings.Count(systems.State(), "command "); n != 1 {
		t.Errorf("there are %d commands, want 1:\n%s", n, systems.State())
	}
	s.Is(actions.Pending, "has not reached")
	systems.Delay(false)
	s.Is(actions.Pending, "is InProgress")
	systems.End("TimedOut", -1, "token=hunter2")
	s.Is(actions.NotVerified, "ended as TimedOut")
	systems.End("Success", 0, "")
	s.Is(actions.NotVerified, "told no checksum")
	key := "INC-12/R1/stop/" + id + ".memory"
	sum := fmt.Sprintf("firebreak sha256 %x\n", sha256.Sum256(nil))
	systems.End("Success", 0, sum)
	s.Is(actions.NotVerified, "there is no object "+key)
	hostUploads(t, w, place.Bucket, key, 1<<19)
	s.Is(actions.NotVerified, "less than 90%")
	hostUploads(t, w, place.Bucket, key, 1<<20)
	s.Is(actions.Verified, "no lock shows, so it can be deleted")
	hostUploads(t, w, place.Bucket, key, 1<<20, locked)
	s.Is(actions.Verified, "; locked until ")
	for _, broken := range []struct {
		operation string
		answer    http.HandlerFunc
	}{
		{"ssm:GetCommandInvocation", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("{}")) }},
		{"s3:HeadObject", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "0") }},
	} {
		w.Proxy.Answer(broken.operation, broken.answer)
		s.Is(actions.CannotVerify, "")
		w.Proxy.Heal()
	}
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "ssm:SendCommand" && strings.Contains(fmt.Sprint(call.Body), w.Credentials.SecretAccessKey) {
			t.Error("the command holds a secret")
		}
	}
}

// locked is what the defaults of a bucket for evidence do to an object.
func locked(in *s3.PutObjectInput) {
	until := time.Now().Add(24 * time.Hour)
	in.ObjectLockMode, in.ObjectLockRetainUntilDate, in.ChecksumAlgorithm = types.ObjectLockModeGovernance, &until, types.ChecksumAlgorithmSha256
	key := "arn:aws:kms:" + awstest.Region + ":123456789012:key/0a1b2c3d-0000-4000-8000-0123456789ab"
	in.ServerSideEncryption, in.SSEKMSKeyId = types.ServerSideEncryptionAwsKms, &key
}

// TestMemoryScript runs what the host would run, with stand-ins for the tools
// that it calls.
func TestMemoryScript(t *testing.T) {
	awstest.Hermetic(t)
	moto := awstest.Moto(t)
	w, systems, place, with := memoryWorld(t, moto)
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tool := "#!/bin/sh\nprintf 'all of the memory'\n[ ! -e " + dir + "/break ]\n"
	write("tool", tool)
	write("curl", "#!/bin/sh\nfor last; do :; done\nwhile [ \"$1\" != -o ]; do shift; done\ncp "+dir+"/tool \"$2\"\n")
	write("aws", "#!/bin/sh\ncat > "+dir+"/uploaded\n[ ! -e "+dir+"/full ]\n")
	with["tool_sha256"] = fmt.Sprintf("%x", sha256.Sum256([]byte(tool)))
	systems.Run = nil
	s := awstest.NewStep(t, registryOf(w, awstest.Keeping(place)), "aws.ec2.capture_memory", with).Plan().Execute()
	script := ""
	for _, call := range w.Proxy.Calls() {
		if call.Operation == "ssm:SendCommand" {
			for _, line := range call.Body["Parameters"].(map[string]any)["commands"].([]any) {
				script += line.(string) + "\n"
			}
		}
	}
	run := func() (string, error) {
		command := exec.CommandContext(s.Context(), "/bin/sh", "-c", script)
		command.Env = []string{"PATH=" + dir + ":/usr/bin:/bin", "TMPDIR=" + dir}
		out, err := command.CombinedOutput()
		return string(out), err
	}
	out, err := run()
	want := fmt.Sprintf("firebreak sha256 %x\n", sha256.Sum256([]byte("all of the memory")))
	if err != nil || out != want {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "uploaded")); err != nil || string(got) != "all of the memory" {
		t.Errorf("uploaded %q, %v", got, err)
	}
	for _, spoil := range []struct {
		name string
		do   func()
	}{
		{"the upload fails", func() { write("full", "") }},
		{"the tool fails", func() { _ = os.Remove(filepath.Join(dir, "full")); write("break", "") }},
		{"the tool is another", func() { _ = os.Remove(filepath.Join(dir, "break")); write("tool", tool+"#") }},
	} {
		spoil.do()
		if out, err := run(); err == nil || strings.Contains(out, "firebreak sha256") {
			t.Errorf("%s: got %q, %v", spoil.name, out, err)
		}
	}
}
