package http_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/firebreak-ir/firebreak/actions"
	httpaction "github.com/firebreak-ir/firebreak/actions/http"
)

func TestRefused(t *testing.T) {
	all := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for _, tt := range []struct {
		addr    string
		refused bool
		wide    bool // refused although everything is opened
	}{
		{"93.184.215.14", false, false},
		{"2606:2800:21f:cb07:6820:80da:af6b:8b2c", false, false},
		{"64:ff9b::5db8:d70e", false, false}, // NAT64 of a public address: how IPv6-only networks reach it
		{"127.0.0.1", true, false}, {"127.8.8.8", true, false}, {"::1", true, false},
		{"0.0.0.0", true, false}, {"::", true, false}, {"0.1.2.3", true, false},
		{"10.0.0.1", true, false}, {"172.16.0.1", true, false}, {"172.31.255.255", true, false}, {"192.168.1.1", true, false}, {"fd12::1", true, false},
		{"172.32.0.1", false, false},
		{"100.64.0.1", true, false}, {"100.127.255.255", true, false}, {"100.128.0.1", false, false},
		{"169.254.1.1", true, false}, {"fe80::1", true, false}, {"fec0::1", true, false},
		{"224.0.0.1", true, false}, {"ff02::1", true, false}, {"255.255.255.255", true, false}, {"240.0.0.1", true, false},
		{"192.0.2.1", true, false}, {"198.18.0.1", true, false}, {"198.51.100.1", true, false}, {"203.0.113.1", true, false}, {"192.88.99.1", true, false},
		{"169.254.169.254", true, true}, {"169.254.170.2", true, true}, {"fd00:ec2::254", true, true}, {"100.100.100.200", true, true}, {"168.63.129.16", true, true},
		{"::ffff:169.254.169.254", true, true},
		{"::ffff:127.0.0.1", true, false}, {"::ffff:10.0.0.1", true, false}, {"::7f00:1", true, false}, {"::127.0.0.1", true, false},
		{"64:ff9b::7f00:1", true, false}, {"64:ff9b::a9fe:a9fe", true, true}, {"64:ff9b::a83f:8110", true, true}, {"64:ff9b:1::1", true, false},
		{"2002:7f00:1::", true, false}, {"2002:a9fe:a9fe::1", true, true}, {"2002:5db8:d70e::1", false, false},
		{"2001::1", true, false}, {"2001:db8::1", true, false}, {"3fff::1", true, false}, {"2600::5efe:7f00:1", true, false}, {"2600::200:5efe:a00:1", true, false},
		{"100::1", true, false}, {"4000::1", true, false}, {"5f00::1", true, false},
	} {
		addr := netip.MustParseAddr(tt.addr)
		if why := httpaction.Refused(addr, nil); (why != "") != tt.refused {
			t.Errorf("%s: got %q, want refused %v", tt.addr, why, tt.refused)
		}
		if why := httpaction.Refused(addr, all); (why != "") != tt.wide {
			t.Errorf("%s with everything opened: got %q, want refused %v", tt.addr, why, tt.wide)
		}
	}
	single := []netip.Prefix{netip.MustParsePrefix("169.254.169.254/32")}
	if why := httpaction.Refused(netip.MustParseAddr("169.254.169.254"), single); why != "" {
		t.Errorf("a metadata address that is opened by itself: %s", why)
	}
	for _, addr := range []netip.Addr{{}, netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::1%lo")} {
		if httpaction.Refused(addr, all) == "" {
			t.Errorf("%v may be dialled", addr)
		}
	}
}

