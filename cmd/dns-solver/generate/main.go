// Command generate makes what dns-solver and the operator know of the providers of the library lego: from its
// metadata, its source, and the few facts in facts.go that neither tells.
//
//	go run ./generate      in cmd/dns-solver
//
// It writes providers_gen.go here, internal/dnssolver/providers/table.go, docs/dns-providers.md, and the names of all
// providers for the API. After it, `make generate` brings these to the CRDs.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"go/format"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/certwright/certwright/internal/dnssolver/providers"
)

const library = "github.com/go-acme/lego/v5"

func main() {
	root := flag.String("root", "../..", "root of the repository to write to")
	flag.Parse()
	if err := run(*root); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func run(root string) error {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", library).Output()
	if err != nil {
		return fmt.Errorf("finding %s: %w", library, err)
	}
	dns := filepath.Join(strings.TrimSpace(string(folder)), "providers", "dns")
	found, err := readAll(dns)
	if err != nil {
		return err
	}
	for path, text := range map[string][]byte{
		"cmd/dns-solver/providers_gen.go":       constructors(found),
		"internal/dnssolver/providers/table.go": table(found),
		"docs/dns-providers.md":                 page(found),
		"api/v1/zz_generated.dnsproviders.go":   names(found),
	} {
		if err := os.WriteFile(filepath.Join(root, path), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// imported are the folders of the library's own list of providers.
var imported = regexp.MustCompile(`"` + library + `/providers/dns/([a-z0-9]+)"`)

func readAll(dns string) ([]providers.Provider, error) {
	list, err := os.ReadFile(filepath.Join(dns, "zz_gen_dns_providers.go"))
	if err != nil {
		return nil, err
	}
	var all []providers.Provider
	for _, match := range imported.FindAllSubmatch(list, -1) {
		name := string(match[1])
		if _, left := leftOut[name]; left {
			continue
		}
		provider, err := readProvider(dns, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, provider)
	}
	slices.SortFunc(all, func(a, b providers.Provider) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// metadata is the part of a provider's .toml that is used.
type metadata struct {
	Name, URL     string
	Configuration struct{ Credentials, Additional map[string]string }
}

func readProvider(dns, name string) (providers.Provider, error) {
	p := providers.Provider{Name: name}
	files, err := filepath.Glob(filepath.Join(dns, name, "*.toml"))
	if err != nil || len(files) != 1 {
		return p, fmt.Errorf("one .toml file is expected, not %d", len(files))
	}
	about := metadata{}
	if _, err := toml.DecodeFile(files[0], &about); err != nil {
		return p, err
	}
	own, err := read(filepath.Join(dns, name))
	if err != nil {
		return p, err
	}
	code := own
	if shared := sharedCode(dns, name); shared != "" {
		if code, err = read(shared); err != nil {
			return p, err
		}
	}
	p.Title, p.URL = about.Name, about.URL
	if !strings.HasPrefix(p.URL, "http") {
		p.URL = ""
	}
	p.Keys = keys(name, about)
	p.Ways = ways(name, own, p.Keys)
	p.Ambient = slices.Contains(ambient, name)
	p.Exact = slices.Contains(exact, name)
	p.InOperator = slices.Contains(inOperator, name)
	p.Remembers = code.remembers()
	p.Sequential = code.hasMethod("Sequential") || slices.Contains(replacing, name)
	p.Coarse = !p.Exact && !slices.Contains(leaving, name) && (!code.looksAtValue() || slices.Contains(coarse, name))
	return p, nil
}

// sharedCode is the folder of code that several providers are made of, where a provider is little else.
func sharedCode(dns, name string) string {
	for shared, users := range sharing {
		if slices.Contains(users, name) {
			return filepath.Join(dns, "internal", shared)
		}
	}
	return ""
}

// useless settings are about what the operator does itself: waiting until a record is seen.
var useless = []string{"_POLLING_INTERVAL", "_PROPAGATION_TIMEOUT", "_SEQUENCE_INTERVAL"}

var usual = regexp.MustCompile(`^[A-Z][A-Z0-9_]*$`)

func keys(name string, about metadata) []providers.Key {
	all := slices.Clone(ownKeys[name])
	add := func(settings map[string]string) {
		for key, description := range settings {
			key = strings.TrimSpace(key)
			if !usual.MatchString(key) || isRefused(key) {
				continue
			}
			all = append(all, providers.Key{
				Name: key, Description: plain(description), Secret: isSecret(key), Endpoint: isEndpoint(key, description),
			})
		}
	}
	add(about.Configuration.Credentials)
	add(about.Configuration.Additional)
	// Of two of one name, ours is the first.
	slices.SortStableFunc(all, func(a, b providers.Key) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(all, func(a, b providers.Key) bool { return a.Name == b.Name })
}

func isRefused(key string) bool {
	for _, suffix := range slices.Concat(useless, []string{"_FILE", "_PATH", "_PROFILE", "_PROXY", "_COMMAND"}) {
		if strings.HasSuffix(key, suffix) {
			return true
		}
	}
	return strings.HasPrefix(key, "LEGO_") || slices.Contains(refused, key)
}

// plain is a description without what Markdown or a table could trip over.
func plain(text string) string {
	text = strings.NewReplacer("\n", " ", "|", "/", "<", "", ">", "").Replace(text)
	text = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(text, "$1")
	text = regexp.MustCompile("`[A-Z_]+_FILE`[^)]*").ReplaceAllString(text, "")
	return strings.TrimSpace(strings.ReplaceAll(text, "()", ""))
}

var (
	secretWord = regexp.MustCompile(`TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?$|API_?KEY|(^|_)KEYS?($|_)|SERVICE_ACCOUNT$|_PASS$|_PIN$|AUTH_CODE|PRIVATE_KEYS|PASSPORT|SIGNATURE|_OTP$`)
	publicWord = regexp.MustCompile(`KEY_ID|TOKEN_URL|_NAME$|_TTL$|_TIMEOUT$|_ID$|ALGORITHM|SKIP_VERIFY|IMPERSONATE|_MODE$`)
)

// isSecret says whether a setting must not stand in an issuer, which more people read than a Secret.
func isSecret(key string) bool {
	return secretWord.MatchString(key) && !publicWord.MatchString(key)
}

var endpointWord = regexp.MustCompile(`ENDPOINT|_URL$|_HOST$|HOSTNAME$|_ADDRESS$|_NAMESERVER$|API_BASE$|_SERVER$|REALM$`)

func isEndpoint(key, description string) bool {
	return endpointWord.MatchString(key) || strings.Contains(strings.ToLower(description), "endpoint url")
}

// ways are what must be given: facts where there are some, else what the source asks for.
func ways(name string, code *source, known []providers.Key) []providers.Way {
	if fact, ok := facts[name]; ok {
		return fact
	}
	required := code.required()
	for i, part := range required {
		required[i] = slices.DeleteFunc(slices.Clone(part), func(key string) bool {
			return !slices.ContainsFunc(known, func(k providers.Key) bool { return k.Name == key })
		})
		if len(required[i]) == 0 {
			fmt.Fprintf(os.Stderr, "generate: %s needs %v, which is not among its settings\n", name, part)
			return nil
		}
	}
	if len(required) == 0 {
		fmt.Fprintf(os.Stderr, "generate: what %s needs is not known\n", name)
		return nil
	}
	return []providers.Way{required}
}

// generated begins everything that is Go.
const generated = "// Code generated by cmd/dns-solver/generate; DO NOT EDIT.\n\n"

func constructors(all []providers.Provider) []byte {
	var text bytes.Buffer
	text.WriteString(generated + "package main\n\nimport (\n\t\"" + library + "/challenge\"\n")
	for _, p := range all {
		fmt.Fprintf(&text, "\t%q\n", library+"/providers/dns/"+p.Name)
	}
	text.WriteString(")\n\n// providers make a provider from the environment.\nvar providers = map[string]func() (challenge.Provider, error){\n")
	for _, p := range all {
		fmt.Fprintf(&text, "\t%q: func() (challenge.Provider, error) { return %s.NewDNSProvider() },\n", p.Name, p.Name)
	}
	text.WriteString("}\n")
	return formatted(text.Bytes())
}

// names are the names that an issuer may give, for the API's schema.
func names(all []providers.Provider) []byte {
	var list []string
	for _, p := range all {
		list = append(list, p.Name)
	}
	return formatted([]byte(generated + "package v1\n\n// DNSProviderName is the name of a provider of DNS.\n//\n" +
		"// +kubebuilder:validation:Enum=" + strings.Join(list, ";") + "\ntype DNSProviderName string\n"))
}

func table(all []providers.Provider) []byte {
	var text bytes.Buffer
	text.WriteString(generated + "package providers\n\nvar table = []Provider{\n")
	for _, p := range all {
		fmt.Fprintf(&text, "{\nName: %q, Title: %q, URL: %q,\n", p.Name, p.Title, p.URL)
		writeFlags(&text, "\n", map[string]bool{
			"Ambient": p.Ambient, "Remembers": p.Remembers, "Exact": p.Exact, "InOperator": p.InOperator, "Sequential": p.Sequential, "Coarse": p.Coarse,
		})
		writeKeys(&text, p.Keys)
		writeWays(&text, p.Ways)
		text.WriteString("},\n")
	}
	text.WriteString("}\n")
	return formatted(text.Bytes())
}

func writeFlags(text *bytes.Buffer, end string, flags map[string]bool) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		if flags[name] {
			text.WriteString(name + ": true," + end)
		}
	}
}

func writeKeys(text *bytes.Buffer, keys []providers.Key) {
	text.WriteString("Keys: []Key{\n")
	for _, key := range keys {
		fmt.Fprintf(text, "{Name: %q, Description: %q, ", key.Name, key.Description)
		writeFlags(text, " ", map[string]bool{"Secret": key.Secret, "Endpoint": key.Endpoint})
		text.WriteString("},\n")
	}
	text.WriteString("},\n")
}

func writeWays(text *bytes.Buffer, ways []providers.Way) {
	if len(ways) == 0 {
		return
	}
	text.WriteString("Ways: []Way{\n")
	for _, way := range ways {
		var parts []string
		for _, part := range way {
			parts = append(parts, "{\""+strings.Join(part, `", "`)+"\"}")
		}
		text.WriteString("{" + strings.Join(parts, ", ") + "},\n")
	}
	text.WriteString("},\n")
}

func formatted(text []byte) []byte {
	result, err := format.Source(text)
	if err != nil {
		panic(err) // What is written above is Go whatever the library says, for it is quoted.
	}
	return result
}
