//go:build unix

package journal

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

func checkOwner(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(stat.Uid) != os.Geteuid() {
		return fmt.Errorf("%q belongs to user %d but this process runs as user %d: run as its owner, or chown it", path, stat.Uid, os.Geteuid())
	}
	return nil
}
