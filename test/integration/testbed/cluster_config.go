package testbed

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Stranger is a user of every cluster to whom nothing is allowed at first.
const Stranger = "stranger"

// What users show to the API server.
const (
	clusterToken  = "everybody"
	strangerToken = "stranger"
)

// etcdFlags make an etcd of one member. It need not outlive the machine, so it never
// waits for the disk.
func (c *Cluster) etcdFlags(client, peer string) []string {
	return []string{
		"--data-dir=" + filepath.Join(c.dir, "etcd"),
		"--listen-client-urls=" + client, "--advertise-client-urls=" + client,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=default=" + peer,
		"--unsafe-no-fsync",
		"--logger=zap", "--log-level=warn",
	}
}

// apiFlags make an API server that signs for itself and reaches kubelet by the node's name, or in a network
// of its own by its address. Nobody makes service accounts without a controller, and no
// service leads to it, since it would have to have another address than 127.0.0.1.
func (c *Cluster) apiFlags(etcd string) []string {
	kubelet := "Hostname"
	if c.network != nil {
		kubelet = "InternalIP"
	}
	return []string{
		"--etcd-servers=" + etcd,
		"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(c.port), "--cert-dir=" + filepath.Join(c.dir, "pki"),
		"--advertise-address=127.0.0.1", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.96.0.0/24",
		"--token-auth-file=" + c.tokens(), "--authorization-mode=RBAC",
		"--disable-admission-plugins=ServiceAccount",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + c.accountKey(), "--service-account-signing-key-file=" + c.accountKey(),
		"--kubelet-preferred-address-types=" + kubelet,
		"--enable-priority-and-fairness=false",
		"--feature-gates=SizeBasedListCostEstimate=false", // this etcd does not tell it what it asks for
	}
}

func (c *Cluster) tokens() string     { return filepath.Join(c.dir, "tokens.csv") }
func (c *Cluster) accountKey() string { return filepath.Join(c.dir, "service-accounts.pem") }

// writeFiles writes what the API server and its clients read.
func (c *Cluster) writeFiles() error {
	key, err := newKey()
	if err != nil {
		return fmt.Errorf("make a key for service accounts: %w", err)
	}
	all, err := c.kubeconfig(clusterToken)
	if err != nil {
		return fmt.Errorf("write the client configuration: %w", err)
	}
	nothing, err := c.kubeconfig(strangerToken)
	if err != nil {
		return fmt.Errorf("write the client configuration: %w", err)
	}
	for name, content := range map[string][]byte{
		c.tokens():           fmt.Appendf(nil, "%s,admin,admin,system:masters\n%s,%s,%s\n", clusterToken, strangerToken, Stranger, Stranger),
		c.accountKey():       key,
		c.Kubeconfig:         all,
		c.StrangerKubeconfig: nothing,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			return fmt.Errorf("configure the API server: %w", err)
		}
	}
	return nil
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func (c *Cluster) kubeconfig(token string) ([]byte, error) {
	const name = "testbed"
	return json.Marshal(map[string]any{
		"apiVersion": "v1",
		"kind":       "Config",
		"clusters": []map[string]any{{"name": name, "cluster": map[string]any{
			"server": c.url(""), "insecure-skip-tls-verify": true,
		}}},
		"users":           []map[string]any{{"name": name, "user": map[string]any{"token": token}}},
		"contexts":        []map[string]any{{"name": name, "context": map[string]any{"cluster": name, "user": name}}},
		"current-context": name,
	})
}

func (c *Cluster) url(path string) string { return fmt.Sprintf("https://127.0.0.1:%d%s", c.port, path) }
