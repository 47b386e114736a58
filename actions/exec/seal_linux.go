package exec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/firebreak-ir/firebreak/actions"
)

const maxProgram = 256 << 20 // bytes of a pinned file

// seals forbid every change, and that the seals are taken off again.
const seals = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// seal gives the content of a pinned file as an anonymous file that nobody can
// change, after its sum was found right. started says that the kernel will
// start it itself: then it must be executable, and no script. The caller closes
// the file. Errors promise that nothing was run.
func seal(name string, f File, started bool) (*os.File, error) {
	refuse := func(class actions.Class, hint, format string, args ...any) (*os.File, error) {
		return nil, &actions.Error{Class: class, Op: "exec:" + name, Err: fmt.Errorf(format, args...), Hint: hint}
	}
	source, err := os.OpenFile(f.Path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0) // a pipe must not block the open
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return refuse(actions.NotFound, "install the program, or correct its path in the configuration", "the file %q does not exist", f.Path)
	case errors.Is(err, fs.ErrPermission):
		return refuse(actions.Denied, "let the user that firebreak runs as read the file", "the file %q cannot be read", f.Path)
	case err != nil:
		return refuse(actions.Precondition, "", "open %q: %w", f.Path, err)
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return refuse(actions.Precondition, "", "look at %q: %w", f.Path, err)
	}
	switch stat, _ := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return refuse(actions.Precondition, "name the program itself", "%q is no regular file", f.Path)
	case info.Mode().Perm()&0o022 != 0:
		return refuse(actions.Precondition, "run: chmod go-w "+f.Path, "others can write to %q (mode %04o)", f.Path, info.Mode().Perm())
	case stat == nil || stat.Uid != 0 && int(stat.Uid) != os.Geteuid():
		return refuse(actions.Precondition, "let root own the file", "%q belongs to another user", f.Path)
	case started && info.Mode().Perm()&0o111 == 0:
		return refuse(actions.Precondition, "run: chmod +x "+f.Path, "%q is not executable", f.Path)
	case info.Size() > maxProgram:
		return refuse(actions.Precondition, "", "%q has %d bytes, and a program may have %d", f.Path, info.Size(), maxProgram)
	}
	copied, err := memory(filepath.Base(f.Path))
	if err != nil {
		return refuse(actions.Precondition, "the kernel must allow executable files in memory: see vm.memfd_noexec", "make a copy in memory: %w", err)
	}
	sum, head, err := copySealed(copied, source)
	switch {
	case err != nil:
		err = fmt.Errorf("copy %q: %w", f.Path, err)
	case sum != f.SHA256:
		copied.Close()
		return refuse(actions.Precondition, "find out who changed the file; when the change is wanted, put the new sum into the configuration", "%q has the SHA-256 %s, and the configuration says %s", f.Path, sum, f.SHA256)
	case started && bytes.Equal(head, []byte("#!")):
		copied.Close()
		return refuse(actions.Precondition, "name the interpreter in the configuration, with a sum of its own", "%q is a script, and nobody has checked what its first line would start", f.Path)
	default:
		return copied, nil
	}
	copied.Close()
	return refuse(actions.Precondition, "", "%w", err)
}

// memory makes an empty anonymous file that may be executed and sealed.
func memory(name string) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // a kernel before 6.3
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// copySealed fills and seals the copy. The sum is that of the bytes which
// were written into it, whatever happens to the source meanwhile.
func copySealed(copied, source *os.File) (sum string, head []byte, err error) {
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(copied, h), io.LimitReader(source, maxProgram+1))
	switch {
	case err != nil:
		return "", nil, err
	case n > maxProgram:
		return "", nil, fmt.Errorf("it grew past %d bytes", maxProgram)
	}
	if _, err := unix.FcntlInt(copied.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		return "", nil, fmt.Errorf("seal it: %w", err)
	}
	head = make([]byte, 2)
	read, err := copied.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", nil, err
	}
	return hex.EncodeToString(h.Sum(nil)), head[:read], nil
}
