//go:build linux

package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// startNames starts what lies outside the cluster: BIND, which serves the zone, and Pebble, which asks it and validates
// at the ports 80 and 443.
func (n *Node) startNames(ctx context.Context) error {
	named, err := n.unconfined("named")
	if err != nil {
		return err
	}
	if err := n.start(named, nil, "-f", "-c", n.file("etc", "named.conf")); err != nil {
		return err
	}
	// The address is of this link alone, so that the machine's own resolver is not asked by accident.
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, Address+":53")
	}}
	if err := n.await(ctx, "BIND answers", 30*time.Second, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond) // a question that is asked too early is lost
		defer cancel()
		_, err := resolver.LookupHost(ctx, "ns."+Domain+".")
		return err
	}); err != nil {
		return err
	}
	// Pebble refuses good nonces now and then, pauses at random before it validates, and takes every other name that it has
	// validated before as proved. The pause is taken out, and the last (but for one name in a hundred), by which specs would
	// prove nothing.
	err = n.start("pebble", []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_AUTHZREUSE=0"},
		"-config", n.file("etc", "pebble.json"), "-dnsserver", Address+":53")
	if err != nil {
		return err
	}
	return n.await(ctx, "Pebble answers", 30*time.Second, func(ctx context.Context) error {
		root, err := n.fetch(ctx, fmt.Sprintf("https://%s:%d/roots/0", Address, pebbleManager))
		if err != nil {
			return err
		}
		return os.WriteFile(n.ACMERoot(), root, 0o600)
	})
}

// unconfined copies a program of the machine's into the node's folder: where it is installed, a security profile of its
// package may keep it from files in other folders than the package's.
func (n *Node) unconfined(name string) (string, error) {
	for _, folder := range []string{"/usr/sbin", "/usr/local/sbin", "/usr/bin"} {
		if path := filepath.Join(folder, name); executable(path) {
			data, err := os.ReadFile(path)
			if err != nil {
				return "", err
			}
			return n.file("state", name), os.WriteFile(n.file("state", name), data, 0o700)
		}
	}
	return "", fmt.Errorf("%s is not installed", name)
}

// ACMEDirectory is the URL of the ACME CA. The node's CA (CAFile) vouches for the server.
func (n *Node) ACMEDirectory() string { return fmt.Sprintf("https://%s:%d/dir", Address, pebblePort) }

// ACMERoot is the file of the root that the ACME CA's certificates end in.
func (n *Node) ACMERoot() string { return n.key("acme-root.crt") }

// CAFile is the file of the node's own CA.
func (n *Node) CAFile() string { return n.key("ca.crt") }

// fetch reads a URL as the administrator.
func (n *Node) fetch(ctx context.Context, url string) ([]byte, error) {
	pool := x509.NewCertPool()
	ca, err := os.ReadFile(n.CAFile())
	if err != nil {
		return nil, err
	}
	pool.AppendCertsFromPEM(ca)
	admin, err := tls.LoadX509KeyPair(n.key("admin.crt"), n.key("admin.key"))
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{admin}}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %.200s", url, response.Status, body)
	}
	return body, err
}

// startControlPlane starts etcd and the API server, and, when that has made its own roles, what works for it.
func (n *Node) startControlPlane(ctx context.Context) error {
	if err := n.start("etcd", nil, n.etcdFlags()...); err != nil {
		return err
	}
	if err := n.start("kube-apiserver", nil, n.apiServerFlags()...); err != nil {
		return err
	}
	if err := n.await(ctx, "the API server is ready", 2*time.Minute, func(ctx context.Context) error {
		_, err := n.fetch(ctx, "https://"+Address+":6443/readyz")
		return err
	}); err != nil {
		return err
	}
	if err := n.start("kube-controller-manager", nil, n.controllerManagerFlags()...); err != nil {
		return err
	}
	return n.start("kube-scheduler", nil,
		"--kubeconfig="+n.key("scheduler.kubeconfig"), "--authentication-kubeconfig="+n.key("scheduler.kubeconfig"),
		"--authorization-kubeconfig="+n.key("scheduler.kubeconfig"), "--bind-address=127.0.0.1", "--leader-elect=false",
		"--cert-dir="+n.file("state", "scheduler"))
}

