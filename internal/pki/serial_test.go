package pki_test

import (
	"bytes"
	"crypto/x509"
	"math/big"
	"os/exec"
	"strings"
	"testing"

	"github.com/certwright/certwright/internal/pki"
)

func TestParseSerial(t *testing.T) {
	twenty := strings.Repeat("f1", 20)
	for _, test := range []struct{ name, text, want string }{
		{"openssl x509 -serial", "04AB12", "04AB12"},
		{"openssl x509 -text", "04:ab:12", "04AB12"},
		{"no leading zero", "4ab12", "04AB12"},
		{"0x", "0x4Ab12", "04AB12"},
		{"0X", "0X04AB12", "04AB12"},
		{"one digit", "7", "07"},
		{"short first octet", "4:ab:12", "04AB12"},
		{"the encoding of a high bit", "00:ab:12", "AB12"},
		{"leading zeros", "000004AB12", "04AB12"},
		{"zero", "0", "00"},
		{"digits alone are hex", "10", "10"},
		{"20 octets", twenty, strings.ToUpper(twenty)},
		{"20 octets and a zero", "00" + twenty, strings.ToUpper(twenty)},
		{"20 octets with colons", "00" + strings.Repeat(":f1", 20), strings.ToUpper(twenty)},
	} {
		t.Run(test.name, func(t *testing.T) {
			serial, err := pki.ParseSerial(test.text)
			if err != nil {
				t.Fatal(err)
			}
			if got := pki.FormatSerial(serial); got != test.want {
				t.Errorf("%q is %s, want %s", test.text, got, test.want)
			}
		})
	}
}

func TestParseSerialRefuses(t *testing.T) {
	for _, text := range []string{
		"", "0x", "-1", "+1", "0x-1", "1 2", " 1", "1\n", "0x1:2", "1:2", "1:22:", ":22", "1::22", "111:22", "1_0", "serial=1",
		"01" + strings.Repeat("f1", 20), "01" + strings.Repeat(":f1", 20), "0000" + strings.Repeat("f1", 20), "g", "０",
	} {
		if serial, err := pki.ParseSerial(text); err == nil {
			t.Errorf("%q is read as %s", text, pki.FormatSerial(serial))
		} else {
			wantError(t, err, "at most 20 octets in hex, such as 04AB12")
		}
	}
	if got := pki.FormatSerial(nil); got != "" {
		t.Errorf("no serial number is %q", got)
	}
}

// The canonical form is the one that people can compare with their own tool.
func TestFormatSerialIsThatOfOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	ca := newRoot(t, "root")
	for _, serial := range []*big.Int{big.NewInt(7), big.NewInt(0x80), new(big.Int).Lsh(big.NewInt(0xab), 120), new(big.Int).Lsh(big.NewInt(0x7f), 152)} {
		cert := ca.issueLeaf(t, ecKey(), func(c *x509.Certificate) { c.SerialNumber = serial })
		command := exec.CommandContext(t.Context(), openssl, "x509", "-noout", "-serial")
		command.Stdin = bytes.NewReader(pemOf(cert))
		out, err := command.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := "serial=" + pki.FormatSerial(serial); strings.TrimSpace(string(out)) != want {
			t.Errorf("openssl prints %s, want %s", out, want)
		}
	}
}

func FuzzParseSerial(f *testing.F) {
	for _, seed := range []string{"04AB12", "0x4ab12", "04:ab:12", "00", "0x00:1", strings.Repeat("f", 42)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		serial, err := pki.ParseSerial(text)
		if err != nil {
			return
		}
		if serial.Sign() < 0 || len(serial.Bytes()) > pki.MaxSerialOctets {
			t.Fatalf("%q is read as %v", text, serial)
		}
		again, err := pki.ParseSerial(pki.FormatSerial(serial))
		if err != nil || again.Cmp(serial) != 0 {
			t.Fatalf("%q changed in a round trip: %v", text, err)
		}
	})
}
