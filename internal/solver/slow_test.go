package solver_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/solver"
	"github.com/certwright/certwright/internal/solver/internal/dnstest"
)

// A server that is late with each of many answers, and with none so late that it would be given up for it, does not hold a
// worker until it has given the last.
func TestASlowServerIsLeft(t *testing.T) {
	const late, patience = 50 * time.Millisecond, 200 * time.Millisecond
	updates := challenge(true, v1.DNS01Solver{RFC2136: &v1.RFC2136Provider{}})
	updates.Progress.RecordName = strings.Repeat("a.", 60) // as many zones to ask for
	follows := challenge(true, v1.DNS01Solver{CNAMEStrategy: v1.CNAMEFollow})
	for name, call := range map[string]func(s *solver.Solvers, server string) error{
		"Present": func(s *solver.Solvers, server string) error {
			updates.Progress.Solver.DNS01.RFC2136.Nameserver = server
			return s.Present(t.Context(), updates)
		},
		"CleanUp": func(s *solver.Solvers, server string) error {
			updates.Progress.Solver.DNS01.RFC2136.Nameserver = server
			return s.CleanUp(t.Context(), updates)
		},
		"RecordName": func(s *solver.Solvers, server string) error {
			follows.Progress.Solver.DNS01.Nameservers = []string{server}
			_, err := s.RecordName(t.Context(), follows)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := dnstest.Start(t, dnstest.Reply(func(_ string, question, answer *dns.Msg) {
				lateness, cancel := context.WithTimeout(t.Context(), late)
				defer cancel()
				<-lateness.Done()
				if asked := question.Question[0]; asked.Qtype == dns.TypeCNAME {
					answer.Answer = []dns.RR{&dns.CNAME{
						Hdr: dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET}, Target: "x" + asked.Name,
					}}
				}
			}))
			if err := call(&solver.Solvers{CallTimeout: patience}, server.Addr); err == nil {
				t.Error("no error")
			}
			if asked := len(server.Networks()); asked > int(patience/late)+1 {
				t.Errorf("%d questions", asked)
			}
		})
	}
}
