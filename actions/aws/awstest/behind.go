package awstest

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// Stand answers one operation in the emulator's place, where the emulator is
// wrong. Next lets the emulator answer, and gives what it said.
type Stand func(rw http.ResponseWriter, call Call, next func() (status int, body []byte))

// Behind puts stands between the proxy and the emulator, so that the faults of
// the proxy strike them as they would strike AWS. [Proxy.Answer] stands in front
// of the faults instead.
func (w *World) Behind(t *testing.T, stands map[string]Stand) {
	t.Helper()
	target := w.Proxy.target
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		next := func() (int, http.Header, []byte) {
			request, err := http.NewRequestWithContext(r.Context(), r.Method, target+r.URL.RequestURI(), bytes.NewReader(body))
			if err != nil {
				return http.StatusBadGateway, nil, []byte(err.Error())
			}
			request.Header = r.Header.Clone()
			answer, err := http.DefaultTransport.RoundTrip(request)
			if err != nil {
				return http.StatusBadGateway, nil, []byte(err.Error())
			}
			defer func() { _ = answer.Body.Close() }()
			text, err := io.ReadAll(answer.Body)
			if err != nil {
				return http.StatusBadGateway, nil, []byte(err.Error())
			}
			return answer.StatusCode, answer.Header, text
		}
		call := readCall(r, body)
		if stand, ok := stands[call.Operation]; ok {
			stand(rw, call, func() (int, []byte) {
				status, _, text := next()
				return status, text
			})
			return
		}
		status, header, text := next()
		for name, values := range header {
			rw.Header()[name] = values
		}
		rw.WriteHeader(status)
		_, _ = rw.Write(text)
	}))
	t.Cleanup(server.Close)
	w.Proxy.target = server.URL
}

// Rewriting is a stand that changes what the emulator says.
func Rewriting(change func(body []byte) []byte) Stand {
	return func(rw http.ResponseWriter, _ Call, next func() (int, []byte)) {
		status, body := next()
		rw.Header().Set("Content-Type", "text/xml")
		rw.WriteHeader(status)
		_, _ = rw.Write(change(body))
	}
}
