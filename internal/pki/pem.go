package pki

import (
	"bytes"
	"encoding/pem"
	"errors"
	"fmt"
)

// PEM block types (RFC 7468, and the older ones of OpenSSL).
const (
	pemCertificate  = "CERTIFICATE"
	pemRequest      = "CERTIFICATE REQUEST"
	pemOldRequest   = "NEW CERTIFICATE REQUEST"
	pemPKCS8        = "PRIVATE KEY"
	pemPKCS8Crypted = "ENCRYPTED PRIVATE KEY"
	pemPKCS1        = "RSA PRIVATE KEY"
	pemSEC1         = "EC PRIVATE KEY"
	pemECParameters = "EC PARAMETERS"
	pemPublicKey    = "PUBLIC KEY"
)

var pemBegin = []byte("-----BEGIN ")

// decodePEM returns the blocks of data, of which there may be between one and
// max. Text between blocks is ignored, but a block that cannot be decoded is an
// error: skipping it would silently shorten a chain.
func decodePEM(data []byte, limit, max int) ([]*pem.Block, error) {
	if len(data) > limit {
		return nil, fmt.Errorf("PEM data is larger than %d bytes", limit)
	}
	begun := bytes.Count(data, pemBegin)
	if begun == 0 {
		return nil, errors.New("no PEM block found")
	}
	if begun > max {
		return nil, fmt.Errorf("more than %d PEM blocks", max)
	}
	blocks := make([]*pem.Block, 0, begun)
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		blocks = append(blocks, block)
	}
	if len(blocks) != begun {
		return nil, errors.New("a PEM block is malformed")
	}
	return blocks, nil
}

// isPrivateKey says whether a block type is that of a private key.
func isPrivateKey(blockType string) bool {
	return bytes.HasSuffix([]byte(blockType), []byte(pemPKCS8))
}

// describeBlock names a block type in an error without repeating text that
// whoever made the file may have put there.
func describeBlock(blockType string) string {
	switch blockType {
	case pemCertificate, pemRequest, pemOldRequest, pemPublicKey, pemECParameters:
		return "a " + blockType + " block"
	}
	if isPrivateKey(blockType) {
		return "a private key block"
	}
	return "a PEM block of an unexpected type"
}
