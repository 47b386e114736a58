package awstest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// beside keeps what moto does not have of IAM: service-specific credentials,
// permissions boundaries of users, and the policies of AWS itself, which moto
// takes seconds to load into each world. So it keeps all attachments. It stands between the proxy and moto, so that
// the proxy's faults strike its operations as any others.
type beside struct {
	target string

	mu          sync.Mutex
	credentials []serviceCredential
	boundaries  map[string]string   // ARN by user
	attached    map[string][]string // ARNs by "User/name" and "Role/name"
}

type serviceCredential struct{ user, service, id, status string }

// Beside adds to moto what it does not have of IAM. From here on the world's
// readers see it too.
func (w *World) Beside(t *testing.T) {
	t.Helper()
	if w.beside != nil {
		return
	}
	w.beside = &beside{target: w.Proxy.target, boundaries: map[string]string{}, attached: map[string][]string{}}
	front := NewProxy(t, w.Proxy.target)
	for operation, answer := range map[string]http.HandlerFunc{
		"ListServiceSpecificCredentials":  w.beside.list,
		"UpdateServiceSpecificCredential": w.beside.update,
		"PutUserPermissionsBoundary":      w.beside.putBoundary,
		"DeleteUserPermissionsBoundary":   w.beside.deleteBoundary,
		"GetUser":                         w.beside.getUser,
	} {
		front.Answer("iam:"+operation, answer)
	}
	for _, kind := range []string{"User", "Role"} {
		front.Answer("iam:Attach"+kind+"Policy", w.beside.attach(kind))
		front.Answer("iam:Detach"+kind+"Policy", w.beside.detach(kind))
		front.Answer("iam:ListAttached"+kind+"Policies", w.beside.listAttached(kind))
	}
	w.Proxy.target = front.URL
	w.Config.BaseEndpoint = &front.URL
	w.IAM = iam.NewFromConfig(w.Config)
}

// ServiceCredential gives a user a credential for one service, such as
// codecommit.amazonaws.com, and tells its id. The world has to have [World.Beside].
func (w *World) ServiceCredential(t *testing.T, user, service string) string {
	t.Helper()
	w.Beside(t)
	w.beside.mu.Lock()
	defer w.beside.mu.Unlock()
	id := fmt.Sprintf("ACCA%016d", len(w.beside.credentials)+1)
	w.beside.credentials = append(w.beside.credentials, serviceCredential{user, service, id, "Active"})
	return id
}

// SetBoundary sets the permissions boundary of a user.
func (w *World) SetBoundary(t *testing.T, user, arn string) {
	t.Helper()
	w.Beside(t)
	if _, err := w.IAM.PutUserPermissionsBoundary(t.Context(), &iam.PutUserPermissionsBoundaryInput{UserName: &user, PermissionsBoundary: aws.String(arn)}); err != nil {
		t.Fatal(err)
	}
}

func (b *beside) list(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	user := r.PostFormValue("UserName")
	var members strings.Builder
	for _, c := range b.credentials {
		if c.user == user {
			fmt.Fprintf(&members, "<member><UserName>%s</UserName><Status>%s</Status><ServiceUserName>%s-at-%s</ServiceUserName><CreateDate>2026-01-01T00:00:00Z</CreateDate><ServiceSpecificCredentialId>%s</ServiceSpecificCredentialId><ServiceName>%s</ServiceName></member>",
				c.user, c.status, c.user, c.service, c.id, c.service)
		}
	}
	respond(w, "ListServiceSpecificCredentials", "<ServiceSpecificCredentials>"+members.String()+"</ServiceSpecificCredentials>")
}

func (b *beside) update(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	user, id := r.PostFormValue("UserName"), r.PostFormValue("ServiceSpecificCredentialId")
	i := slices.IndexFunc(b.credentials, func(c serviceCredential) bool { return c.user == user && c.id == id })
	if i < 0 {
		noSuchEntity(w)
		return
	}
	b.credentials[i].status = r.PostFormValue("Status")
	respond(w, "UpdateServiceSpecificCredential", "")
}

func (b *beside) putBoundary(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.boundaries[r.PostFormValue("UserName")] = r.PostFormValue("PermissionsBoundary")
	respond(w, "PutUserPermissionsBoundary", "")
}

func (b *beside) deleteBoundary(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	user := r.PostFormValue("UserName")
	if b.boundaries[user] == "" {
		noSuchEntity(w)
		return
	}
	delete(b.boundaries, user)
	respond(w, "DeleteUserPermissionsBoundary", "")
}

func (b *beside) attach(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		who, arn := kind+"/"+r.PostFormValue(kind+"Name"), r.PostFormValue("PolicyArn")
		if !slices.Contains(b.attached[who], arn) {
			b.attached[who] = append(b.attached[who], arn)
		}
		respond(w, "Attach"+kind+"Policy", "")
	}
}

func (b *beside) detach(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		who := kind + "/" + r.PostFormValue(kind+"Name")
		i := slices.Index(b.attached[who], r.PostFormValue("PolicyArn"))
		if i < 0 {
			noSuchEntity(w)
			return
		}
		b.attached[who] = slices.Delete(b.attached[who], i, i+1)
		respond(w, "Detach"+kind+"Policy", "")
	}
}

func (b *beside) listAttached(kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b.mu.Lock()
		defer b.mu.Unlock()
		var members strings.Builder
		for _, arn := range b.attached[kind+"/"+r.PostFormValue(kind+"Name")] {
			fmt.Fprintf(&members, "<member><PolicyName>%s</PolicyName><PolicyArn>%s</PolicyArn></member>", arn[strings.LastIndex(arn, "/")+1:], arn)
		}
		respond(w, "ListAttached"+kind+"Policies", "<AttachedPolicies>"+members.String()+"</AttachedPolicies>")
	}
}

// getUser passes the call on and adds the boundary to the answer.
func (b *beside) getUser(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	request, err := http.NewRequestWithContext(r.Context(), r.Method, b.target+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return
	}
	request.Header = r.Header.Clone()
	answer, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, name, _ := strings.Cut(string(text), "<UserName>")
	name, _, _ = strings.Cut(name, "<")
	b.mu.Lock()
	arn := b.boundaries[name]
	b.mu.Unlock()
	if arn != "" {
		limit := "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType><PermissionsBoundaryArn>" + arn + "</PermissionsBoundaryArn></PermissionsBoundary></User>"
		text = bytes.Replace(text, []byte("</User>"), []byte(limit), 1)
	}
	w.Header().Set("Date", answer.Header.Get("Date"))
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text)
}

func respond(w http.ResponseWriter, operation, result string) {
	w.Header().Set("Content-Type", "text/xml")
	_, _ = fmt.Fprintf(w, "<%[1]sResponse><%[1]sResult>%[2]s</%[1]sResult><ResponseMetadata><RequestId>beside-1</RequestId></ResponseMetadata></%[1]sResponse>", operation, result)
}

func noSuchEntity(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, "<ErrorResponse><Error><Code>NoSuchEntity</Code><Message>there is none</Message></Error><RequestId>beside-1</RequestId></ErrorResponse>")
}
