package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/firebreak-ir/firebreak/actions/aws/awsfake"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
)

// TestTerminalOfTwo plays the main job without Slack being used: two people of
// one machine, told apart by the kernel, over the server's socket.
func TestTerminalOfTwo(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil || os.Getuid() != 0 {
		t.Skip("this needs root and the user nobody, to be two users of one machine at once")
	}
	uid, _ := strconv.Atoi(nobody.Uid)
	gid, _ := strconv.Atoi(nobody.Gid)
	s := newStage(t, awstest.Fake(awsfake.Options{}), false, strings.Replace(directoryText, "slack: T0001/U0002,", "slack: T0001/U0002, os_user: nobody,", 1))
	// As an operator would let a second user in: through the group of the folders and of the socket.
	for _, path := range []string{filepath.Dir(s.bin), s.dir, filepath.Join(s.dir, "var"), filepath.Join(s.dir, "firebreak.yaml"), filepath.Join(s.dir, "directory.yaml"), filepath.Join(s.dir, "runbooks"), filepath.Join(s.dir, "var/firebreak.sock")} {
		mode := os.FileMode(0o750)
		if strings.HasSuffix(path, ".sock") {
			mode = 0o660
		}
		if err := errors.Join(os.Chown(path, 0, gid), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
	}
	for dir := filepath.Dir(s.dir); dir != "/"; dir = filepath.Dir(dir) { // the test's own folders above
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	alice := func(code int, words ...string) string { return s.run(code, append([]string{"incident"}, words...)...) }
	bob := func(code int, words ...string) string {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		cmd := exec.CommandContext(ctx, s.bin, append([]string{"incident", "--config", filepath.Join(s.dir, "firebreak.yaml")}, words...)...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		cmd.Env, cmd.Dir = []string{"PATH=/usr/bin:/bin"}, "/"
		out, err := cmd.CombinedOutput()
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got, err = exit.ExitCode(), nil
		}
		if err != nil || got != code {
			t.Fatalf("bob's %q: exit code %d, want %d; %v\n%s", words, got, code, err, out)
		}
		return string(out)
	}
	if out := bob(0, "whoami"); !strings.Contains(out, "bob") || !strings.Contains(out, "cli:nobody") {
		t.Fatalf("the second user is told:\n%s", out)
	}
	alice(0, "declare", "terminal only", "--sev", "2")
	alice(0, "run", "leaked-access-key", "access_key_id="+s.key, "INC-1")
	waits := func(step string) {
		t.Helper()
		s.until(step+" waiting", func() bool { return strings.Contains(alice(0, "step", step, "INC-1"), "waits for") })
	}
	waits("quarantine")
	if out := alice(1, "approve", "quarantine", "INC-1"); !strings.Contains(out, "E_SELF_APPROVAL") {
		t.Errorf("alice's own approval is answered with:\n%s", out)
	}
	bob(0, "approve", "quarantine", "INC-1")
	waits("disable")
	bob(0, "approve", "disable", "INC-1")
	s.until("the manual step", func() bool { return strings.Contains(alice(0, "status", "INC-1"), "done INC-1 R1/review") })
	if got := s.keyStatus(); got != types.StatusTypeInactive {
		t.Errorf("the key is %s", got)
	}
	alice(0, "done", "review", "nothing", "INC-1")
	// Taken back, with an approval of its own.
	alice(0, "undo", "disable", "INC-1", "--reason", "it was a false alarm")
	waits("disable~undo")
	alice(1, "approve", "disable~undo", "INC-1")
	bob(0, "approve", "disable~undo", "INC-1")
	s.until("the key being active again", func() bool { return s.keyStatus() == types.StatusTypeActive })
	s.until("the undo being proven", func() bool { return strings.Contains(alice(0, "step", "disable~undo", "INC-1"), "done, proven") })
	alice(1, "resolve", "false alarm", "INC-1")
	alice(0, "keep", "quarantine", "INC-1", "--reason", "the user is not needed any more")
	alice(0, "resolve", "false alarm", "INC-1")
	page := s.run(0, "export", "INC-1")
	for _, want := range []string{"bob approved step \"disable\"", "cli:nobody", "taken back"} {
		if !strings.Contains(page, want) {
			t.Errorf("the timeline does not say %q:\n%s", want, page)
		}
	}
	s.run(3, "verify", "--live")
}
