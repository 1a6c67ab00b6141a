package wire_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/certwright/certwright/internal/dnssolver/wire"
)

func TestMessages(t *testing.T) {
	var line bytes.Buffer
	sent := wire.Request{Action: wire.Present, ID: "a", Variables: map[string]string{"KEY": "line\nbreak"}}
	if err := wire.Write(&line, sent); err != nil {
		t.Fatal(err)
	}
	received := wire.Request{}
	if err := wire.Read(wire.NewReader(&line), &received); err != nil || received.Variables["KEY"] != "line\nbreak" {
		t.Errorf("%+v, %v", received, err)
	}
	huge := wire.Request{Variables: map[string]string{"KEY": strings.Repeat("x", wire.MaxLine)}}
	if err := wire.Write(&line, huge); err == nil || line.Len() > 0 {
		t.Errorf("a message too long to be read is written: %v", err)
	}
	for text, want := range map[string]error{
		"":                                  io.EOF,
		"{\"kind\":":                        wire.ErrRubbish,
		"rubbish\n":                         wire.ErrRubbish,
		strings.Repeat("x", wire.MaxLine+1): wire.ErrRubbish,
	} {
		if err := wire.Read(wire.NewReader(strings.NewReader(text)), &wire.Answer{}); !errors.Is(err, want) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestClean(t *testing.T) {
	key := "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\n-----END KEY-----\n"
	for name, test := range map[string]struct {
		text    string
		secrets []string
		want    string
	}{
		"nothing to hide":    {"hetzner: no zone example.com", []string{"token"}, "hetzner: no zone example.com"},
		"in plain":           {"bad token s3cr3t!", []string{"s3cr3t"}, "bad token ***!"},
		"one within another": {"abcdef abc", []string{"abc", "abcdef"}, "*** ***"},
		"in a URL":           {"GET /?key=a%2Fb+c", []string{"a/b c"}, "GET /?key=***"},
		"quoted":             {`{"key":"a\"b\nc"}`, []string{"a\"b\nc"}, `{"key":"***"}`},
		"without its end":    {"GET /?key=a%2Fb", []string{"a/b\n"}, "GET /?key=***"},
		"basic":              {"Basic " + base64.StdEncoding.EncodeToString([]byte("user:pass")), []string{"user", "pass"}, "Basic ***"},
		"basic, of a known user": {
			"Basic " + base64.StdEncoding.EncodeToString([]byte("alice:s3cr3t")) + ", Basic " + base64.StdEncoding.EncodeToString([]byte("bob:s3cr3t")) +
				", Basic " + base64.URLEncoding.EncodeToString([]byte("carol:s3c>?t")),
			[]string{"s3cr3t", "s3c>?t"}, "Basic YWxpY2U6***, Basic Ym9iOn***A==, Basic Y2Fyb2w6***",
		},
		"JSON of Go":      {`{"key":"a\u003cb\u0026c\u003e"}`, []string{"a<b&c>"}, `{"key":"***"}`},
		"JSON of PHP":     {`{"key":"a\/b+c\/\u00e9"}`, []string{"a/b+c/é"}, `{"key":"***"}`},
		"in a page":       {"<p>a&lt;b&amp;c&#39;d</p>", []string{"a<b&c'd"}, "<p>***</p>"},
		"in a URL, small": {"GET /?key=a%2fb%3d%3d", []string{"a/b=="}, "GET /?key=***"},
		"a line of a key": {"cannot parse MIIEvQIBADANBgkq", []string{key}, "cannot parse ***"},
		"one of a list": {
			"incorrect pair: b.test:s3:cr3t-b; wrong s3cr3t-a", []string{"a.test:s3cr3t-a, b.test:s3:cr3t-b\n"},
			"incorrect pair: ***; wrong ***",
		},
		"several lines":     {"a\n\tb\x00\x1b[31m", nil, "a b[31m"},
		"an address":        {"dial tcp 10.1.2.3:443: i/o timeout", nil, "dial tcp: i/o timeout"},
		"a server of names": {"lookup api.example.com on 10.96.0.10:53: no such host", nil, "lookup api.example.com: no such host"},
		"an IPv6 address":   {"dial tcp [fd00::1]:443: refused", nil, "dial tcp: refused"},
		"both ends":         {"read tcp 10.1.2.3:5000->1.2.3.4:443: reset", nil, "read tcp: reset"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wire.Clean(test.text, test.secrets); got != test.want {
				t.Errorf("%q", got)
			}
		})
	}
	if long := wire.Clean(strings.Repeat("é", 4000), nil); len(long) > wire.MaxError || !utf8.ValidString(long) {
		t.Errorf("%d bytes, valid %t", len(long), utf8.ValidString(long))
	}
}

// Many long secrets, which a tenant chooses, cost no memory to speak of.
func TestCleanIsFrugal(t *testing.T) {
	var secrets []string
	for i := range 25 {
		secrets = append(secrets, strings.Repeat(string(rune('a'+i)), 10<<10))
	}
	for text, most := range map[string]uint64{"": 64 << 10, "no zone example.com": 2 << 20, strings.Repeat("y no zone ", 5<<10): 16 << 20} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		wire.Clean(text, secrets)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > most {
			t.Errorf("%.20q takes %d KiB", text, used>>10)
		}
	}
}

// No text lets a secret through, wherever it stands.
func FuzzClean(f *testing.F) {
	f.Add("before", "s3cr3t-value", "after")
	f.Add("\n", "a b\"c", "")
	f.Add("***", "**", "10.0.0.1:53")
	f.Fuzz(func(t *testing.T, before, secret, after string) {
		clean := wire.Clean(before+secret+after, []string{secret})
		if len(secret) >= 8 && strings.Contains(clean, secret) {
			t.Errorf("%q shows %q", clean, secret)
		}
		if len(clean) > wire.MaxError || strings.ContainsAny(clean, "\n\r") {
			t.Errorf("%q", clean)
		}
	})
}
