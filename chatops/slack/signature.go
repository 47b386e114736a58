package slack

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
)

// signatureAge is how far the time of a request may be from ours.
const signatureAge = 5 * time.Minute

// checkSignature says why a request was not signed by Slack just now, or "".
// The signature covers the raw body, so it is checked before the body is read
// in any other way.
func checkSignature(secret actions.Secret, timestamp, signature string, body []byte, now time.Time) (problem string) {
	if secret.Empty() {
		return "no signing secret is configured"
	}
	if timestamp == "" || signature == "" {
		return "it is not signed"
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return "its time is not a number"
	}
	given, err := hex.DecodeString(strings.TrimPrefix(signature, "v0="))
	if err != nil || !strings.HasPrefix(signature, "v0=") {
		return "its signature has another form than v0"
	}
	mac := hmac.New(sha256.New, []byte(secret.Reveal()))
	mac.Write([]byte("v0:" + timestamp + ":"))
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), given) {
		return "its signature is wrong: it was forged, changed on the way, or the signing secret is another one"
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > signatureAge || age < -signatureAge {
		return "it was signed more than five minutes ago or from now: it is an old one, or a clock is wrong"
	}
	return ""
}
