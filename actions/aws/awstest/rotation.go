package awstest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	kmstypes "github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
)

// Function is what a Lambda function does: it gets a payload, and answers or
// fails.
type Function func(payload map[string]string) (answer string, fails bool)

// Secrets is Secrets Manager as AWS has it, in front of moto, which lets
// everything through that it does right. In moto's place it
//
//   - refuses RotateSecret while AWSPENDING is on a version that is not current,
//     and for a secret that nothing rotates; moto accepts both
//   - starts a rotation by storing a pending version, and ends it later: when it
//     was seen pending once, or on [Secrets.Finish]. moto ends it at once, and
//     empties the ARN of the rotation function when a call does not repeat it
//   - refuses another value under a ClientRequestToken that is used; moto
//     overwrites the value
//   - leaves out versions without labels when it describes a secret
//   - has functions that are written in Go, and says which one rotates a secret
type Secrets struct {
	w      *World
	t      *testing.T
	client *secretsmanager.Client
	moto   *httputil.ReverseProxy

	mu        sync.Mutex
	functions map[string]Function
	rotators  map[string]string                 // secret ARN to the ARN of its rotation function
	rotate    func(secret, version string) bool // plays the rotation; false: it fails
	running   map[string]string                 // secret ARN to the version that is being rotated to
	seen      map[string]bool                   // versions that were seen pending
	promptly  bool
}

// Secrets puts Secrets Manager as AWS has it between the proxy and moto.
func (w *World) Secrets(t *testing.T) *Secrets {
	t.Helper()
	target, err := url.Parse(w.Proxy.target)
	if err != nil {
		t.Fatal(err)
	}
	s := &Secrets{
		w: w, t: t, client: secretsmanager.NewFromConfig(w.Config), moto: httputil.NewSingleHostReverseProxy(target),
		functions: map[string]Function{}, rotators: map[string]string{}, running: map[string]string{}, seen: map[string]bool{},
	}
	s.rotate = func(secret, version string) bool { s.Label(secret, "AWSCURRENT", version); return true }
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	w.Proxy.target, w.Config.BaseEndpoint = server.URL, &server.URL
	return s
}

// Secret makes a secret with a value and gives its ARN and first version.
func (s *Secrets) Secret(name, value string, change ...func(*secretsmanager.CreateSecretInput)) (arn, version string) {
	s.t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: &value, ClientRequestToken: aws.String("00000000-0000-4000-8000-00000000000a")}
	for _, one := range change {
		one(in)
	}
	out, err := s.client.CreateSecret(s.t.Context(), in)
	if err != nil {
		s.t.Fatal(err)
	}
	return aws.ToString(out.ARN), aws.ToString(out.VersionId)
}

// OwnedBy makes a new secret one that a service manages.
func OwnedBy(service string) func(*secretsmanager.CreateSecretInput) {
	return func(in *secretsmanager.CreateSecretInput) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String("aws:secretsmanager:owningService"), Value: &service})
	}
}

// Encrypted gives a new secret a key of its own.
func Encrypted(key string) func(*secretsmanager.CreateSecretInput) {
	return func(in *secretsmanager.CreateSecretInput) { in.KmsKeyId = &key }
}

// Lambda makes a function that does what does says, and gives its ARN. Its role
// is service-role/NAME-role. moto does not know it: with functions in it, moto
// takes minutes to be reset.
func (s *Secrets) Lambda(name string, does Function) string {
	s.Does(name, does)
	return "arn:aws:lambda:" + Region + ":" + s.w.Account + ":function:" + name
}

// Does changes what a function does.
func (s *Secrets) Does(name string, does Function) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.functions[name] = does
}

// RotatedBy gives a secret a rotation function and a schedule.
func (s *Secrets) RotatedBy(secret, function string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotators[secret] = function
}

// Rotation changes what the rotation function does from now on. By default the
// new version becomes current and keeps AWSPENDING, as on AWS until it tidies up.
func (s *Secrets) Rotation(play func(secret, version string) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rotate = play
}

// Stuck leaves a secret as a failed rotation does, and gives the version.
func (s *Secrets) Stuck(secret string) string {
	s.t.Helper()
	version := s.Put(secret, "ffffffff-0000-4000-8000-00000000000f", "half done", "AWSPENDING")
	s.Label(secret, "AWSPENDING", version) // it may have been there, without the label
	return version
}

// Put stores a value as somebody else would, and gives its version.
func (s *Secrets) Put(secret, version, value string, labels ...string) string {
	s.t.Helper()
	if _, err := s.client.PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &secret, ClientRequestToken: &version, SecretString: &value, VersionStages: labels}); err != nil {
		s.t.Error(err) // also called by the server's goroutines
	}
	return version
}

