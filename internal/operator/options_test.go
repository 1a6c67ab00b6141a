package operator

import (
	"io"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/certwright/certwright/api"
)

func TestCRLBaseURL(t *testing.T) {
	for url, good := range map[string]bool{
		"http://crl.example.com": true, "http://crl.example.com:8080/lists/": true, "http://[2001:db8::1]": true,
		"https://crl.example.com": false, "crl.example.com": false, "http://": false, "http://u:p@crl.example.com": false,
		"http://crl.example.com?a=b": false, "http://crl.example.com#a": false, "http://crl example.com": false,
	} {
		_, err := Parse([]string{"--crl-base-url=" + url}, io.Discard)
		if (err == nil) != good {
			t.Errorf("%s: %v", url, err)
		}
		if err != nil && !strings.Contains(err.Error(), "write http:// with a host") {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestAllowPrivateAddresses(t *testing.T) {
	for arguments, want := range map[string][]netip.Prefix{
		"": nil,
		"--allow-private-addresses=10.0.0.0/8,fd00::/8":                     {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		"--allow-private-addresses=10.0.0.53 --allow-private-addresses=::1": {netip.MustParsePrefix("10.0.0.53/32"), netip.MustParsePrefix("::1/128")},
	} {
		options, err := Parse(strings.Fields(arguments), io.Discard)
		if err != nil {
			t.Errorf("%s: %v", arguments, err)
			continue
		}
		policy, err := options.reach()
		if err != nil || policy.Unrestricted {
			t.Errorf("%s: %+v, %v", arguments, policy, err)
		}
		if diff := cmp.Diff(want, policy.Allowed, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", arguments, diff)
		}
	}
	const want = `--allow-private-addresses: "10.0.0.1/8" has bits outside its mask: write 10.0.0.0/8`
	if _, err := Parse([]string{"--allow-private-addresses=127.0.0.1,10.0.0.1/8"}, io.Discard); err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestRestartOptions(t *testing.T) {
	for arguments, want := range map[string]string{
		"": "",
		"--restart-on-renewal --restart-spread=0":                            "",
		"--restart-on-renewal --restart-spread=24h --restart-namespaces=a,b": "",
		"--restart-on-renewal --namespace=a,b --restart-namespaces=b":        "",
		"--restart-spread=25h":   "--restart-spread 25h0m0s is out of bounds: write 0 to 24h0m0s",
		"--restart-spread=-1s":   "--restart-spread -1s is out of bounds: write 0 to 24h0m0s",
		"--restart-namespaces=a": "--restart-namespaces needs --restart-on-renewal",
		"--restart-on-renewal --namespace=a --restart-namespaces=a,c": `--restart-namespaces "c" is not among those of --namespace: no certificates are kept there`,
	} {
		options, err := Parse(strings.Fields(arguments), io.Discard)
		if got := message(err); got != want {
			t.Errorf("%s: error %q, want %q", arguments, got, want)
		}
		// Without the flag, nothing is watched that needs a right of its own.
		if err == nil && len(cacheOptions(api.DefaultNames(), options).ByObject) != map[bool]int{false: 4, true: 7}[options.RestartOnRenewal] {
			t.Errorf("%s: wrong caches", arguments)
		}
	}
}

func TestSolverOptions(t *testing.T) {
	for arguments, want := range map[string]string{
		"": "",
		"--http01-solver=Pod --http01-solver-image=solver:1":                    "",
		"--http01-solver=Pod":                                                   "--http01-solver=Pod needs --http01-solver-image",
		"--http01-solver=Daemon":                                                `--http01-solver "Daemon" is unknown: write Shared or Pod`,
		"--http01-solver-requests=cpu=lots":                                     "--http01-solver-requests cpu=lots: write quantities of Kubernetes, such as cpu=10m,memory=16Mi",
		"--http01-solver-requests=cpu=200m":                                     "--http01-solver-requests cpu=200m is more than --http01-solver-limits cpu=100m: no such pod can be made",
		"--http01-solver-requests=cpu=200m --http01-solver-limits=memory=64Mi":  "",
		"--http01-nameservers=9.9.9.9":                                          `--http01-nameservers "9.9.9.9": write host:port, such as 9.9.9.9:53`,
		"--http01-solver-service=solver --http01-solver-bind-address=0":         "",
		"--tls-alpn01-solver-bind-address=:8443 --http01-solver-bind-address=0": "",
		"--tls-alpn01-solver-bind-address=0":                                    "",
		"--tls-alpn01-solver-bind-address=8443":                                 `--tls-alpn01-solver-bind-address "8443": write host:port, or 0 for none`,
		"--tls-alpn01-solver-bind-address=:https":                               `--tls-alpn01-solver-bind-address ":https": write host:port with a number for the port`,
		"--http01-solver-bind-address=:http":                                    `--http01-solver-bind-address ":http": write host:port with a number for the port`,
	} {
		_, err := Parse(strings.Fields(arguments), io.Discard)
		if got := message(err); got != want {
			t.Errorf("%s: error %q, want %q", arguments, got, want)
		}
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSourceOptions(t *testing.T) {
	for arguments, want := range map[string]string{
		"--default-issuer-name=a --default-issuer-kind=ClusterIssuer --default-issuer-group=example.com":   "",
		"--auto-certificate-annotations=example.com/a,b --extra-certificate-annotations=example.com/Owner": "",
		"--default-issuer-kind=ClusterIssuer":                                      "",
		"--extra-certificate-annotations=certwright.dev/issuer-name":               `--extra-certificate-annotations "certwright.dev/issuer-name" is one of the operator's own, which are read anyway: leave it out`,
		"--extra-certificate-annotations=acme.certwright.dev/a":                    `--extra-certificate-annotations "acme.certwright.dev/a" is one of the operator's own, which are read anyway: leave it out`,
		"--extra-certificate-annotations=certwright.dev/a --api-group=example.com": "",
	} {
		if _, err := Parse(strings.Fields(arguments), io.Discard); message(err) != want {
			t.Errorf("%s: error %q, want %q", arguments, message(err), want)
		}
	}
	for _, arguments := range []string{"--auto-certificate-annotations=/a", "--extra-certificate-annotations=a/b/c"} {
		if _, err := Parse([]string{arguments}, io.Discard); err == nil || !strings.Contains(err.Error(), "cannot be the key of an annotation") {
			t.Errorf("%s: %v", arguments, err)
		}
	}
}

// The defaults of the incumbent: whoever may write a ClusterIssuer may use the operator's identity.
func TestDNSSolver(t *testing.T) {
	options, err := Parse([]string{"--dns-solver=/dns-solver"}, io.Discard)
	if err != nil || options.DNSSolver != "/dns-solver" || options.AmbientIssuers || !options.AmbientClusterIssuers {
		t.Errorf("%+v, %v", options, err)
	}
	options, err = Parse([]string{"--issuer-ambient-credentials", "--cluster-issuer-ambient-credentials=false"}, io.Discard)
	if err != nil || !options.AmbientIssuers || options.AmbientClusterIssuers {
		t.Errorf("%+v, %v", options, err)
	}
	if _, err := Parse([]string{"--dns-solver=/dns-solver", "--dns-solver-socket=/run/socket"}, io.Discard); err == nil || !strings.Contains(err.Error(), "exclude each other") {
		t.Errorf("%v", err)
	}
}
