//go:build !linux

package exec

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// process is one program, which cannot run here.
type process struct {
	files       []*os.File
	args        []string
	env         []string
	dir         string
	stdin       []byte
	out, errors io.Writer
	grace       time.Duration
}

// ending says how a program ended.
type ending struct {
	pid    int
	code   int
	signal string
	cause  error
	open   bool
}

func sealedPath(n int) string { return "/proc/self/fd/" + strconv.Itoa(3+n) }

// seal refuses: only Linux can start the very file that was checked.
func seal(name string, _ File, _ bool) (*os.File, error) {
	return nil, &actions.Error{
		Class: actions.Precondition, Op: "exec:" + name, Err: errors.New("programs run on Linux only, where the file that was checked is the one that is started"),
		Hint: "run firebreak on Linux, or make this a manual step",
	}
}

func (process) run(context.Context) (ending, error) { return ending{}, errors.ErrUnsupported }

func left(context.Context, string) []int { return nil }