// Label moves a label to a version, as somebody else would; to none it takes it
// away.
func (s *Secrets) Label(secret, label, version string) {
	s.t.Helper()
	has := s.holder(secret, label)
	if has == version {
		return
	}
	in := &secretsmanager.UpdateSecretVersionStageInput{SecretId: &secret, VersionStage: &label}
	if has != "" {
		in.RemoveFromVersionId = &has
	}
	if version != "" {
		in.MoveToVersionId = &version
	}
	if _, err := s.client.UpdateSecretVersionStage(s.t.Context(), in); err != nil {
		s.t.Error(err) // also called by the server's goroutines
	}
}

// Value reads the value of a version, of the current one when none is given.
func (s *Secrets) Value(secret, version string) string {
	s.t.Helper()
	in := &secretsmanager.GetSecretValueInput{SecretId: &secret, VersionStage: aws.String("AWSCURRENT")}
	if version != "" {
		in.VersionStage, in.VersionId = nil, &version
	}
	out, err := s.client.GetSecretValue(s.t.Context(), in)
	if err != nil {
		s.t.Error(err)
		return ""
	}
	return aws.ToString(out.SecretString)
}

// Current is the version that consumers get.
func (s *Secrets) Current(secret string) string { return s.holder(secret, "AWSCURRENT") }

// Labels are the versions of a secret with their labels.
func (s *Secrets) Labels(secret string) map[string][]string {
	return s.describe(secret).VersionIdsToStages
}

// Versions says how many versions a secret has, with and without labels.
func (s *Secrets) Versions(secret string) int { return len(s.describe(secret).VersionIdsToStages) }

func (s *Secrets) describe(secret string) *secretsmanager.DescribeSecretOutput {
	out, err := s.client.DescribeSecret(s.t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		s.t.Error(err)
		return &secretsmanager.DescribeSecretOutput{}
	}
	return out
}

func (s *Secrets) holder(secret, label string) string {
	for id, labels := range s.describe(secret).VersionIdsToStages {
		if slices.Contains(labels, label) {
			return id
		}
	}
	return ""
}

// PutPolicy puts a resource policy, as somebody else would.
func (s *Secrets) PutPolicy(secret, document string) {
	s.t.Helper()
	if _, err := s.client.PutResourcePolicy(s.t.Context(), &secretsmanager.PutResourcePolicyInput{SecretId: &secret, ResourcePolicy: &document}); err != nil {
		s.t.Fatal(err)
	}
}

// Policy reads a resource policy; empty when there is none.
func (s *Secrets) Policy(secret string) string {
	s.t.Helper()
	out, err := s.client.GetResourcePolicy(s.t.Context(), &secretsmanager.GetResourcePolicyInput{SecretId: &secret})
	if err != nil {
		s.t.Fatal(err)
	}
	return aws.ToString(out.ResourcePolicy)
}

// DeletePolicy deletes a resource policy, as somebody else would.
func (s *Secrets) DeletePolicy(secret string) {
	s.t.Helper()
	if _, err := s.client.DeleteResourcePolicy(s.t.Context(), &secretsmanager.DeleteResourcePolicyInput{SecretId: &secret}); err != nil {
		s.t.Fatal(err)
	}
}

// Key makes a KMS key with an alias, and gives its id and ARN.
func (w *World) Key(t *testing.T, alias string) (id, arn string) {
	t.Helper()
	client := kms.NewFromConfig(w.Config)
	out, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	id, arn = aws.ToString(out.KeyMetadata.KeyId), aws.ToString(out.KeyMetadata.Arn)
	if _, err := client.CreateAlias(t.Context(), &kms.CreateAliasInput{AliasName: &alias, TargetKeyId: &id}); err != nil {
		t.Fatal(err)
	}
	return id, arn
}

// Grant lets somebody decrypt with a key, and gives the grant's id.
func (w *World) Grant(t *testing.T, key, grantee string) string {
	t.Helper()
	out, err := kms.NewFromConfig(w.Config).CreateGrant(t.Context(), &kms.CreateGrantInput{
		KeyId: &key, GranteePrincipal: &grantee, Name: aws.String("for " + grantee[strings.LastIndex(grantee, "/")+1:]), Operations: []kmstypes.GrantOperation{kmstypes.GrantOperationDecrypt},
	})
	if err != nil {
		t.Fatal(err)
	}
	return aws.ToString(out.GrantId)
}

// Promptly ends rotations as soon as they are started.
func (s *Secrets) Promptly() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.promptly = true
}

// Finish lets the rotations that were started come to their end.
func (s *Secrets) Finish() {
	s.mu.Lock()
	running, play := s.running, s.rotate
	s.running = map[string]string{}
	s.mu.Unlock()
	for secret, version := range running {
		play(secret, version)
	}
}

