package api

import "testing"

func TestSourceMarkIsOfOneCertificate(t *testing.T) {
	mark := SourceMark("Gateway/infra/edge", "team", "web-tls")
	if got := MarkedSource(mark, "team", "web-tls"); got != "Gateway/infra/edge" {
		t.Errorf("got %q", got)
	}
	for _, other := range []struct{ mark, namespace, name string }{
		{mark, "other", "web-tls"}, {mark, "team", "copy-tls"}, {"", "team", "web-tls"}, {"Gateway/infra/edge", "team", "web-tls"},
		{"Gateway/infra/edge=", "team", "web-tls"}, {mark + "=", "team", "web-tls"},
	} {
		if got := MarkedSource(other.mark, other.namespace, other.name); got != "" {
			t.Errorf("%+v: got %q", other, got)
		}
	}
}
