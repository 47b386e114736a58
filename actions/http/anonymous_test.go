package http

import (
	"net/url"
	"testing"
)

func TestAnonymous(t *testing.T) {
	for text, want := range map[string]bool{
		"https://api.github.com/credentials/revoke": true, "https://API.GitHub.com:443/credentials/revoke": true,
		"https://ghe.example.com/api/v3/credentials/revoke": false, "https://api.github.com.example.com/": false, "https://api.github.com:8443/": false,
	} {
		u, err := url.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := anonymous(u); got != want {
			t.Errorf("%s: got %v, want %v", text, got, want)
		}
	}
}
