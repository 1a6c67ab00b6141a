package issuance

import (
	"time"

	"github.com/certwright/certwright/internal/outcome"
)

// steps are the waits after the first, second, … failure in a row; the last one repeats. Those for
// a CA's refusal are the ones Let's Encrypt advises.
var steps = map[outcome.Class][]time.Duration{
	outcome.ClassRefused:    {time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour},
	outcome.ClassValidation: {time.Minute, 10 * time.Minute, 100 * time.Minute, 24 * time.Hour},
	// An attempt is given up for this only where another issuer can be asked.
	outcome.ClassUnavailable: {10 * time.Minute, 30 * time.Minute, time.Hour},
	outcome.ClassLocal:       {5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour},
}

// validationPause keeps us under the five failed validations per name and hour that CAs allow.
const validationPause = 12 * time.Minute

// Backoff is how long to wait after failures in a row of which the last was of class. remaining is
// the lifetime left on the certificate in the Secret, zero or less where there is none: a renewal
// is tried at least every sixth of it, so that a long outage of the CA does not outlive the
// certificate.
func Backoff(class outcome.Class, failures int, remaining time.Duration) time.Duration {
	of, ok := steps[class]
	if !ok {
		of = steps[outcome.ClassRefused]
	}
	wait := of[min(max(failures, 1), len(of))-1]
	if remaining <= 0 {
		return wait
	}
	wait = max(min(wait, remaining/6), of[0])
	if class == outcome.ClassValidation {
		wait = max(wait, validationPause)
	}
	return wait
}
