package source

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/certwright/certwright/api"
	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/condition"
)

// ParseList reads a list of values with commas between them. A value with a comma or a quote in it stands in double
// quotes, a quote in it is doubled, as in CSV (RFC 4180). Spaces around values, line breaks between them and empty
// ones do not count.
func ParseList(text string) ([]string, error) {
	reader := csv.NewReader(strings.NewReader(text))
	reader.FieldsPerRecord, reader.TrimLeadingSpace, reader.ReuseRecord = -1, true, true
	var values []string
	for {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, fmt.Errorf("write values with commas between them, each that has a comma or a quote in double quotes: %w", errors.Unwrap(err))
		}
		for _, value := range record {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
}

// ParseSecretTemplate reads a secretTemplate as JSON. It refuses fields that there are none of, and the operator's
// own annotations.
func ParseSecretTemplate(text string, names api.Names) (*v1.CertificateSecretTemplate, error) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.DisallowUnknownFields()
	var template *v1.CertificateSecretTemplate
	if err := decoder.Decode(&template); err != nil {
		return nil, fmt.Errorf(`write JSON such as {"annotations": {"a": "b"}, "labels": {"c": "d"}}: %w`, err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("write one JSON object and nothing after it")
	}
	if template == nil {
		return nil, errors.New("write a JSON object: null says nothing")
	}
	for key := range template.Annotations {
		own := strings.HasPrefix(key, names.Group+"/") || strings.HasPrefix(key, names.ACMEGroup+"/")
		if own && key != names.Annotation.AllowDirectInjection {
			return nil, fmt.Errorf("the annotation %s is the operator's own: remove it", key)
		}
	}
	return template, nil
}

// reader reads annotations and collects what is wrong with them.
type reader struct {
	annotations map[string]string
	problems    []string
}

// text is the value of an annotation, without spaces around it. One that is empty might as well not be there.
func (r *reader) text(key string) string { return strings.TrimSpace(r.annotations[key]) }

func (r *reader) refuse(key, format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf("annotation %s: %s", key, fmt.Sprintf(format, args...)))
}

func (r *reader) list(key string) []string {
	values, err := ParseList(r.annotations[key])
	if err != nil {
		r.refuse(key, "%s", err)
	}
	return values
}

func (r *reader) yes(key string) bool {
	text := r.text(key)
	if text == "" {
		return false
	}
	yes, err := strconv.ParseBool(text)
	if err != nil {
		r.refuse(key, `%q is neither "true" nor "false"`, quoted(text))
	}
	return yes
}

func (r *reader) duration(key string, least time.Duration) *metav1.Duration {
	text := r.text(key)
	if text == "" {
		return nil
	}
	duration, err := time.ParseDuration(text)
	if err != nil || duration < least {
		r.refuse(key, "write a duration of at least %s instead of %q, such as 360h", short(least), quoted(text))
		return nil
	}
	return &metav1.Duration{Duration: duration}
}

func short(duration time.Duration) string {
	text := strings.TrimSuffix(duration.String(), "0s")
	if trimmed, found := strings.CutSuffix(text, "h0m"); found {
		return trimmed + "h"
	}
	return text
}

func (r *reader) integer(key string, least, most int32) *int32 {
	text := r.text(key)
	if text == "" {
		return nil
	}
	number, err := strconv.ParseInt(text, 10, 32)
	if err != nil || int32(number) < least || int32(number) > most {
		r.refuse(key, "write a whole number from %d to %d instead of %q", least, most, quoted(text))
		return nil
	}
	result := int32(number)
	return &result
}

// choice reads one of a few words.
func choice[T ~string](r *reader, key string, words ...T) T {
	text := r.text(key)
	if text == "" {
		return ""
	}
	var known []string
	for _, word := range words {
		if text == string(word) {
			return word
		}
		known = append(known, string(word))
	}
	r.refuse(key, "write %s instead of %q", strings.Join(known, " or "), quoted(text))
	return ""
}

// quoted bounds what somebody else wrote, to be repeated in a message.
func quoted(text string) string {
	const most = 300
	return condition.Bounded(strings.Join(strings.Fields(text), " "), most)
}
