package nodelogs

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"strings"
)

// Why a node's logs cannot be read. Errors of a Server wrap one of these where the reason is known;
// their text says what to do.
var (
	// ErrForbidden is that the API server does not let the user reach nodes.
	ErrForbidden = errors.New("the API server does not allow it")
	// ErrLogsOff is that kubelet serves no logs.
	ErrLogsOff = errors.New("kubelet serves no logs on this node")
	// ErrNoNode is that the cluster has no node of this name.
	ErrNoNode = errors.New("the cluster has no such node")
	// ErrUnreachable is that the API server does not reach kubelet.
	ErrUnreachable = errors.New("the API server does not reach the node's kubelet")
	// ErrUnauthorized is that the API server does not know the user.
	ErrUnauthorized = errors.New("the API server does not know who asks")

	// ErrLoopback is that the API server passes nothing on to the address that the node has.
	ErrLoopback = errors.New("the API server passes nothing on to a node with such an address")

	errNoListing = errors.New("this is no directory")
	errPage      = errors.New("this is a directory, or is taken for a web page, which API servers write anew")
)

// maxRefusal bounds what is read of an answer that says no.
const maxRefusal = 64 << 10

// refusal says why there is no content. The API server itself answers with a Status object, kubelet
// behind it with plain text, so the same code means different things. So Kubernetes 1.36
// answers; what other versions and servers between them say may be worded otherwise, so only 400 goes by words:
//
//	400 Status   the node's address is a loopback or link-local one ("address not allowed")
//	401          the API server does not know the user
//	403 Status   the user may not get nodes/proxy
//	403 text     kubelet does not let the API server in ("Forbidden (user=…, verb=get, resource=nodes, subresource(s)=[log])")
//	404 Status   no such node
//	404 text     no such file
//	405 text     "logs endpoint is disabled." (enableSystemLogHandler: false), or "Debug endpoints are disabled."
//	             (enableDebuggingHandlers: false)
//	500          kubelet could not read ("500 Internal Server Error")
//	502, 503, 504 Status   kubelet is not reached
func (s *Server) refusal(answer *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxRefusal))
	if err != nil {
		return fmt.Errorf("status %d: %w", answer.StatusCode, err)
	}
	message, ofAPIServer := statusMessage(answer.Header.Get("Content-Type"), body)
	switch code := answer.StatusCode; {
	case code == http.StatusUnauthorized:
		return fmt.Errorf("%w (%s): log in anew, or see which user the kubeconfig file names", ErrUnauthorized, message)
	case code == http.StatusBadRequest && ofAPIServer && strings.Contains(message, "address not allowed"):
		return fmt.Errorf("%w (%s): the node is registered with a loopback or link-local address, see kubectl get node %s -o wide; start its kubelet with another --node-ip", ErrLoopback, message, s.node)
	case code == http.StatusForbidden && ofAPIServer:
		return fmt.Errorf("%w (%s); somebody who administers the cluster can allow it:\n"+
			"  kubectl create clusterrole node-logs --verb=get --resource=nodes/proxy\n"+
			"  kubectl create clusterrolebinding node-logs --clusterrole=node-logs --user=<you>\n"+
			"This is as much as root on every node: kubelet runs commands in any container for whoever has it", ErrForbidden, message)
	case code == http.StatusForbidden:
		return fmt.Errorf("%w: kubelet does not let the API server in (%s); its user needs the cluster role system:kubelet-api-admin", ErrLogsOff, message)
	case code == http.StatusNotFound && ofAPIServer:
		return fmt.Errorf("%w (%s): kubectl get nodes lists those that there are", ErrNoNode, message)
	case code == http.StatusNotFound:
		return fs.ErrNotExist
	case code == http.StatusMethodNotAllowed:
		return fmt.Errorf("%w (%s): enableSystemLogHandler or enableDebuggingHandlers is false in kubelet's configuration, as on many hardened clusters; "+
			"kubectl logs shows what is in the current file, and cri-logshim logs on the node itself everything", ErrLogsOff, message)
	case code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		return fmt.Errorf("%w (%s): see kubectl describe node %s", ErrUnreachable, message, s.node)
	default:
		return fmt.Errorf("status %d: %s", code, message)
	}
}

// statusMessage is what an answer says in one line, and whether the API server itself says it.
func statusMessage(contentType string, body []byte) (message string, ofAPIServer bool) {
	var status struct{ Kind, Message string }
	kind, _, err := mime.ParseMediaType(contentType)
	if err == nil && kind == "application/json" && json.Unmarshal(body, &status) == nil && status.Kind == "Status" {
		return oneLine(status.Message), true
	}
	return oneLine(string(body)), false
}

// oneLine is a foreign text as one line that no terminal acts on, of 300 characters at most.
func oneLine(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\ufffd' }), " ")
	return fmt.Sprintf("%.300s", text)
}
