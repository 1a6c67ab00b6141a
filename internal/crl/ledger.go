package crl

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"time"

	v1 "github.com/certwright/certwright/api/v1"
	"github.com/certwright/certwright/internal/outcome"
	"github.com/certwright/certwright/internal/pki"
)

// Ends of the names of a Secret's entries. Each begins with the key's identifier.
const (
	listSuffix     = ".crl"
	expiriesSuffix = ".expiries"
	certSuffix     = ".crt"
	keySuffix      = ".key"
)

const (
	// maxKeys is how many keys of an issuer can have lists.
	maxKeys = 8
	// maxData is what the entries of a Secret may have together, in bytes, as the API server counts them.
	maxData = 1 << 20
)

// known is what a ledger is made of.
type known struct {
	// current is the key pair that signs certificates, nil if it cannot be read.
	current *pki.Signer
	// lists and keys are the entries of the two Secrets.
	lists, keys map[string][]byte
	// seen are the lists that this process has last seen or signed, by key identifier.
	seen map[string]copied
	// published are the lists that the issuer's status tells of.
	published []v1.CAIssuerCRL
}

// copied is a list as its Secret has it.
type copied struct{ der, expiries []byte }

// ledger is all lists of an issuer. It is not safe for concurrent use.
type ledger struct {
	known known
	lines map[string]*line
	// current is the identifier of the key that signs certificates, empty if there is none.
	current string
	signer  *pki.Signer
	// former is another CA certificate of the current key, if there is one.
	former *x509.Certificate
	// refusal says why the current key can have no list.
	refusal error
}

// line is one key of an issuer and its list.
type line struct {
	// signer is nil where nobody knows the key any more: its list stays as it is until it ends.
	signer *pki.Signer
	// kept is the pair as its Secret has it, if it does.
	kept pair
	copied
	// list is what der says, or what is known of it from elsewhere; nil if nothing is.
	list *pki.CRL
	// floor is the highest number that a list of this key is known to have had, or nil.
	floor *big.Int
	// cause says why the list in the Secret is not continued as it is, where it is not.
	cause string
	// signed says that there is another list than the one in the Secret.
	signed bool
}

type pair struct{ cert, key []byte }

// readLedger takes over what is known. What does not fit together is left out, and what a list lacks is found
// elsewhere, as far as it can be.
func readLedger(k known) *ledger {
	l := &ledger{known: k, lines: map[string]*line{}}
	l.readKeys(k.keys)
	l.readCurrent(k.current)
	for name, der := range k.lists {
		if id, ok := strings.CutSuffix(name, listSuffix); ok {
			l.line(id).copied = copied{der, k.lists[id+expiriesSuffix]}
		}
	}
	if l.signer != nil && l.lines[l.current] != nil && l.lines[l.current].signer == nil && l.refusal == nil {
		// The Secret with the keys was lost.
		l.lines[l.current].signer = l.signer
	}
	for id := range l.lines {
		l.read(id)
	}
	return l
}

// read finds what the list of a key is to go on from.
func (l *ledger) read(id string) {
	line, certs := l.lines[id], []*x509.Certificate(nil)
	if line.signer == nil {
		return
	}
	for _, list := range l.known.published {
		if number, ok := numberOf(list); ok && list.KeyID == id {
			line.raise(number)
		}
	}
	certs = append(certs, line.signer.Chain.Leaf())
	if id == l.current && l.former != nil {
		certs = append(certs, l.former)
	}
	line.read(l.known.seen[id], certs)
}

func (l *ledger) line(id string) *line {
	if l.lines[id] == nil {
		l.lines[id] = &line{}
	}
	return l.lines[id]
}

func (l *ledger) readKeys(keys map[string][]byte) {
	for name, cert := range keys {
		id, ok := strings.CutSuffix(name, certSuffix)
		if !ok {
			continue
		}
		signer, err := pki.ParseSigner(cert, keys[id+keySuffix], nil)
		if err != nil || signer.CanSignCRL() != nil {
			continue
		}
		if actual, err := signer.KeyID(); err == nil && actual == id {
			l.lines[id] = &line{signer: signer, kept: pair{cert, keys[id+keySuffix]}}
		}
	}
}

