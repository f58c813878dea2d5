package proxy

import (
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// The two versions of CRI that runtimes speak. v1alpha2 is v1 under another
// name: cri-api has dropped its descriptors, but the methods and the wire
// format of what it had are the same.
const (
	v1       = "runtime.v1"
	v1alpha2 = "runtime.v1alpha2"
)

// method is what is known about a method by its name.
type method struct {
	info grpc.StreamServerInfo
	// endless says that the stream ends only with the client, the server or an
	// error. Nobody waits for it.
	endless bool
}

func (m *method) unary() bool {
	return !m.info.IsClientStream && !m.info.IsServerStream
}

func (m *method) serverStream() bool {
	return !m.info.IsClientStream && m.info.IsServerStream
}

// methods is the table of all methods known at build time, by full name. It is
// made once and never changed.
//
//nolint:gochecknoglobals // a constant, which Go cannot express
var methods = sync.OnceValue(func() map[string]*method {
	table := make(map[string]*method)
	cri := []grpc.ServiceDesc{runtimev1.RuntimeService_ServiceDesc, runtimev1.ImageService_ServiceDesc}
	for _, service := range cri {
		addMethods(table, service)
		service.ServiceName = v1alpha2 + strings.TrimPrefix(service.ServiceName, v1)
		addMethods(table, service)
	}
	addMethods(table, grpc_health_v1.Health_ServiceDesc)

	for _, name := range []string{
		"/" + v1 + ".RuntimeService/GetContainerEvents",
		"/" + v1alpha2 + ".RuntimeService/GetContainerEvents",
		grpc_health_v1.Health_Watch_FullMethodName,
	} {
		table[name].endless = true
	}
	return table
})

func addMethods(table map[string]*method, service grpc.ServiceDesc) {
	prefix := "/" + service.ServiceName + "/"
	for _, m := range service.Methods {
		name := prefix + m.MethodName
		table[name] = &method{info: grpc.StreamServerInfo{FullMethod: name}}
	}
	for _, s := range service.Streams {
		name := prefix + s.StreamName
		table[name] = &method{info: grpc.StreamServerInfo{
			FullMethod:     name,
			IsClientStream: s.ClientStreams,
			IsServerStream: s.ServerStreams,
		}}
	}
}

// lookup finds a method by its full name. A method that is not known is taken
// for one that streams both ways, which every kind can be forwarded as.
func lookup(fullMethod string) (_ *method, known bool) {
	if m, ok := methods()[fullMethod]; ok {
		return m, true
	}
	return &method{info: grpc.StreamServerInfo{
		FullMethod: fullMethod, IsClientStream: true, IsServerStream: true,
	}}, false
}

// Describe tells what kind of method fullMethod ("/service/method") really is.
// A server that serves unknown services calls all of them bidirectional
// streams; Describe asks cri-api's descriptors, for v1 and v1alpha2, and those
// of the health service. A method that they do not have is not known, and is
// described as a bidirectional stream.
func Describe(fullMethod string) (info grpc.StreamServerInfo, known bool) {
	m, known := lookup(fullMethod)
	return m.info, known
}

// serviceOf returns the service in a full method name, and whether it is one
// that is forwarded: a service of CRI, also one that is not known yet. What else
// a runtime serves on the same socket stays closed.
func serviceOf(fullMethod string) (service string, forwarded bool) {
	service = strings.TrimPrefix(fullMethod, "/")
	if i := strings.LastIndexByte(service, '/'); i >= 0 {
		service = service[:i]
	}
	for _, version := range []string{v1, v1alpha2} {
		name, ok := strings.CutPrefix(service, version+".")
		if ok && name != "" && !strings.ContainsAny(name, "./") {
			return service, true
		}
	}
	return service, false
}

// isImageService tells the service that has an endpoint of its own.
func isImageService(service string) bool {
	return strings.HasSuffix(service, ".ImageService")
}
