package issued

import (
	"crypto/x509"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"

	v1 "github.com/certwright/certwright/api/v1"
)

// Kept is the data of a Secret that keeps certificates of one Certificate which are in no target Secret any
// more and may still have to be revoked: an entry for each, by its fingerprint.
type Kept map[string][]byte

const (
	entrySuffix = ".json"
	// mostEntries and mostBytes bound what is kept and read: a Secret holds 1 MiB.
	mostEntries = 512
	mostBytes   = 900 << 10
)

// entry is a kept certificate.
type entry struct {
	Certificate []byte       `json:"certificate"`
	Issuer      v1.IssuerRef `json:"issuerRef"`
	Account     string       `json:"account,omitempty"`
	Seal        string       `json:"seal"`
	// NotAfter is for programs that drop what has expired, without reading the certificate.
	NotAfter time.Time `json:"notAfter"`
}

// Add puts a record in and drops what has expired. It says whether that changed anything, and how many records
// had to make room: those that expire first.
func (e Kept) Add(key Key, r *Record, now time.Time) (changed bool, dropped int) {
	changed, _ = e.Prune(now)
	name := r.Fingerprint() + entrySuffix
	if _, there := e[name]; there {
		return changed, 0
	}
	data, err := json.Marshal(entry{
		Certificate: r.Leaf.Raw, Issuer: r.Issuer, Account: r.Account, Seal: key.Seal(r), NotAfter: r.Leaf.NotAfter.UTC(),
	})
	if err != nil || len(data) > mostBytes {
		return changed, 1
	}
	for e.Len() >= mostEntries || e.size()+len(data) > mostBytes && e.Len() > 0 {
		delete(e, e.firstToExpire())
		dropped++
	}
	e[name] = data
	return true, dropped
}

// Prune drops what has expired and what cannot be read, and says whether there was any, and when the next
// entry expires; the zero time means that none is left. What is no entry stays.
func (e Kept) Prune(now time.Time) (changed bool, next time.Time) {
	for name, data := range e {
		if !isEntry(name) {
			continue
		}
		expiry, ok := expiryOf(data)
		switch {
		case !ok || !now.Before(expiry):
			delete(e, name)
			changed = true
		case next.IsZero() || expiry.Before(next):
			next = expiry
		}
	}
	return changed, next
}

// Records are the entries that have their seal, of a Certificate, in the order of their names.
func (e Kept) Records(key Key, certificate types.NamespacedName) []*Record {
	var records []*Record
	for _, name := range slices.Sorted(maps.Keys(e)) {
		if !isEntry(name) || len(records) == mostEntries {
			continue
		}
		if record := read(key, certificate, e[name]); record != nil {
			records = append(records, record)
		}
	}
	return records
}

func read(key Key, certificate types.NamespacedName, data []byte) *Record {
	var said entry
	if json.Unmarshal(data, &said) != nil {
		return nil
	}
	leaf, err := x509.ParseCertificate(said.Certificate)
	if err != nil {
		return nil
	}
	record := &Record{Certificate: certificate, Issuer: said.Issuer, Account: said.Account, Leaf: leaf}
	if !key.Verify(record, said.Seal) {
		return nil
	}
	return record
}

func isEntry(name string) bool { return strings.HasSuffix(name, entrySuffix) }

func expiryOf(data []byte) (time.Time, bool) {
	var said struct {
		NotAfter time.Time `json:"notAfter"`
	}
	err := json.Unmarshal(data, &said)
	return said.NotAfter, err == nil
}

// Len is the number of entries, those without their seal included.
func (e Kept) Len() int {
	count := 0
	for name := range e {
		if isEntry(name) {
			count++
		}
	}
	return count
}

func (e Kept) size() int {
	total := 0
	for _, data := range e {
		total += len(data)
	}
	return total
}

func (e Kept) firstToExpire() string {
	var first string
	var earliest time.Time
	for _, name := range slices.Sorted(maps.Keys(e)) {
		expiry, _ := expiryOf(e[name])
		if isEntry(name) && (first == "" || expiry.Before(earliest)) {
			first, earliest = name, expiry
		}
	}
	return first
}