// ServeHTTP answers in moto's place what moto does wrong.
func (s *Secrets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var in struct {
		SecretID           string `json:"SecretId"`
		ClientRequestToken string
		SecretString       string
	}
	_ = json.Unmarshal(body, &in) // of another service
	switch _, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), "."); {
	case strings.HasSuffix(r.URL.Path, "/invocations"), strings.HasSuffix(r.URL.Path, "/configuration"):
		s.lambda(w, r.URL.Path, body)
	case operation == "RotateSecret":
		s.rotateSecret(w, in.SecretID, in.ClientRequestToken)
	case operation == "PutSecretValue" && s.used(in.SecretID, in.ClientRequestToken) && s.Value(in.SecretID, in.ClientRequestToken) != in.SecretString:
		refuseJSON(w, "ResourceExistsException")
	case operation == "DescribeSecret":
		s.describeSecret(w, r, in.SecretID)
	default:
		s.moto.ServeHTTP(w, r)
	}
}

func refuseJSON(w http.ResponseWriter, code string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "as-aws-1")
	w.WriteHeader(http.StatusBadRequest)
	fmt.Fprintf(w, `{"__type":%q,"Message":"as AWS says"}`, code)
}

func (s *Secrets) used(secret, version string) bool {
	_, used := s.describe(secret).VersionIdsToStages[version]
	return used
}

func (s *Secrets) rotateSecret(w http.ResponseWriter, secret, token string) {
	now := s.describe(secret)
	pending, current := s.holder(secret, "AWSPENDING"), s.holder(secret, "AWSCURRENT")
	s.mu.Lock()
	rotator := s.rotators[aws.ToString(now.ARN)]
	s.mu.Unlock()
	switch {
	case s.used(secret, token):
	case pending != "" && pending != current, rotator == "" && aws.ToString(now.OwningService) == "":
		refuseJSON(w, "InvalidRequestException")
		return
	default:
		s.Put(secret, token, "value of "+token, "AWSPENDING")
		s.mu.Lock()
		s.running[aws.ToString(now.ARN)] = token
		promptly := s.promptly
		s.mu.Unlock()
		if promptly {
			s.Finish()
		}
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", "as-aws-1")
	fmt.Fprintf(w, `{"ARN":%q,"Name":%q,"VersionId":%q}`, aws.ToString(now.ARN), aws.ToString(now.Name), token)
}

func (s *Secrets) describeSecret(w http.ResponseWriter, r *http.Request, secret string) {
	recorded := httptest.NewRecorder()
	s.moto.ServeHTTP(recorded, r)
	var document map[string]any
	if recorded.Code == http.StatusOK && json.Unmarshal(recorded.Body.Bytes(), &document) == nil {
		versions, _ := document["VersionIdsToStages"].(map[string]any)
		for id, labels := range versions {
			if list, _ := labels.([]any); len(list) == 0 {
				delete(versions, id)
			}
		}
		s.mu.Lock()
		if rotator := s.rotators[fmt.Sprint(document["ARN"])]; rotator != "" {
			document["RotationEnabled"], document["RotationLambdaARN"] = true, rotator
		}
		s.mu.Unlock()
		if data, err := json.Marshal(document); err == nil {
			recorded.Body = bytes.NewBuffer(data)
			recorded.Header().Del("Content-Length")
		}
	}
	for name, values := range recorded.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(recorded.Body.Bytes())
	arn, _ := document["ARN"].(string)
	s.mu.Lock()
	version, running := s.running[arn]
	due := running && s.seen[version]
	s.seen[version] = running
	s.mu.Unlock()
	if due {
		s.Finish()
	}
}

// lambda runs a function, or tells its configuration.
func (s *Secrets) lambda(w http.ResponseWriter, path string, body []byte) {
	_, rest, _ := strings.Cut(path, "/functions/")
	name, what, _ := strings.Cut(rest, "/")
	name = name[strings.LastIndex(name, ":")+1:]
	s.mu.Lock()
	does, known := s.functions[name]
	s.mu.Unlock()
	w.Header().Set("X-Amzn-Requestid", "as-aws-1")
	payload := map[string]string{}
	switch {
	case !known, what == "invocations" && (does == nil || json.Unmarshal(body, &payload) != nil):
		w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
	case what == "configuration":
		fmt.Fprintf(w, `{"FunctionArn":"arn:aws:lambda:%s:%s:function:%s","Role":"arn:aws:iam::%s:role/service-role/%s-role"}`, Region, s.w.Account, name, s.w.Account, name)
	default:
		answer, fails := does(payload)
		if fails {
			w.Header().Set("X-Amz-Function-Error", "Unhandled")
		}
		_, _ = io.WriteString(w, answer)
	}
}
