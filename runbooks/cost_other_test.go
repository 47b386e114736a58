//go:build !unix

package runbooks_test

import "time"

// processorTime is 0 where it cannot be read: then only bytes are counted.
func processorTime() time.Duration { return 0 }
