package journal

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

func leaves() []Entry {
	digest := strings.Repeat("0a", 32)
	return []Entry{
		{Stream: "INC-12", Data: []byte(`{}`)},
		{Seq: 1042, Stream: "INC-12", N: 17, Epoch: 7, Data: []byte(`{"kind":"effect.intent","n":-3}`), Prev: [32]byte{1, 0xab}},
		{Seq: 1, Stream: "store", N: 1, Epoch: 1, Data: []byte(`{"a":{"data":{}}}`), Nonce: "q\"\\\n\x1f火", Blobs: []string{digest, digest}, Close: true},
	}
}

func TestLeafRoundTrip(t *testing.T) {
	for _, want := range leaves() {
		encodeLeaf(&want)
		if err := checkDepth(want.Leaf, leafDepth); err != nil {
			t.Errorf("%s: %v", want.Leaf, err)
		}
		got, err := ParseLeaf(bytes.Clone(want.Leaf))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
}

// TestLeafVector pins the bytes and the hash of one leaf: other programs verify them too.
func TestLeafVector(t *testing.T) {
	e := leaves()[1]
	encodeLeaf(&e)
	const leaf = `{"data":{"kind":"effect.intent","n":-3},"epoch":7,"n":17,"prev":"01ab000000000000000000000000000000000000000000000000000000000000","seq":1042,"stream":"INC-12","v":1}`
	const hash = "1e96c49712481ef33281321099cc3136db712ec161945796cf925953e0101ebf"
	if string(e.Leaf) != leaf {
		t.Errorf("leaf: got %s", e.Leaf)
	}
	if got := hex.EncodeToString(e.Hash[:]); got != hash {
		t.Errorf("hash: got %s", got)
	}
}

func TestParseLeafRefuses(t *testing.T) {
	good := leaves()[2]
	encodeLeaf(&good)
	for _, test := range []struct{ from, to, want string }{
		{`"v":1`, `"v":2`, "newer than this program"},
		{`"v":1`, `"v":1,"w":1`, "after the last member"},
		{`"epoch":1`, `"epoch":-1`, "negative"},
		{`"epoch":1`, `"epoch":01`, "not canonical"},
		{`,"n":1`, ``, "no"},
		{`"close":true`, `"close":false`, "no"},
		{`"stream":"store"`, `"stream":"a b"`, "stream name"},
		{`0a0a`, `0A0A`, "malformed hash"},
		{`0a0a`, `0a0a0a`, "malformed hash"},
		{`"prev":"00`, `"prev":"0`, "malformed hash"},
		{`\u000a`, `\n`, "escape"},
		{`\u001f`, `\u001F`, "escape"},
		{`"data":{"a":{"data":{}}}`, `"data":[]`, "data"},
	} {
		bad := strings.Replace(string(good.Leaf), test.from, test.to, 1)
		if bad == string(good.Leaf) {
			t.Fatalf("%s: not in the leaf", test.from)
		}
		if _, err := ParseLeaf([]byte(bad)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: got %v, want an error with %q", test.to, test.from, err, test.want)
		}
	}
	for n := range good.Leaf {
		if _, err := ParseLeaf(good.Leaf[:n]); err == nil {
			t.Errorf("the first %d bytes of a leaf parse", n)
		}
	}
}
