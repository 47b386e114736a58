package exec_test

import (
	"runtime"
	"sync"
)

// endThreads lets n threads of this process end: a goroutine that is locked to
// its thread takes it along.
func endThreads(n int) {
	for range n {
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { runtime.LockOSThread() })
		}
		wg.Wait()
	}
}
