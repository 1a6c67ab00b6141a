//go:build linux

package node

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// identity is a key and a certificate that the node's CA signs.
type identity struct {
	file         string
	name         string
	organization []string
	hosts        []string // for servers; none for clients
	kubeconfig   bool
}

// identities are those of a cluster: who may do what is Kubernetes' own naming.
var identities = []identity{
	{file: "apiserver", name: "kube-apiserver", hosts: []string{
		Address, apiServiceIP, "127.0.0.1", "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local",
	}},
	{file: "kubelet", name: Name, hosts: []string{Name, Address, "127.0.0.1"}},
	{file: "pebble", name: "pebble", hosts: []string{"pebble." + Domain, Address}},
	{file: "apiserver-kubelet", name: "kube-apiserver", organization: []string{"system:masters"}},
	{file: "front-proxy", name: "front-proxy"},
	{file: "admin", name: "admin", organization: []string{"system:masters"}, kubeconfig: true},
	{file: "controller-manager", name: "system:kube-controller-manager", kubeconfig: true},
	{file: "scheduler", name: "system:kube-scheduler", kubeconfig: true},
	{file: "proxy", name: "system:kube-proxy", kubeconfig: true},
	{file: "node", name: "system:node:" + Name, organization: []string{"system:nodes"}, kubeconfig: true},
}

// lifetime of everything that is signed: longer than any node is kept.
const lifetime = 30 * 24 * time.Hour

// writeKeys makes the CA, all identities and the key that signs tokens of service accounts, anew for each node.
func (n *Node) writeKeys() error {
	if err := os.MkdirAll(n.file("pki"), 0o700); err != nil {
		return err
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "node CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lifetime),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
	if err := n.writePair("ca", ca, ca, caKey, caKey); err != nil {
		return err
	}
	for i, id := range identities {
		if err := n.writeIdentity(id, int64(i+2), ca, caKey); err != nil {
			return fmt.Errorf("making the key of %s: %w", id.file, err)
		}
	}
	tokens, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	if err := n.writeKey("tokens", tokens); err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(tokens.Public())
	if err != nil {
		return err
	}
	return n.writePEM("tokens.pub", "PUBLIC KEY", public)
}

func (n *Node) writeIdentity(id identity, serial int64, ca *x509.Certificate, caKey crypto.Signer) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial),
		Subject:      pkix.Name{CommonName: id.name, Organization: id.organization},
		NotBefore:    ca.NotBefore, NotAfter: ca.NotAfter,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range id.hosts {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if err := n.writePair(id.file, template, ca, key, caKey); err != nil || !id.kubeconfig {
		return err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: "https://" + Address + ":6443", CertificateAuthority: n.key("ca.crt")}
	config.AuthInfos["e2e"] = &clientcmdapi.AuthInfo{ClientCertificate: n.key(id.file + ".crt"), ClientKey: n.key(id.file + ".key")}
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "e2e"}
	config.CurrentContext = "e2e"
	return clientcmd.WriteToFile(*config, n.key(id.file+".kubeconfig"))
}

// key is a path in the folder of keys and certificates.
func (n *Node) key(name string) string { return n.file("pki", name) }

func (n *Node) writePair(name string, template, parent *x509.Certificate, key, signer crypto.Signer) error {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		return err
	}
	if err := n.writePEM(name+".crt", "CERTIFICATE", der); err != nil {
		return err
	}
	return n.writeKey(name, key)
}

func (n *Node) writeKey(name string, key crypto.Signer) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return n.writePEM(name+".key", "PRIVATE KEY", der)
}

func (n *Node) writePEM(name, kind string, der []byte) error {
	return os.WriteFile(n.key(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
