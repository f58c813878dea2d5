package proxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	runtimev1 "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/cri-logshim/cri-logshim/proxy/internal/recorder"
)

// Everything that goes with a call, as it must arrive at the other end. The
// bytes are no valid message of any method: nobody may look at them.
var (
	requestMD = metadata.MD{
		"plain":        {"one", "two"},
		"trace-bin":    {"\x00\x01\xfe\xff"},
		"x.dotted_key": {"a, comma"},
	}
	headerMD  = metadata.MD{"h": {"1", "2"}, "h-bin": {"\x00\xff"}}
	trailerMD = metadata.MD{"t": {"1", "2"}, "t-bin": {"\xff\x00"}}
)

// methodCase is a method and how its client calls it.
type methodCase struct {
	name                     string
	clientStream, serverSide bool
}

// everyMethod is all of both services in both versions, and methods that cri-api
// does not know yet, of a known service and of a new one, in every kind.
func everyMethod() []methodCase {
	var all []methodCase
	for name, m := range methods() {
		if !strings.HasPrefix(name, "/grpc.health.") {
			all = append(all, methodCase{name, m.info.IsClientStream, m.info.IsServerStream})
		}
	}
	for _, service := range []string{"v1.RuntimeService", "v1alpha2.ImageService", "v1.SecretService"} {
		prefix := "/runtime." + service + "/InventedNextYear"
		all = append(all,
			methodCase{prefix + "Unary", false, false},
			methodCase{prefix + "ServerStream", false, true},
			methodCase{prefix + "ClientStream", true, false},
			methodCase{prefix + "Bidi", true, true},
		)
	}
	slices.SortFunc(all, func(a, b methodCase) int { return strings.Compare(a.name, b.name) })
	return all
}

func TestTheTableHasEveryMethod(t *testing.T) {
	// Counted in cri-api's descriptors.
	unary := len(runtimev1.RuntimeService_ServiceDesc.Methods) + len(runtimev1.ImageService_ServiceDesc.Methods)
	streams := len(runtimev1.RuntimeService_ServiceDesc.Streams) + len(runtimev1.ImageService_ServiceDesc.Streams)
	if unary < 30 || streams < 6 {
		t.Fatalf("cri-api has %d unary methods and %d streams: these are not all", unary, streams)
	}
	if got, want := len(everyMethod()), 2*(unary+streams)+12; got != want {
		t.Errorf("%d methods are tested, want %d", got, want)
	}
}

// Whatever the method and its outcome, each end sees of the other what it would
// see without a proxy.
func TestEveryMethodIsForwardedUnchanged(t *testing.T) {
	t.Parallel()
	details, err := status.New(codes.FailedPrecondition, "no: ünïcode, % and\nnew lines").WithDetails(
		protoadapt.MessageV1Of(&errdetails.ErrorInfo{Reason: "R", Domain: "D", Metadata: map[string]string{"k": "v"}}),
		protoadapt.MessageV1Of(&errdetails.RetryInfo{}))
	if err != nil {
		t.Fatal(err)
	}
	outcomes := []struct {
		name   string
		status *status.Status
		// before says that a failed call answers before it fails.
		before bool
	}{
		{"OK", status.New(codes.OK, ""), true},
		{"error", details, false},
		{"error after an answer", details, true},
	}
	for _, outcome := range outcomes {
		t.Run(outcome.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, func(c *recorder.Call) error { return answer(c, outcome.before, outcome.status) })
			for i, m := range everyMethod() {
				t.Run(m.name, func(t *testing.T) {
					random := rand.New(rand.NewPCG(1, uint64(i)))
					requests := [][]byte{randomBytes(random)}
					if m.clientStream {
						requests = append(requests, nil, randomBytes(random))
					}
					ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(t.Context(), requestMD), time.Hour)
					defer cancel()
					got := callMethod(ctx, t, b.client, m, requests)
					compare(t, b.call(i), m, requests, got, outcome.status, outcome.before)
				})
			}
		})
	}
}

// answer records everything, and sends the requests back in reverse.
func answer(c *recorder.Call, before bool, outcome *status.Status) error {
	for {
		if _, err := c.Recv(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
	}
	if err := c.SetHeader(headerMD); err != nil {
		return err
	}
	c.Trailer(trailerMD)
	if before {
		for _, r := range slices.Backward(c.Requests()) {
			if err := c.Send(r); err != nil {
				return err
			}
			// A method that answers once.
			if m, known := Describe(c.Method); known && !m.IsServerStream ||
				strings.HasSuffix(c.Method, "Unary") || strings.HasSuffix(c.Method, "ClientStream") {
				break
			}
		}
	}
	return outcome.Err()
}

// result is what a client saw.
type result struct {
	header, trailer metadata.MD
	responses       [][]byte
	err             error
}

func callMethod(ctx context.Context, t *testing.T, conn *grpc.ClientConn, m methodCase, requests [][]byte) result {
	t.Helper()
	var r result
	if !m.clientStream && !m.serverSide {
		var response []byte
		r.err = conn.Invoke(ctx, m.name, &requests[0], &response, grpc.Header(&r.header), grpc.Trailer(&r.trailer))
		r.responses = [][]byte{response}
		return r
	}
	cs, err := conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: m.clientStream, ServerStreams: m.serverSide}, m.name)
	if err != nil {
		t.Fatal(err)
	}
	for _, request := range requests {
		if err := cs.SendMsg(&request); err != nil {
			t.Fatal(err)
		}
	}
	if err := cs.CloseSend(); err != nil {
		t.Fatal(err)
	}
	if r.header, err = cs.Header(); err != nil {
		t.Fatal(err)
	}
	for {
		var response []byte
		if r.err = cs.RecvMsg(&response); r.err != nil {
			break
		}
		r.responses = append(r.responses, response)
		if !m.serverSide {
			break
		}
	}
	if errors.Is(r.err, io.EOF) {
		r.err = nil
	}
	r.trailer = cs.Trailer()
	return r
}

