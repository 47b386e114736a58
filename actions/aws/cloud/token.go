package cloud

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/firebreak-ir/firebreak/actions"
)

// Token is a client token for calls that carry one: a UUID that is the same for
// every attempt of one logical step, and another for other parts. A token that
// the SDK fills in outlives its own retries, but not a restart of firebreak.
func Token(key actions.Key, parts ...string) string {
	h := sha256.New()
	for _, part := range append([]string{string(key)}, parts...) {
		sum := sha256.Sum256([]byte(part)) // so that "a", "bc" is not "ab", "c"
		h.Write(sum[:])
	}
	u := h.Sum(nil)[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80 // version 8: made in a way of one's own
	s := hex.EncodeToString(u)
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}
