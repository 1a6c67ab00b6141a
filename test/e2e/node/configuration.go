//go:build linux

package node

import (
	"crypto/rand"
	"embed"
	"encoding/base64"
	"os"
	"path"
	"strings"
	"text/template"
)

//go:embed config
var configurations embed.FS

// TSIGName is the name of the key that may change the zone; the key itself is in TSIGSecretFile.
const TSIGName = "certwright"

// TSIGSecretFile is the file of the key's secret, in base64.
func (n *Node) TSIGSecretFile() string { return n.key("tsig.secret") }

// values are what configuration files are filled with.
type values struct {
	Dir, Name, Address, Domain, PodNetwork, ServiceRange, DNSServiceIP, Cgroup, TSIGName, TSIGSecret string
	PebblePort, PebbleManager                                                                        int
	ProgramFolders                                                                                   []string
	Runc                                                                                             string
}

// writeConfiguration fills the files of config/ into etc/.
func (n *Node) writeConfiguration() error {
	secret := make([]byte, 32)
	if _, err := rand.Read(secret); err != nil {
		return err
	}
	v := values{
		Dir: n.options.Dir, Name: Name, Address: Address, Domain: Domain, PodNetwork: podNetwork,
		ServiceRange: serviceRange, DNSServiceIP: dnsServiceIP, Cgroup: cgroup,
		TSIGName: TSIGName, TSIGSecret: base64.StdEncoding.EncodeToString(secret),
		PebblePort: pebblePort, PebbleManager: pebbleManager,
		ProgramFolders: n.options.Programs, Runc: n.program("runc"),
	}
	if err := os.WriteFile(n.TSIGSecretFile(), []byte(v.TSIGSecret), 0o600); err != nil {
		return err
	}
	files, err := configurations.ReadDir("config")
	if err != nil {
		return err
	}
	for _, file := range files {
		parsed, err := template.ParseFS(configurations, path.Join("config", file.Name()))
		if err != nil {
			return err
		}
		var text strings.Builder
		if err := parsed.Execute(&text, v); err != nil {
			return err
		}
		target := n.file("etc", file.Name())
		switch path.Ext(file.Name()) {
		case ".conflist":
			target = n.file("etc", "cni", file.Name())
		case ".zone":
			target = n.file("bind", file.Name()) // BIND writes to it
		}
		if err := os.WriteFile(target, []byte(text.String()), 0o600); err != nil {
			return err
		}
	}
	return nil
}
