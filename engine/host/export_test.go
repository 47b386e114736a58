package host

import "errors"

var errKilled = errors.New("killed")

// Kill ends a host as a crash does: nothing more is started, written or waited
// for.
func Kill(h *Host) {
	h.fail(errKilled)
	h.work.Wait()
}
