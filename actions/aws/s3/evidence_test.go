package s3_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/google/go-cmp/cmp"

	"github.com/firebreak-ir/firebreak/actions"
	"github.com/firebreak-ir/firebreak/actions/aws/awstest"
	"github.com/firebreak-ir/firebreak/actions/aws/cloud"
	evidence "github.com/firebreak-ir/firebreak/actions/aws/s3"
)

// started is a call of a step that has begun.
func started() actions.Call {
	call := awstest.NewCall()
	call.Started = time.Date(2026, 11, 22, 4, 50, 24, 999, time.FixedZone("", 3600))
	return call
}

// shelf is a world with a bucket for evidence, and a session that uses it.
func shelf(t *testing.T, emulator *awstest.Emulator) (*awstest.World, *cloud.Conn, cloud.Evidence) {
	t.Helper()
	w := emulator.World(t)
	place := w.Evidence(t, "evidence")
	c, err := w.Cloud(awstest.Keeping(place)).Open(t.Context(), awstest.NewCall())
	if err != nil {
		t.Fatal(err)
	}
	return w, c, c.Evidence
}

// evidenceIsKept is about Put, Check and Ready, which other packages use.
func evidenceIsKept(t *testing.T, moto *awstest.Emulator) {
	item := evidence.Item{Name: "i-0abc/console output.txt", Body: []byte("login:"), ContentType: "text/plain"}
	sum := sha256.Sum256(item.Body)
	want := evidence.Stored{Bucket: "evidence", Key: "INC-12/R1/stop/i-0abc/console!20output.txt", SHA256: hex.EncodeToString(sum[:]), Mode: "GOVERNANCE", Size: 6,
		RetainUntil: time.Date(2026, 11, 29, 3, 50, 24, 0, time.UTC)}

	t.Run("is stored once", func(t *testing.T) {
		w, c, place := shelf(t, moto)
		if err := evidence.Ready(t.Context(), c, place); err != nil {
			t.Fatal(err)
		}
		first, err := evidence.Put(t.Context(), c, started(), place, item)
		if err != nil {
			t.Fatal(err)
		}
		want := want
		want.VersionID = first.VersionID
		if diff := cmp.Diff(want, first); diff != "" || first.VersionID == "" {
			t.Errorf("want -, got +\n%s", diff)
		}
		state := w.Snapshot(t)
		if !strings.Contains(state, place.KMSKey) {
			t.Errorf("not encrypted with the configured key:\n%s", state)
		}
		again, err := evidence.Put(t.Context(), c, started(), place, item)
		if diff := cmp.Diff(first, again); err != nil || diff != "" {
			t.Errorf("a second time: %v\nwant -, got +\n%s", err, diff)
		}
		if diff := cmp.Diff(state, w.Snapshot(t)); diff != "" {
			t.Errorf("a second time changed something\n%s", diff)
		}
		is(t, c, again, place, actions.Verified, "locked as GOVERNANCE until 2026-11-29T03:50:24Z")
	})
	t.Run("other bytes are never overwritten", func(t *testing.T) {
		w, c, place := shelf(t, moto)
		w.Object(t, "evidence", want.Key, "somebody else's")
		state := w.Snapshot(t)
		_, err := evidence.Put(t.Context(), c, started(), place, item)
		awstest.Fails(t, err, actions.Precondition, "already holds other bytes", want.SHA256, "nothing was written")
		if diff := cmp.Diff(state, w.Snapshot(t)); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("a lost answer is found again", func(t *testing.T) {
		for _, lost := range []int{1, awstest.EveryAttempt} {
			w, c, place := shelf(t, moto)
			w.Proxy.DropAfterEffect("s3:PutObject", lost)
			stored, err := evidence.Put(t.Context(), c, started(), place, item)
			if lost == awstest.EveryAttempt {
				awstest.Fails(t, err, actions.Unknown)
				stored, err = evidence.Put(t.Context(), c, started(), place, item)
			}
			if err != nil {
				t.Fatal(err)
			}
			if n := strings.Count(w.Snapshot(t), "object "); n != 1 {
				t.Errorf("%d lost: there are %d objects", lost, n)
			}
			is(t, c, stored, place, actions.Verified, "")
		}
	})
	t.Run("the same bytes under a weaker lock are not verified", func(t *testing.T) {
		for name, until := range map[string]time.Time{"shorter": time.Now().Add(24 * time.Hour), "none": {}} {
			_, c, place := shelf(t, moto)
			client := s3.NewFromConfig(c.Config, func(o *s3.Options) { o.UsePathStyle = true })
			in := &s3.PutObjectInput{Bucket: &place.Bucket, Key: &want.Key, Body: strings.NewReader("login:"), ChecksumAlgorithm: types.ChecksumAlgorithmSha256}
			call := started()
			call.Started = time.Now()
			if !until.IsZero() {
				in.ObjectLockMode, in.ObjectLockRetainUntilDate = types.ObjectLockModeGovernance, &until
			}
			if _, err := client.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
			stored, err := evidence.Put(t.Context(), c, call, place, item)
			if err != nil {
				t.Fatal(err)
			}
			is(t, c, stored, place, actions.NotVerified, map[string]string{"shorter": "is locked until", "none": "shows no lock"}[name])
		}
	})
	t.Run("two puts at once", func(t *testing.T) {
		w, c, place := shelf(t, moto)
		w.Proxy.Refuse("s3:PutObject", http.StatusConflict, "ConditionalRequestConflict")
		_, err := evidence.Put(t.Context(), c, started(), place, item)
		awstest.Fails(t, err, actions.Transient, "ConditionalRequestConflict")
		if n := w.Proxy.Count("s3:PutObject"); n != 3 {
			t.Errorf("tried %d times, want 3", n)
		}
	})
	t.Run("is checked", func(t *testing.T) {
		w, c, place := shelf(t, moto)
		stored, err := evidence.Put(t.Context(), c, started(), place, item)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name    string
			change  func(*evidence.Stored, *cloud.Evidence)
			verdict actions.Verdict
			detail  string
		}{
			{"nothing", func(s *evidence.Stored, _ *cloud.Evidence) { *s = evidence.Stored{} }, actions.NotVerified, "nothing was stored"},
			{"no version", func(s *evidence.Stored, _ *cloud.Evidence) { s.VersionID = "" }, actions.NotVerified, "versioning"},
			{"another version", func(s *evidence.Stored, _ *cloud.Evidence) { s.VersionID = "0d0c" }, actions.NotVerified, "is not in bucket"},
			{"other bytes", func(s *evidence.Stored, _ *cloud.Evidence) { s.SHA256 = strings.Repeat("0", 64) }, actions.NotVerified, "SHA-256"},
			{"another size", func(s *evidence.Stored, _ *cloud.Evidence) { s.Size++ }, actions.NotVerified, "bytes"},
			{"a longer lock", func(s *evidence.Stored, _ *cloud.Evidence) { s.RetainUntil = s.RetainUntil.Add(time.Hour) }, actions.NotVerified, "locked until"},
			{"a stronger lock", func(_ *evidence.Stored, p *cloud.Evidence) { p.Mode = "COMPLIANCE" }, actions.NotVerified, "as GOVERNANCE, not as COMPLIANCE"},
			{"a hold", func(s *evidence.Stored, _ *cloud.Evidence) { s.Hold = true }, actions.NotVerified, "no legal hold"},
		} {
			t.Run(test.name, func(t *testing.T) {
				stored, place := stored, place
				test.change(&stored, &place)
				is(t, c, stored, place, test.verdict, test.detail)
			})
		}
		w.Proxy.Refuse("s3:HeadObject", http.StatusForbidden, "AccessDenied")
		is(t, c, stored, place, actions.CannotVerify, "grant s3:GetObject")
		w.Proxy.Heal()
		w.Proxy.Answer("s3:HeadObject", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
		is(t, c, stored, place, actions.CannotVerify, "neither version nor checksum")
		w.Proxy.Heal()
		w.Proxy.Answer("s3:HeadObject", func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Amz-Version-Id", stored.VersionID)
			rw.Header().Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
			rw.Header().Set("Content-Length", "6")
		})
		is(t, c, stored, place, actions.NotVerified, "shows no lock")
		w.Proxy.Heal()
		client := w.S3()
		yes := true
		if _, err := client.DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &stored.Bucket, Key: &stored.Key, VersionId: &stored.VersionID, BypassGovernanceRetention: &yes}); err != nil {
			t.Fatal(err)
		}
		is(t, c, stored, place, actions.NotVerified, "is not in bucket")
	})
}

