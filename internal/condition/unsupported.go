package condition

import (
	"fmt"
	"reflect"
	"strings"

	v1 "github.com/certwright/certwright/api/v1"
)

// Unsupported names the fields of an issuer's spec that are accepted and not acted upon yet, each with
// what happens instead.
func Unsupported(spec *v1.IssuerSpec) []string {
	if spec.ACME == nil {
		return nil
	}
	var fields []string
	for i := range spec.ACME.Solvers {
		for _, field := range unsupportedSolver(&spec.ACME.Solvers[i]) {
			fields = append(fields, fmt.Sprintf("solvers[%d].%s", i, field))
		}
	}
	return fields
}

func unsupportedSolver(solver *v1.ACMESolver) []string {
	const routed = "(no route is made: lead /.well-known/acme-challenge/ of the name to the operator's solver Service)"
	var fields []string
	if http01 := solver.HTTP01; http01 != nil {
		if http01.GatewayHTTPRoute != nil {
			fields = append(fields, "http01.gatewayHTTPRoute "+routed)
		}
		if http01.Ingress != nil && !reflect.ValueOf(*http01.Ingress).IsZero() {
			fields = append(fields, "http01.ingress "+routed)
		}
	}
	if dns01 := solver.DNS01; dns01 != nil && (dns01.ACMEDNS != nil || dns01.Webhook != nil) {
		fields = append(fields, "dns01."+provider(dns01)+" (its challenges fail: use provider or rfc2136)")
	}
	return fields
}

// provider is the JSON name of the provider that is set.
func provider(solver *v1.DNS01Solver) string {
	value := reflect.ValueOf(*solver)
	for i := range value.NumField() {
		if field := value.Field(i); field.Kind() == reflect.Pointer && !field.IsNil() {
			name, _, _ := strings.Cut(value.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return "provider"
}