// readCurrent takes over the key that signs certificates. Where it has a list already, the CA certificate that
// ends later is the one to go on with.
func (l *ledger) readCurrent(signer *pki.Signer) {
	if signer == nil {
		return
	}
	id, err := signer.KeyID()
	if err != nil {
		l.refusal = err
		return
	}
	l.current, l.signer = id, signer
	kept := l.lines[id]
	switch err := signer.CanSignCRL(); {
	case err != nil:
		l.refusal = err
	case kept == nil && len(l.lines) >= maxKeys:
		l.refusal = fmt.Errorf("%d keys of the CA have revocation lists already: wait until the CA certificate of one has expired, "+
			"or take the entries of one that is not needed any more out of the Secret with the keys of the lists", maxKeys)
	case kept != nil && !pki.PublicKeysEqual(kept.signer.Key.Public(), signer.Key.Public()):
		l.refusal = errors.New("the CA certificate has the subject key identifier of another key that has a revocation list: " +
			"issue it with an identifier of its own")
	case kept != nil:
		l.former = signer.Chain.Leaf()
		if !kept.signer.Chain.Leaf().NotAfter.After(l.former.NotAfter) {
			l.former, kept.signer = kept.signer.Chain.Leaf(), signer
		}
	}
}

// admit gives the current key a list, if it has none.
func (l *ledger) admit() error {
	if l.refusal != nil || l.signer == nil {
		return l.refusal
	}
	if line := l.line(l.current); line.signer == nil {
		line.signer = l.signer
		l.read(l.current)
	}
	return nil
}

// signerOf finds the key that signed a certificate: the current one or one that has a list.
func (l *ledger) signerOf(leaf *x509.Certificate) (id string, found bool) {
	for id, line := range l.lines {
		if line.signer != nil && line.signer.Signed(leaf) {
			return id, true
		}
	}
	return l.current, l.signer != nil && l.signer.Signed(leaf)
}

// read finds what the list is to go on from. seen is what the process had before; certs are the CA certificates of
// the key, which may have different names: the first is the one that counts.
func (l *line) read(seen copied, certs []*x509.Certificate) {
	at, err := 0, error(nil)
	if l.der != nil {
		l.list, at, err = parse(l.copied, certs)
	}
	before := l.list
	if !bytes.Equal(l.der, seen.der) {
		before, _, _ = parse(seen, certs)
	}
	if before != nil {
		l.raise(before.Number)
	}
	switch {
	case err != nil:
		l.cause = "it was not a list that the CA's key signed"
	case at > 0:
		l.cause = "the CA certificate has another name now"
	case l.list == nil && l.floor != nil:
		l.cause = "it was missing"
	case l.list != nil && l.floor != nil && l.list.Number.Cmp(l.floor) < 0:
		l.cause = "it was older than the one before"
	}
	if l.cause != "" {
		l.list = pki.MergeCRLs(l.list, before)
	}
}

// parse reads a list that one of the certificates' key signed, and says which.
func parse(c copied, certs []*x509.Certificate) (*pki.CRL, int, error) {
	err := pki.ErrInvalidCRL
	for at, cert := range certs {
		var list *pki.CRL
		if list, err = pki.ParseCRL(c.der, cert); err == nil {
			// Without its expiry an entry merely stays for longer.
			_ = list.SetExpiries(c.expiries)
			return list, at, nil
		}
	}
	return nil, 0, err
}

// raise remembers that a list of this number was there.
func (l *line) raise(number *big.Int) {
	if l.floor == nil || l.floor.Cmp(number) < 0 {
		l.floor = number
	}
}

// numberOf reads what a status says. What cannot be the number of a list is none.
func numberOf(list v1.CAIssuerCRL) (*big.Int, bool) {
	number, ok := new(big.Int).SetString(list.Number, 10)
	return number, ok && number.Sign() >= 0 && len(number.Bytes()) < pki.MaxSerialOctets
}

// retire drops the keys that sign no more, with their lists: the CA certificate of a former key has expired, or
// nobody knows the key and the list has ended.
func (l *ledger) retire(now time.Time) {
	maps.DeleteFunc(l.lines, func(id string, line *line) bool {
		if end, ok := line.end(id == l.current); ok {
			return now.After(end)
		}
		return false
	})
}

// end is until when the key is kept, if that is known. The current one stays, even expired: the next CA
// certificate may be for the same key, and what was revoked has to stay so.
func (l *line) end(current bool) (time.Time, bool) {
	switch {
	case l.signer == nil:
		list, err := x509.ParseRevocationList(l.der)
		if err != nil {
			return time.Time{}, true
		}
		return list.NextUpdate, true
	case current:
		return time.Time{}, false
	}
	return l.signer.Chain.Leaf().NotAfter, true
}

// able says whether the key can sign now.
func (l *line) able(now time.Time) bool {
	return l.signer != nil && !now.Before(l.signer.Chain.Leaf().NotBefore) && !now.After(l.signer.Chain.Leaf().NotAfter)
}

// due says whether there has to be another list than the one in the Secret.
func (l *line) due(now time.Time) bool {
	return l.list == nil || l.cause != "" || !now.Before(l.list.Due())
}

