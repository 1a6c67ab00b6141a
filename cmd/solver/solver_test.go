package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

const (
	thumbprint = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"
	first      = "token-1." + thumbprint
	second     = "token_2." + thumbprint
)

func TestAnswers(t *testing.T) {
	address := start(t, "www.example.test="+first, "[2001:db8::1]="+second)
	for name, test := range map[string]struct {
		method, path, host string
		status             int
		body               string
	}{
		"its challenge":           {http.MethodGet, challengePath + "token-1", "www.example.test", http.StatusOK, first},
		"in another spelling":     {http.MethodGet, challengePath + "token-1", "WWW.Example.test.:80", http.StatusOK, first},
		"without a body":          {http.MethodHead, challengePath + "token-1", "www.example.test", http.StatusOK, ""},
		"at an IPv6 address":      {http.MethodGet, challengePath + "token_2", "[2001:db8::1]:80", http.StatusOK, second},
		"a kubelet":               {http.MethodGet, healthPath, address, http.StatusOK, "ok\n"},
		"another name":            {http.MethodGet, challengePath + "token-1", "other.example.test", http.StatusNotFound, ""},
		"another's token":         {http.MethodGet, challengePath + "token_2", "www.example.test", http.StatusNotFound, ""},
		"no token":                {http.MethodGet, challengePath, "www.example.test", http.StatusNotFound, ""},
		"a path below":            {http.MethodGet, challengePath + "token-1/x", "www.example.test", http.StatusNotFound, ""},
		"what it does not answer": {http.MethodPost, challengePath + "token-1", "www.example.test", http.StatusNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			request, err := http.NewRequestWithContext(t.Context(), test.method, "http://"+address+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = test.host
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			if err := response.Body.Close(); err != nil {
				t.Error(err)
			}
			if err != nil || response.StatusCode != test.status || test.status == http.StatusOK && string(body) != test.body {
				t.Errorf("status %d, body %q, %v", response.StatusCode, body, err)
			}
		})
	}
}

// start serves on a free port until the test ends, and expects the server to end well then.
func start(t *testing.T, arguments ...string) string {
	t.Helper()
	handler, err := parseAnswers(arguments)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- serve(ctx, listener, handler) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// Bad arguments are refused before anything is answered, and none is repeated: they hold answers.
func TestArguments(t *testing.T) {
	for name, arguments := range map[string][]string{
		"none":               nil,
		"no name":            {"=" + first},
		"no answer":          {"www.example.test"},
		"no thumbprint":      {"www.example.test=token-1"},
		"a token that leads": {"www.example.test=../token." + thumbprint},
		"one of two":         {"www.example.test=" + first, "secret-name"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseAnswers(arguments)
			if err == nil || strings.Contains(err.Error(), "secret-name") {
				t.Errorf("error %v", err)
			}
		})
	}
	if err := run([]string{"-listen", "256.0.0.1:1", "www.example.test=" + first}); err == nil {
		t.Error("an address that cannot be listened at is no error")
	}
}