// tripwire is a server on this machine that must not be reached.
func tripwire(t *testing.T) (port string, touched *atomic.Int32) {
	t.Helper()
	touched = new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{}`)) }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			touched.Add(1)
		}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port, touched
}

// A listed name that leads inside is not followed, whatever form its address
// has, and however often it changes its mind.
func TestNamesThatLeadInside(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:1")
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("ALL_PROXY", "http://127.0.0.1:1")
	public := netip.MustParseAddr("192.88.99.7") // refused too, and unreachable
	for _, tt := range []struct {
		name    string
		answers [][]netip.Addr // of one look-up after the other
		says    string
	}{
		{"loopback", [][]netip.Addr{{netip.MustParseAddr("127.0.0.1")}}, "loopback"},
		{"mapped", [][]netip.Addr{{netip.MustParseAddr("::ffff:127.0.0.1")}}, "loopback"},
		{"six", [][]netip.Addr{{netip.MustParseAddr("::1")}}, "loopback"},
		{"metadata", [][]netip.Addr{{netip.MustParseAddr("169.254.169.254")}}, "metadata"},
		{"rebinding", [][]netip.Addr{{public}, {netip.MustParseAddr("127.0.0.1")}}, "relay"},
		{"several", [][]netip.Addr{{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("127.0.0.1")}}, "private"},
		{"no address", [][]netip.Addr{{{}}}, "no plain IP address"},
		{"an interface", [][]netip.Addr{{netip.MustParseAddr("::1%lo")}}, "no plain IP address"},
		{"nothing", [][]netip.Addr{{}}, "has no address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			port, touched := tripwire(t)
			lookups := 0
			o := httpaction.Options{Hosts: []string{"api.example.com:" + port}, Timeout: time.Second, Resolve: func(_ context.Context, _, host string) ([]netip.Addr, error) {
				if host != "api.example.com" {
					return nil, errors.New("asked for " + host)
				}
				lookups++
				return tt.answers[min(lookups, len(tt.answers))-1], nil
			}}
			step := newStep(t, o, "http.get", map[string]any{"url": "https://api.example.com:" + port + "/"})
			step.plan()
			err := step.execute()
			if err == nil || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "nothing was sent") {
				t.Errorf("got %v, want %q", err, tt.says)
			}
			if tt.name != "nothing" && actions.ClassOf(err) != actions.Invalid {
				t.Errorf("got class %s, want %s", actions.ClassOf(err), actions.Invalid)
			}
			if lookups != 1 || touched.Load() != 0 {
				t.Errorf("got %d look-ups and %d connections, want 1 and 0", lookups, touched.Load())
			}
		})
	}
}

// What is on the list is the name, and the name is in its usual form.
func TestHosts(t *testing.T) {
	port, touched := tripwire(t)
	o := httpaction.Options{Hosts: []string{"api.example.com", "localhost:" + port, "[::1]:" + port}, Timeout: time.Second}
	for _, u := range []string{
		"https://other.example.com/", "https://api.example.com.evil.example/", "https://api.example.com:8443/", "https://api.example.com./",
		"https://127.0.0.1:" + port, "https://2130706433:" + port, "https://0x7f.1:" + port, "https://0177.0.0.1:" + port, "https://127.1:" + port, "https://[::ffff:127.0.0.1]:" + port,
		"https://api.example.com@127.0.0.1:" + port, "https://127.0.0.1:" + port + "#@api.example.com/", "https://api.example.com%00.evil/", "https://api.example.com\\@evil/",
		"http://api.example.com/", "http://api.example.com:443/", "ftp://api.example.com/", "file:///etc/passwd", "//api.example.com/", "api.example.com", "https:api.example.com", "https:///x", "",
		"https://user:pass@api.example.com/", "https://ａpi.example.com/", "https://api.example.com/a/../b", "https://api.example.com/a/%2e%2E/b", "https://api.example.com/a/%2e%2e%2fb",
		"https://api.example.com/?token=x", "https://api.example.com/?a=1&API_KEY=x", "https://api.example.com/?a=%zz", "https://api.example.com/?a=1;b=2", "https://api.example.com/secret://env/X",
		"https://api.example.com:0443/", "https://api.example.com:/", "https://api.example.com/\x00", "https://api.example.com/%0a",
	} {
		step := newStep(t, o, "http.get", map[string]any{"url": u})
		if _, err := step.handler.Plan(t.Context(), step.call, step.params); actions.ClassOf(err) != actions.Invalid {
			t.Errorf("%q: got %v, want class %s", u, err, actions.Invalid)
		}
		if err := step.execute(); actions.ClassOf(err) != actions.Invalid {
			t.Errorf("%q: got %v, want class %s", u, err, actions.Invalid)
		}
	}
	step := newStep(t, o, "http.get", map[string]any{"url": "https://other.example.com/"})
	step.is(step.execute(), actions.Invalid, `add it to http.hosts in the configuration, as "other.example.com"`)
	for _, u := range []string{"https://api.example.com/x?page_token=7", "https://API.example.com:443/", "https://localhost:" + port, "http://localhost:" + port} {
		step := newStep(t, o, "http.get", map[string]any{"url": u})
		step.plan()
	}
	// Listed, and inside all the same: the list opens names, Private opens ranges.
	for _, u := range []string{"https://localhost:" + port, "http://localhost:" + port, "https://[::1]:" + port} {
		step := newStep(t, o, "http.get", map[string]any{"url": u})
		step.is(step.execute(), actions.Invalid, "http.private")
	}
	if touched.Load() != 0 {
		t.Errorf("got %d connections, want none", touched.Load())
	}
}

// Plain http stays on this machine, even when its name leads to a range that is open.
func TestPlainStaysHere(t *testing.T) {
	o := httpaction.Options{Hosts: []string{"localhost:80"}, Private: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Timeout: time.Second,
		Resolve: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
		}}
	step := newStep(t, o, "http.get", map[string]any{"url": "http://localhost/"})
	step.plan()
	step.is(step.execute(), actions.Invalid, "must be encrypted")
}

// A server that cannot prove its name is not sent anything.
func TestCertificates(t *testing.T) {
	var requests atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	here := func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	o := httpaction.Options{Hosts: []string{"example.com:" + port, "wrong.example.org:" + port}, Private: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, Resolve: here, Timeout: time.Second}
	step := newStep(t, o, "http.get", map[string]any{"url": "https://example.com:" + port})
	step.is(step.execute(), actions.Precondition, "cannot prove that it is")
	o.Roots = server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if err := newStep(t, o, "http.get", map[string]any{"url": "https://example.com:" + port}).execute(); err != nil {
		t.Error(err)
	}
	step = newStep(t, o, "http.get", map[string]any{"url": "https://wrong.example.org:" + port})
	step.is(step.execute(), actions.Precondition, "cannot prove that it is")
	if requests.Load() != 1 {
		t.Errorf("got %d requests, want 1", requests.Load())
	}
}

func TestConfiguration(t *testing.T) {
	for _, tt := range []struct {
		name string
		o    httpaction.Options
		says string
	}{
		{"number", httpaction.Options{Hosts: []string{"2130706433"}}, "http.hosts: \"2130706433\""},
		{"url", httpaction.Options{Hosts: []string{"https://a.example"}}, "http.hosts"},
		{"wildcard", httpaction.Options{Hosts: []string{"*.example.com"}}, "http.hosts"},
		{"port", httpaction.Options{Hosts: []string{"a.example:99999"}}, "from 1 to 65535"},
		{"secret for a stranger", httpaction.Options{HostSecrets: map[string][]string{"a.example": {"secret://env/X"}}}, "not among the hosts"},
		{"value for a secret", httpaction.Options{Hosts: []string{"a.example"}, HostSecrets: map[string][]string{"a.example": {"hunter2"}}}, "never as the value"},
		{"plain okta", httpaction.Options{Okta: httpaction.Okta{URL: "http://example.okta.com"}}, "okta.url"},
		{"okta's token", httpaction.Options{Okta: httpaction.Okta{Token: "00abc"}}, "okta.token"},
		{"okta's scheme", httpaction.Options{Okta: httpaction.Okta{Scheme: "Basic"}}, "okta.scheme"},
		{"github with a query", httpaction.Options{GitHub: httpaction.GitHub{URL: "https://ghe.example/api/v3?x=1"}}, "github.url"},
		{"pagerduty's key", httpaction.Options{PagerDuty: httpaction.PagerDuty{RoutingKey: "0123"}}, "pagerduty.routing_key"},
	} {
		if _, err := httpaction.New(tt.o); err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.says)
		}
	}
}

// FuzzReach holds that no URL and no answer of a resolver leads to an address
// that is refused: the only connection that may ever be made is to the tripwire
// of this test, and it never is.
func FuzzReach(f *testing.F) {
	touched := new(atomic.Int32)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			touched.Add(1)
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for _, seed := range []string{"https://api.example.com/x", "http://localhost:PORT/", "https://127.0.0.1:PORT/", "https://[::ffff:127.0.0.1]:PORT/", "https://0x7f000001:PORT/", "https://api.example.com@127.0.0.1:PORT/", "https://127.1:PORT/a?b#c"} {
		f.Add(seed, []byte{127, 0, 0, 1})
		f.Add(seed, netip.MustParseAddr("64:ff9b::7f00:1").AsSlice())
	}
	f.Fuzz(func(t *testing.T, text string, bytes []byte) {
		addr, ok := netip.AddrFromSlice(bytes)
		if ok && httpaction.Refused(addr, nil) == "" {
			return // a public address: nothing to see, and tests stay on this machine
		}
		text = strings.ReplaceAll(text, "PORT", port)
		hosts := []string{"api.example.com", "api.example.com:" + port, "localhost:" + port}
		if u, err := url.Parse(text); err == nil {
			if _, err := httpaction.New(httpaction.Options{Hosts: []string{u.Host}}); err == nil {
				if a, err := netip.ParseAddr(u.Hostname()); err != nil || httpaction.Refused(a, nil) != "" {
					hosts = append(hosts, u.Host) // even a host that somebody listed
				}
			}
		}
		p, err := httpaction.New(httpaction.Options{Hosts: hosts, Timeout: time.Second, Resolve: func(context.Context, string, string) ([]netip.Addr, error) {
			return []netip.Addr{addr}, nil
		}})
		if err != nil {
			t.Fatal(err)
		}
		r := actions.NewRegistry()
		p.Register(r)
		h, _ := r.Handler("http.get")
		params, err := json.Marshal(map[string]any{"url": text})
		if err != nil {
			t.Skip("this text cannot be a parameter: ", err)
		}
		before := touched.Load()
		if _, err := h.Execute(t.Context(), call(), params); err == nil || actions.ClassOf(err) != actions.Invalid {
			t.Errorf("%q with %v: got %v, want class %s", text, addr, err, actions.Invalid)
		}
		if touched.Load() != before {
			t.Errorf("%q with %v: it connected", text, addr)
		}
	})
}