func is(t *testing.T, c *cloud.Conn, stored evidence.Stored, place cloud.Evidence, want actions.Verdict, detail string) {
	t.Helper()
	reading, err := evidence.Check(t.Context(), c, stored, place)
	if err != nil || reading.Verdict != want || !strings.Contains(reading.Detail, detail) {
		t.Errorf("got %+v, error %v; want %s, %q", reading, err, want, detail)
	}
}

func placesThatCannot(t *testing.T, moto *awstest.Emulator) {
	for _, test := range []struct {
		name  string
		spoil func(t *testing.T, w *awstest.World, place *cloud.Evidence)
		class actions.Class
		says  []string
	}{
		{"none", func(_ *testing.T, _ *awstest.World, p *cloud.Evidence) { p.Bucket = "" }, actions.Invalid, []string{"no bucket for evidence", "configuration"}},
		{"a mode that is none", func(_ *testing.T, _ *awstest.World, p *cloud.Evidence) { p.Mode = "governance" }, actions.Invalid, []string{"no mode of Object Lock"}},
		{"too long", func(_ *testing.T, _ *awstest.World, p *cloud.Evidence) { p.Days = 36501 }, actions.Invalid, []string{"36500"}},
		{"not there", func(_ *testing.T, _ *awstest.World, p *cloud.Evidence) { p.Bucket = "nowhere" }, actions.NotFound, []string{"NoSuchBucket"}},
		{"without versions", func(t *testing.T, w *awstest.World, p *cloud.Evidence) { w.Bucket(t, "plain"); p.Bucket = "plain" }, actions.Precondition, []string{"no versioning", "Object Lock"}},
		{"without locks", func(t *testing.T, w *awstest.World, p *cloud.Evidence) {
			w.Bucket(t, "plain")
			p.Bucket = "plain"
			if _, err := w.S3().PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &p.Bucket, VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
				t.Fatal(err)
			}
		}, actions.Precondition, []string{"no Object Lock"}},
		{"open to the public", func(t *testing.T, w *awstest.World, p *cloud.Evidence) {
			if _, err := w.S3().DeletePublicAccessBlock(t.Context(), &s3.DeletePublicAccessBlockInput{Bucket: &p.Bucket}); err != nil {
				t.Fatal(err)
			}
		}, actions.Precondition, []string{"does not block public access"}},
		{"half open to the public", func(t *testing.T, w *awstest.World, p *cloud.Evidence) {
			w.SetPublic(t, p.Bucket, true, true, true, false)
		}, actions.Precondition, []string{"does not block public access"}},
		{"somebody else's", func(_ *testing.T, w *awstest.World, _ *cloud.Evidence) {
			w.Proxy.Refuse("s3:GetBucketVersioning", http.StatusForbidden, "AccessDenied")
		}, actions.Denied, []string{"grant s3:GetBucketVersioning", "does not belong to account 123456789012"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, c, place := shelf(t, moto)
			test.spoil(t, w, &place)
			awstest.Fails(t, evidence.Ready(t.Context(), c, place), test.class, test.says...)
		})
	}
}

