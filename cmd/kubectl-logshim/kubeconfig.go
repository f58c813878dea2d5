package main

import (
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/cri-logshim/cri-logshim/exitcode"
)

// kubeFlags say which cluster is asked and as whom, in kubectl's words.
type kubeFlags struct {
	rules     *clientcmd.ClientConfigLoadingRules
	overrides clientcmd.ConfigOverrides
}

// questionTimeout bounds one question to the API server, unless --request-timeout says otherwise.
const questionTimeout = 30 * time.Second

func addKubeFlags(flags *pflag.FlagSet) *kubeFlags {
	k := &kubeFlags{rules: clientcmd.NewDefaultClientConfigLoadingRules()}
	flags.StringVar(&k.rules.ExplicitPath, "kubeconfig", "", "kubeconfig `file`, instead of those that KUBECONFIG names or ~/.kube/config")
	names := clientcmd.RecommendedConfigOverrideFlags("")
	names.ContextOverrideFlags.Namespace.LongName = "" // it chooses pods, too, so it is among the flags for these
	names.ClusterOverrideFlags.APIServer.ShortName = "s"
	names.Timeout.Default = ""
	names.Timeout.Description = "How long to wait for the answer to one question to the API server; what is read of logs may take longer"
	clientcmd.BindOverrideFlags(&k.overrides, flags, names)
	return k
}

// connect makes a client that is logged in, and tells which namespace is meant if nobody names one.
func (k *kubeFlags) connect() (_ *apiServer, namespace string, err error) {
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(k.rules, &k.overrides)
	config, err := loader.ClientConfig()
	if err != nil {
		if clientcmd.IsEmptyConfig(err) {
			return nil, "", exitcode.Usagef("no cluster is configured: name a kubeconfig file with --kubeconfig or KUBECONFIG, or a server with --server")
		}
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	api := &apiServer{timeout: questionTimeout}
	if config.Timeout > 0 {
		api.timeout = config.Timeout
	}
	config.Timeout = 0 // it would end what is read of logs
	config.UserAgent = "kubectl-logshim/" + readBuildInfo().Version
	if api.client, err = rest.HTTPClientFor(config); err != nil {
		return nil, "", fmt.Errorf("log in as the kubeconfig says: %w", err)
	}
	if api.address, err = addressOf(config); err != nil {
		return nil, "", fmt.Errorf("read the address of the API server %q: %w", config.Host, err)
	}
	return api, namespace, nil
}

// addressOf is where the API server is, with a scheme and perhaps a path.
func addressOf(config *rest.Config) (*url.URL, error) {
	tls := config.CAFile != "" || len(config.CAData) > 0 || config.CertFile != "" || len(config.CertData) > 0 || config.Insecure
	address, _, err := rest.DefaultServerURL(config.Host, "", schema.GroupVersion{Version: "v1"}, tls)
	return address, err
}
