package providers

import (
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/certwright/certwright/internal/reach"
)

// Settings are what somebody gives to a provider.
type Settings struct {
	// Config are settings in plain; Secret those out of Secrets.
	Config, Secret map[string]string
	// Ambient allows the provider to sign in as the machine or the pod.
	Ambient bool
	// SignedIn says that the operator adds credentials that suffice.
	SignedIn bool
	// Reach is what it may connect to.
	Reach reach.Policy
}

// Variables are all settings together.
func (s Settings) Variables() map[string]string {
	all := maps.Clone(s.Config)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, s.Secret)
	return all
}

// Check says in words for a condition what keeps a provider from working with settings: a setting that it does
// not know, one that is in the wrong place, one that leads where it must not, or one that is missing. No value
// is in the error, unless it is the host of an endpoint.
func (p Provider) Check(settings Settings) error {
	for _, name := range slices.Sorted(maps.Keys(settings.Config)) {
		key, known := p.Key(name)
		switch {
		case !known:
			return p.unknown(name, "config")
		case key.Secret:
			return fmt.Errorf("%s is a credential: move it from config to the Secret in secretRef", name)
		}
		if _, twice := settings.Secret[name]; twice {
			return fmt.Errorf("%s is given twice: remove it from config or from the Secret", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(settings.Secret)) {
		if _, known := p.Key(name); !known {
			return p.unknown(name, "the Secret")
		}
	}
	if err := checkText(settings.Variables()); err != nil {
		return err
	}
	if err := p.checkEndpoints(settings); err != nil {
		return err
	}
	return p.checkComplete(settings)
}

// checkText refuses values that cannot be handed on as they are: an environment holds no NUL, a message no bytes that
// are no text.
func checkText(values map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if value := values[name]; !utf8.ValidString(value) || strings.ContainsRune(value, 0) {
			return fmt.Errorf("the value of %s is no text: write it anew, in UTF-8 and without NUL", name)
		}
	}
	return nil
}

// unknown names the wrong setting and, if there is one alike, the right one.
func (p Provider) unknown(name, place string) error {
	// A key of a Secret may be any text of a tenant's; it is a name in a message all the same.
	if len(name) > 64 {
		name = name[:64] + "…"
	}
	text := fmt.Sprintf("%s has %q, which provider %s does not know or which may not be set", place, name, p.Name)
	for _, key := range p.Keys {
		if alike(key.Name, name) {
			return fmt.Errorf("%s: write %s", text, key.Name)
		}
	}
	return fmt.Errorf("%s: it knows %s", text, p.known())
}

// known lists the settings that matter most.
func (p Provider) known() string {
	var names []string
	for _, way := range p.Ways {
		for _, part := range way {
			names = append(names, part[0])
		}
	}
	for _, key := range p.Keys {
		names = append(names, key.Name)
	}
	var distinct []string
	for _, name := range names {
		if !slices.Contains(distinct, name) {
			distinct = append(distinct, name)
		}
	}
	const most = 8
	if len(distinct) > most {
		return strings.Join(distinct[:most], ", ") + " and others, see docs/dns-providers.md"
	}
	return strings.Join(distinct, ", ")
}

// alike says whether one was written for the other: they differ in case or separators only.
func alike(a, b string) bool {
	plain := func(text string) string {
		return strings.ToUpper(strings.NewReplacer("_", "", "-", "", ".", "").Replace(text))
	}
	return plain(a) == plain(b)
}

// checkEndpoints refuses what no look-up could make allowed. Where a name leads is judged when it is dialled.
func (p Provider) checkEndpoints(settings Settings) error {
	for name, value := range settings.Variables() {
		key, _ := p.Key(name)
		if !key.Endpoint {
			continue
		}
		if err := settings.Reach.CheckHost(hostOf(value)); err != nil {
			return fmt.Errorf("%s cannot be used: %w", name, err)
		}
	}
	return nil
}

// hostOf is the host of an endpoint: a URL, or what a provider puts behind "https://", which may be more than a host.
func hostOf(endpoint string) string {
	if _, err := netip.ParseAddr(endpoint); err == nil {
		return endpoint
	}
	for _, text := range []string{endpoint, "//" + endpoint} {
		if parsed, err := url.Parse(text); err == nil && parsed.Hostname() != "" {
			return parsed.Hostname()
		}
	}
	return endpoint
}

// checkComplete looks for one way that is given whole.
func (p Provider) checkComplete(settings Settings) error {
	if len(p.Ways) == 0 || p.hasOther(settings) {
		return nil
	}
	given := settings.Variables()
	var wanting []string
	for _, way := range p.Ways {
		missing := way.missing(given)
		if len(missing) == 0 {
			return nil
		}
		if len(wanting) == 0 || len(missing) < len(wanting) && len(missing) < len(way) {
			wanting = missing
		}
	}
	text := fmt.Sprintf("provider %s needs %s", p.Name, strings.Join(wanting, " and "))
	if len(p.Ways) > 1 {
		var ways []string
		for _, way := range p.Ways {
			ways = append(ways, way.String())
		}
		text = fmt.Sprintf("provider %s needs one of: %s", p.Name, strings.Join(ways, "; "))
	}
	if p.Ambient {
		text += "; signing in as the operator's own pod is not allowed for this issuer"
	}
	return fmt.Errorf("%s: add them to the Secret in secretRef or, where they are no credentials, to config", text)
}

// hasOther says whether credentials come from elsewhere than the settings.
func (p Provider) hasOther(settings Settings) bool {
	return settings.SignedIn || p.Ambient && settings.Ambient
}

// missing are the parts of a way for which nothing is given.
func (w Way) missing(given map[string]string) []string {
	var missing []string
	for _, part := range w {
		if !slices.ContainsFunc(part, func(name string) bool { return given[name] != "" }) {
			missing = append(missing, strings.Join(part, " or "))
		}
	}
	return missing
}

// String implements fmt.Stringer.
func (w Way) String() string {
	parts := make([]string, len(w))
	for i, part := range w {
		parts[i] = part[0]
	}
	return strings.Join(parts, " and ")
}
