package acme_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/certwright/certwright/internal/acme"
	"github.com/certwright/certwright/internal/testkit/acmetest"
)

func TestRevocation(t *testing.T) {
	script := startScript(t)
	script.On(acmetest.ScriptRevokeCert, acmetest.Reply{})
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	certificate := []byte{0xfb, 0xff}
	if _, err := client.RevokeCertificate(ctx, account, certificate, acme.RevocationKeyCompromise); err != nil {
		t.Fatal(err)
	}
	if _, err := client.RevokeCertificate(ctx, account, certificate, acme.RevocationUnspecified); err != nil {
		t.Fatal(err)
	}
	if _, err := client.RevokeCertificateByKey(ctx, newKey(t), certificate, acme.RevocationSuperseded); err != nil {
		t.Fatal(err)
	}
	wantPayloads(t, script, acmetest.ScriptRevokeCert,
		`{"certificate":"-_8","reason":1}`, `{"certificate":"-_8"}`, `{"certificate":"-_8","reason":4}`)
	requests := script.Requests(acmetest.ScriptRevokeCert)
	if requests[0].Protected["kid"] != account.URL || requests[0].Protected["jwk"] != nil {
		t.Errorf("as the account: protected header %v", requests[0].Protected)
	}
	if requests[2].Protected["jwk"] == nil || requests[2].Protected["kid"] != nil {
		t.Errorf("by the certificate's key: protected header %v", requests[2].Protected)
	}
}

func TestRevocationAnswers(t *testing.T) {
	tests := map[string]struct {
		reply   acmetest.Reply
		want    *acme.Revocation
		problem acme.ProblemType
	}{
		"revoked":         {acmetest.Reply{}, &acme.Revocation{}, ""},
		"revoked before":  {acmetest.ProblemReply(http.StatusBadRequest, "alreadyRevoked", "done"), &acme.Revocation{AlreadyRevoked: true}, ""},
		"bad reason":      {acmetest.ProblemReply(http.StatusBadRequest, "badRevocationReason", "no"), nil, acme.TypeBadRevocationReason},
		"another account": {acmetest.ProblemReply(http.StatusForbidden, "unauthorized", "no"), nil, acme.TypeUnauthorized},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			script := startScript(t)
			script.On(acmetest.ScriptRevokeCert, test.reply)
			client, account := scriptClient(t, script)
			got, err := client.RevokeCertificate(testContext(t), account, []byte("der"), acme.RevocationSuperseded)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("revocation (-want +got):\n%s", diff)
			}
			if (err != nil) != (test.problem != "") || (err != nil && !acme.IsProblem(err, test.problem)) {
				t.Errorf("error %v, want %q", err, test.problem)
			}
		})
	}
}

func TestRevocationArguments(t *testing.T) {
	script := startScript(t)
	client, account := scriptClient(t, script)
	ctx := testContext(t)
	for _, reason := range []acme.RevocationReason{-1, 7, 11} {
		if _, err := client.RevokeCertificate(ctx, account, []byte("der"), reason); err == nil {
			t.Errorf("reason %d: no error", reason)
		}
	}
	if _, err := client.RevokeCertificate(ctx, account, nil, acme.RevocationUnspecified); err == nil {
		t.Error("no certificate: no error")
	}
	if len(script.Requests("")) != 0 {
		t.Error("a request was made that cannot succeed")
	}
}