func namesOfEvidence(t *testing.T, moto *awstest.Emulator) {
	_, c, place := shelf(t, moto)
	for _, test := range []struct{ name, says string }{{"", "cannot be the name"}, {"/etc/passwd", "cannot be the name"}, {"a/../b", "cannot be the name"}, {"a/", "cannot be the name"}, {strings.Repeat("x", 1000), "longer"}} {
		_, err := evidence.Put(t.Context(), c, started(), place, evidence.Item{Name: test.name})
		awstest.Fails(t, err, actions.Invalid, test.says)
	}
	_, err := evidence.Put(t.Context(), c, awstest.NewCall(), place, evidence.Item{Name: "x"})
	awstest.Fails(t, err, actions.Invalid, "has not started")
	call := started()
	keys := map[string]bool{}
	for _, step := range []string{"collect[a/b]", "collect[a-b]", "collect[a!2fb]"} {
		call.Step = step
		stored, err := evidence.Put(t.Context(), c, call, place, evidence.Item{Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		keys[stored.Key] = true
	}
	if len(keys) != 3 || !keys["INC-12/R1/collect!5ba!2fb!5d/x"] {
		t.Errorf("got %v", keys)
	}
}

// The bucket for evidence is often one for all regions.
func bucketInAnotherRegion(t *testing.T, moto *awstest.Emulator) {
	w, c, place := shelf(t, moto)
	w.Proxy.Answer("s3:PutObject", func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/") {
			rw.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
			rw.WriteHeader(http.StatusMovedPermanently)
			_, _ = rw.Write([]byte("<Error><Code>PermanentRedirect</Code></Error>"))
			return
		}
		w.Proxy.Heal()
		w.Proxy.ServeHTTP(rw, r)
	})
	stored, err := evidence.Put(t.Context(), c, started(), place, evidence.Item{Name: "x", Body: []byte("y")})
	if err != nil {
		t.Fatal(err)
	}
	is(t, c, stored, place, actions.Verified, "")
}