// next begins the list after the one that is known.
func (l *line) next(now time.Time, lifetime time.Duration) *pki.CRL {
	next := l.list.Next(now, lifetime)
	if l.floor != nil && next.Number.Cmp(l.floor) <= 0 {
		next.Number.Add(l.floor, big.NewInt(1))
	}
	return next
}

// sign makes a list the one that is to be stored.
func (l *line) sign(list *pki.CRL) error {
	// The CA certificate alone says whose list it is: whether those above it are valid matters to nobody here.
	own := *l.signer
	own.Chain = own.Chain[:1]
	der, err := list.Sign(&own)
	if err != nil {
		return err
	}
	l.copied, l.list, l.signed = copied{der, list.Expiries()}, list, true
	return nil
}

// renew signs every list that is due. It gives the errors of those that could not be signed.
func (l *ledger) renew(now time.Time, lifetime time.Duration) error {
	var failures []error
	for _, id := range l.ids() {
		line := l.lines[id]
		if !line.able(now) || !line.due(now) {
			continue
		}
		if err := line.sign(line.next(now, lifetime)); err != nil {
			failures = append(failures, fmt.Errorf("the revocation list of key %s cannot be signed: %w", id, err))
		}
	}
	return errors.Join(failures...)
}

// ids are the identifiers of the keys, in order.
func (l *ledger) ids() []string { return slices.Sorted(maps.Keys(l.lines)) }

// revoke puts a certificate that the key signed on its list. It says whether it was there already.
func (l *line) revoke(entry pki.CRLEntry, now time.Time, lifetime time.Duration) (already bool, err error) {
	next := l.next(now, lifetime)
	added, err := next.Add(entry)
	if err != nil {
		return false, err
	}
	if _, already = l.entry(entry.Serial); !added && already && !l.due(now) {
		return true, nil
	}
	return already, l.sign(next)
}

func (l *line) entry(serial *big.Int) (pki.CRLEntry, bool) {
	if l.list == nil {
		return pki.CRLEntry{}, false
	}
	return l.list.Entry(serial)
}

// data are the entries of the two Secrets. It is refused if there are too many.
func (l *ledger) data() (lists, keys map[string][]byte, err error) {
	lists, keys = map[string][]byte{}, map[string][]byte{}
	for id, line := range l.lines {
		if line.der != nil {
			lists[id+listSuffix] = line.der
		}
		if line.expiries != nil {
			lists[id+expiriesSuffix] = line.expiries
		}
		if line.signer == nil {
			continue
		}
		kept, err := line.pair()
		if err != nil {
			return nil, nil, err
		}
		keys[id+certSuffix], keys[id+keySuffix] = kept.cert, kept.key
	}
	if size(lists) > maxData || size(keys) > maxData {
		return nil, nil, fmt.Errorf("%w: the revocation lists of the CA's keys would together not fit into their Secret: "+
			"certificates on the lists of former keys have to expire first; use another issuer until then", pki.ErrRefused)
	}
	return lists, keys, nil
}

// pair is what is kept of the key: as it is, as long as it says the same.
func (l *line) pair() (pair, error) {
	cert := pki.CertificatePEM(l.signer.Chain.Leaf())
	if bytes.Equal(cert, l.kept.cert) {
		return l.kept, nil
	}
	key, err := pki.EncodePrivateKey(l.signer.Key, pki.PKCS8)
	return pair{cert, key}, err
}

func size(data map[string][]byte) int {
	sum := 0
	for name, value := range data {
		sum += len(name) + len(value)
	}
	return sum
}

// again is when there will be something to do: a list to be signed, or a key to be dropped. It is zero where
// there is no list. Of a key that cannot sign, nothing is expected.
func (l *ledger) again(now time.Time) time.Time {
	var times []time.Time
	for id, line := range l.lines {
		if end, ok := line.end(id == l.current); ok {
			times = append(times, end.Add(time.Second))
		}
		if !line.able(now) || line.list == nil {
			continue
		}
		due := line.list.Due()
		if !due.After(now) {
			due = now.Add(retryPause)
		}
		times = append(times, due)
	}
	if len(times) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(times, time.Time.Compare)
}

// retryPause is the time until a list that is due is looked at again, after it could not be signed.
const retryPause = time.Minute

// refused is an error of signing or adding as an outcome.
func refused(err error) error {
	switch {
	case errors.Is(err, pki.ErrSigner):
		return outcome.WaitFor(v1.ReasonCRLNotPossible, "%v", err)
	case errors.Is(err, pki.ErrRefused):
		return outcome.Terminalf(outcome.ClassRefused, v1.ReasonCRLNotPossible, "%v", err)
	}
	return err
}