func (n *Node) etcdFlags() []string {
	const clients, peers = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	return []string{
		"--data-dir=" + n.file("etcd"), "--log-level=warn",
		"--listen-client-urls=" + clients, "--advertise-client-urls=" + clients,
		"--listen-peer-urls=" + peers, "--initial-advertise-peer-urls=" + peers, "--initial-cluster=default=" + peers,
		"--unsafe-no-fsync", // nothing here is to survive the machine
	}
}

func (n *Node) apiServerFlags() []string {
	return []string{
		"--etcd-servers=http://127.0.0.1:2379", "--bind-address=0.0.0.0", "--secure-port=6443",
		"--advertise-address=" + Address, "--service-cluster-ip-range=" + serviceRange,
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--client-ca-file=" + n.key("ca.crt"),
		"--tls-cert-file=" + n.key("apiserver.crt"), "--tls-private-key-file=" + n.key("apiserver.key"),
		"--kubelet-client-certificate=" + n.key("apiserver-kubelet.crt"),
		"--kubelet-client-key=" + n.key("apiserver-kubelet.key"), "--kubelet-certificate-authority=" + n.key("ca.crt"),
		"--kubelet-preferred-address-types=InternalIP",
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + n.key("tokens.pub"), "--service-account-signing-key-file=" + n.key("tokens.key"),
		"--requestheader-client-ca-file=" + n.key("ca.crt"), "--requestheader-allowed-names=front-proxy",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + n.key("front-proxy.crt"), "--proxy-client-key-file=" + n.key("front-proxy.key"),
		"--enable-aggregator-routing=true", "--profiling=false",
	}
}

func (n *Node) controllerManagerFlags() []string {
	kubeconfig := n.key("controller-manager.kubeconfig")
	return []string{
		"--kubeconfig=" + kubeconfig, "--authentication-kubeconfig=" + kubeconfig, "--authorization-kubeconfig=" + kubeconfig,
		"--bind-address=127.0.0.1", "--leader-elect=false", "--use-service-account-credentials",
		"--service-account-private-key-file=" + n.key("tokens.key"), "--root-ca-file=" + n.key("ca.crt"),
		"--cluster-signing-cert-file=" + n.key("ca.crt"), "--cluster-signing-key-file=" + n.key("ca.key"),
		"--cert-dir=" + n.file("state", "controller-manager"),
	}
}

// startContainerd starts the container runtime and gives it the images.
func (n *Node) startContainerd(ctx context.Context) error {
	if err := n.start("containerd", nil, "--config="+n.file("etc", "containerd.toml")); err != nil {
		return err
	}
	if err := n.await(ctx, "containerd answers", 30*time.Second, func(context.Context) error {
		return run(n.ctr("version"))
	}); err != nil {
		return err
	}
	archives, err := filepath.Glob(filepath.Join(n.options.Images, "*.tar"))
	if err != nil {
		return err
	}
	for _, archive := range archives {
		if err := n.Import(archive); err != nil {
			return err
		}
	}
	n.logf("%d images imported", len(archives))
	return nil
}

func (n *Node) ctr(arguments ...string) *exec.Cmd {
	return n.command("ctr", append([]string{"--address", n.file("run", "containerd.sock"), "--namespace", "k8s.io"}, arguments...)...)
}

// Import gives an image archive to the container runtime.
func (n *Node) Import(archive string) error { return run(n.ctr("images", "import", archive)) }

// startKubelet starts what makes the machine a node, and waits until pods can run on it.
func (n *Node) startKubelet(ctx context.Context) error {
	if err := makeCgroup(); err != nil {
		return err
	}
	if err := n.start("kubelet", nil,
		"--config="+n.file("etc", "kubelet.yaml"), "--kubeconfig="+n.key("node.kubeconfig"), "--hostname-override="+Name,
		"--node-ip="+Address, "--root-dir="+n.file("kubelet"), "--cert-dir="+n.file("state", "kubelet"), "--v=2"); err != nil {
		return err
	}
	if err := n.start("kube-proxy", nil, "--config="+n.file("etc", "kube-proxy.yaml")); err != nil {
		return err
	}
	return n.await(ctx, "the node is Ready", 2*time.Minute, func(context.Context) error {
		for _, arguments := range [][]string{
			{"wait", "--for=condition=Ready", "--timeout=0s", "node/" + Name},
			{"get", "serviceaccount", "default"},
		} {
			if err := run(n.command("kubectl", append([]string{"--kubeconfig", n.Kubeconfig()}, arguments...)...)); err != nil {
				return err
			}
		}
		return nil
	})
}
