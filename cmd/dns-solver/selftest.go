//go:build selftest

package main

import (
	"bytes"
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
	if misbehave, known := modes[os.Getenv("SELFTEST_MODE")]; known {
		if err := misbehave(); err != nil {
			return err
		}
	}
	s.records[token] = domain
	return s.tell(ctx, "present", domain, keyAuth)
}

var modes = map[string]func() error{
	"hang": func() error {
		time.Sleep(time.Hour)
		return nil
	},
	"slow": func() error {
		time.Sleep(6 * time.Second)
		return nil
	},
	"crash": func() error {
		_, _ = fmt.Fprintln(os.Stderr, os.Environ())
		os.Exit(3)
		return nil
	},
	"panic": func() error { panic(strings.Join(os.Environ(), " ")) },
	"print": func() error {
		fmt.Println(os.Environ())
		return nil
	},
	"rubbish": func() error {
		everywhere("{\"kind\": rubbish " + strings.Join(os.Environ(), " ") + "\n")
		return nil
	},
	"endless": func() error {
		for {
			everywhere(strings.Repeat("x", 4096))
		}
	},
	"leak": func() error { return errors.New("it went wrong with\n" + strings.Join(os.Environ(), "\n")) },
	"read": func() error {
		content, err := os.ReadFile(os.Getenv("SELFTEST_READ"))
		return fmt.Errorf("read %d bytes, error %v", len(content), err != nil)
	},
	"hoard": func() error {
		var held [][]byte
		for range 64 {
			held = append(held, bytes.Repeat([]byte{1}, 16<<20))
		}
		return fmt.Errorf("held %d blocks", len(held))
	},
	"exec": func() error {
		_, err := os.StartProcess("/proc/self/exe", []string{"x"}, &os.ProcAttr{})
		return fmt.Errorf("started: %t", err == nil)
	},
}

// everywhere writes to the answers, wherever they are.
func everywhere(text string) {
	for descriptor := 4; descriptor < 12; descriptor++ {
		var about unix.Stat_t
		if unix.Fstat(descriptor, &about) == nil && about.Mode&unix.S_IFMT == unix.S_IFIFO {
			_, _ = unix.Write(descriptor, []byte(text))
		}
	}
}

// CleanUp needs what Present remembered.
func (s *selftest) CleanUp(ctx context.Context, domain, token, keyAuth string) error {
	if _, known := s.records[token]; !known {
		return errors.New("unknown record ID")
	}
	if err := s.tell(ctx, "cleanup", domain, keyAuth); err != nil {
		return err
	}
	delete(s.records, token)
	return nil
}

func (s *selftest) tell(ctx context.Context, what, domain, keyAuth string) error {
	info := dns01.GetChallengeInfo(ctx, domain, keyAuth)
	query := url.Values{"what": {what}, "pid": {fmt.Sprint(os.Getpid())}, "fqdn": {info.EffectiveFQDN}}
	response, err := http.Get(os.Getenv("SELFTEST_URL") + "?" + query.Encode())
	if err != nil {
		return err
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}
