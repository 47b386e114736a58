package bolt

import (
	"fmt"
	"syscall"
)

// limitMemory ends this process when it wants more than so many bytes of its own: a page of a damaged file that points at itself makes
// bbolt's cursor collect it for ever. Files mapped for reading do not count.
func limitMemory(bytes uint64) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_DATA, &now); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	now.Cur = min(bytes, now.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_DATA, &now); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	return nil
}