func compare(t *testing.T, c *recorder.Call, m methodCase, requests [][]byte, got result, want *status.Status, answered bool) {
	t.Helper()
	equal := func(a, b []byte) bool { return bytes.Equal(a, b) }
	if c.Method != m.name {
		t.Errorf("upstream was asked for %s", c.Method)
	}
	if !slices.EqualFunc(c.Requests(), requests, equal) {
		t.Errorf("requests arrived as %x, were %x", c.Requests(), requests)
	}
	if !carries(c.Metadata, requestMD) {
		t.Errorf("metadata arrived as %v, was %v", c.Metadata, requestMD)
	}
	if ct := c.Metadata["content-type"]; !slices.Equal(ct, []string{"application/grpc"}) && !slices.Equal(ct, []string{"application/grpc+proto"}) {
		t.Errorf("content-type is %q", ct)
	}
	if a := c.Metadata[":authority"]; !slices.Equal(a, []string{"localhost"}) {
		t.Errorf("authority is %q", a)
	}
	if left := time.Until(c.Deadline); left > time.Hour || left < time.Hour-10*time.Minute {
		t.Errorf("%v of the hour are left", left)
	}

	if !carries(got.header, headerMD) {
		t.Errorf("header came back as %v, was %v", got.header, headerMD)
	}
	if !carries(got.trailer, trailerMD) {
		t.Errorf("trailer came back as %v, was %v", got.trailer, trailerMD)
	}
	st := status.Convert(got.err)
	if !proto.Equal(st.Proto(), status.Convert(want.Err()).Proto()) {
		t.Errorf("status came back as %v, was %v", st.Proto(), want.Proto())
	}
	if answered && (want.Code() == codes.OK || m.serverSide) {
		expect := slices.Clone(requests)
		slices.Reverse(expect)
		if !m.serverSide {
			expect = expect[:1]
		}
		if !slices.EqualFunc(got.responses, expect, equal) {
			t.Errorf("responses came back as %x, were %x", got.responses, expect)
		}
	}
}

// randomBytes is a message with fields that nobody knows: sizes from nothing to
// a few frames of HTTP/2.
func randomBytes(random *rand.Rand) []byte {
	b := make([]byte, []int{0, 1, 300, 5000, 70000}[random.IntN(5)])
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestACallWithoutAMessageReachesTheRuntime(t *testing.T) {
	t.Parallel()
	for _, method := range []string{versionMethod, eventsMethod, unknownBidi} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, func(c *recorder.Call) error {
				if _, err := c.Recv(); !errors.Is(err, io.EOF) {
					return err
				}
				return status.Error(codes.Internal, "there was no message")
			})
			cs := b.open(method)
			if err := cs.CloseSend(); err != nil {
				t.Fatal(err)
			}
			_, err := recv(cs)
			if got := status.Convert(err); got.Code() != codes.Internal || got.Message() != "there was no message" {
				t.Errorf("the client was told %v", err)
			}
		})
	}
}

func TestGzipIsUnpackedAndPackedAgain(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	request := strings.Repeat("compressible", 1000)
	got, err := b.invoke(versionMethod, request, grpc.UseCompressor("gzip"))
	if err != nil || got != request {
		t.Errorf("answer has %d bytes, %v; want %d", len(got), err, len(request))
	}
	if got := b.call(0).Requests(); len(got) != 1 || string(got[0]) != request {
		t.Error("the request did not arrive as it was")
	}
}

// The limit of the ends is 16 MiB, in messages of their own, both ways.
func TestMessagesOf16MiB(t *testing.T) {
	t.Parallel()
	b := newBed(t, echo)
	message := make([]byte, recorder.MaxMessage)
	if _, err := rand.NewChaCha8([32]byte{}).Read(message); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{listMethod, unknownBidi} {
		got, err := b.invoke(method, string(message))
		if err != nil {
			t.Fatal(err)
		}
		if got != string(message) {
			t.Errorf("%s: %d bytes came back changed", method, len(got))
		}
	}

	// One byte more is for the ends to refuse, in their words.
	unlimited := b.dial("proxy", grpc.WithDefaultCallOptions(
		grpc.MaxCallRecvMsgSize(2*recorder.MaxMessage), grpc.MaxCallSendMsgSize(2*recorder.MaxMessage)))
	_, err := invoke(t.Context(), unlimited, listMethod, string(message)+"!", grpc.ForceCodecV2(recorder.Codec{}))
	wantCode(t, err, codes.ResourceExhausted)
	if !strings.Contains(err.Error(), "16777217 vs. 16777216") {
		t.Errorf("the limit that was met is not the runtime's: %v", err)
	}
}
