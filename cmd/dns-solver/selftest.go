//go:build selftest

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/go-acme/lego/v5/challenge"
	"github.com/go-acme/lego/v5/challenge/dns01"
	"golang.org/x/sys/unix"
)

func init() {
	providers["selftest"] = func() (challenge.Provider, error) { return &selftest{records: map[string]string{}}, nil }
}

// selftest is a provider, in test builds only, that does what a provider should not do.
type selftest struct{ records map[string]string }

// Present does what SELFTEST_MODE says, and then remembers the record and tells SELFTEST_URL of it.
func (s *selftest) Present(ctx context.Context, domain, token, keyAuth string) error {
	switch mode := os.Getenv("SELFTEST_MODE"); mode {
	case "hang":
		time.Sleep(time.Hour)
	case "crash":
		_, _ = fmt.Fprintln(os.Stderr, os.Environ())
		os.Exit(3)
	case "panic":
		panic(strings.Join(os.Environ(), " "))
	case "print":
		fmt.Println(os.Environ())
	case "rubbish":
		for descriptor := 4; descriptor < 12; descriptor++ {
			_, _ = unix.Write(descriptor, []byte("{\"kind\": rubbish "+strings.Join(os.Environ(), " ")+"\n"))
		}
	case "endless":
		for descriptor := 4; descriptor < 12; descriptor++ {
			go func() {
				for {
					if _, err := unix.Write(descriptor, []byte(strings.Repeat("x", 4096))); err != nil {
						return
					}
				}
			}()
		}
		time.Sleep(time.Hour)
	case "leak":
		return errors.New("it went wrong with\n" + strings.Join(os.Environ(), "\n"))
	case "read":
		content, err := os.ReadFile(os.Getenv("SELFTEST_READ"))
		return fmt.Errorf("read %d bytes, error %v", len(content), err != nil)
	case "exec":
		_, err := os.StartProcess("/proc/self/exe", []string{"x"}, &os.ProcAttr{})
		return fmt.Errorf("started: %t", err == nil)
	}
	s.records[token] = domain
	return s.tell(ctx, "present", domain, keyAuth)
}

// CleanUp needs what Present remembered.
func (s *selftest) CleanUp(ctx context.Context, domain, token, keyAuth string) error {
	if _, known := s.records[token]; !known {
		return errors.New("unknown record ID")
	}
	delete(s.records, token)
	return s.tell(ctx, "cleanup", domain, keyAuth)
}

func (s *selftest) tell(ctx context.Context, what, domain, keyAuth string) error {
	info := dns01.GetChallengeInfo(ctx, domain, keyAuth)
	query := url.Values{"what": {what}, "pid": {fmt.Sprint(os.Getpid())}, "fqdn": {info.EffectiveFQDN}}
	response, err := http.Get(os.Getenv("SELFTEST_URL") + "?" + query.Encode())
	if err != nil {
		return err
	}
	return response.Body.Close()
}
