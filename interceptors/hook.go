package interceptors

import (
	"context"
	"errors"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/cri-logshim/cri-logshim/event"
)

// Frame is a message that has not been decoded, as the proxy passes it on. Its
// bytes are given away when it is sent, so it is decoded before.
type Frame interface {
	Decode(m proto.Message) error
	Replace(m proto.Message) error
}

// message is a pointer to T that is a protobuf message.
type message[T any] interface {
	*T
	proto.Message
}

// verdict is what a hook wants done with the call whose request it has seen.
// The zero verdict is: forward it, I have no interest in the answer. It stands
// in for a verdict whose change cannot be sent: what that one would tell is not
// so.
type verdict[Resp any] struct {
	changed bool               // forward the request as the hook has changed it
	answer  *Resp              // answer this, and do not ask the runtime
	pass    func()             // called when there is an answer of the runtime, which waits for its return
	done    func(*Resp, error) // called once, when the call is over; *Resp is nil after an error
}

// guard is what all hooks share: where their own failures go.
type guard struct {
	log      logrus.FieldLogger
	failures *prometheus.CounterVec // by method and what failed
}

// Steps of a hook.
const (
	stepBefore   = "before"
	stepResponse = "response"
	stepPass     = "pass"
	stepAfter    = "after"
)

var (
	// errAnswered ends the forwarding of a call that a hook answers by itself.
	errAnswered = errors.New("answered by a hook")
	// errPanicked is the outcome of a call in which something further in has
	// panicked.
	errPanicked = errors.New("panic in the call")
)

// hook makes an interceptor for a unary method of before, which sees each
// request of type Req.
func hook[Req, Resp any, PReq message[Req], PResp message[Resp]](
	g guard, method string, before func(context.Context, PReq) verdict[Resp],
) grpc.StreamServerInterceptor {
	for _, step := range []string{stepBefore, stepResponse, stepPass, stepAfter} {
		g.failures.WithLabelValues(method, step) // or the first failure would be seen as no increase
	}
	return func(srv any, ss grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) (err error) {
		call := &hookedCall[Req, Resp, PReq, PResp]{ServerStream: ss, guard: g, method: method, before: before}
		defer func() { call.end(err) }()
		err = errPanicked // unless it returns
		err = handler(srv, call)
		if errors.Is(err, errAnswered) {
			return ss.SendMsg(PResp(call.verdict.answer))
		}
		return err
	}
}

// hookedCall is the stream of one call as the rest of the chain sees it.
type hookedCall[Req, Resp any, PReq message[Req], PResp message[Resp]] struct {
	grpc.ServerStream
	guard
	method   string
	before   func(context.Context, PReq) verdict[Resp]
	received bool
	verdict  verdict[Resp]
	response *Resp
}

// RecvMsg lets the hook see the request, the first message.
func (c *hookedCall[Req, Resp, PReq, PResp]) RecvMsg(m any) error {
	if err := c.ServerStream.RecvMsg(m); err != nil || c.received {
		return err
	}
	c.received = true
	c.protect(stepBefore, func() error {
		frame, is := m.(Frame)
		if !is {
			return errors.New("the message is no frame")
		}
		req := PReq(new(Req))
		if err := frame.Decode(req); err != nil {
			return err
		}
		v := c.before(c.Context(), req)
		if v.changed {
			if err := frame.Replace(req); err != nil {
				return err
			}
		}
		c.verdict = v
		return nil
	})
	if c.verdict.answer != nil {
		return errAnswered
	}
	return nil
}

// SendMsg keeps the answer for the hook, if it wants it, and waits until the hook lets it
// pass.
func (c *hookedCall[Req, Resp, PReq, PResp]) SendMsg(m any) error {
	if c.verdict.done != nil {
		c.protect(stepResponse, func() error {
			frame, is := m.(Frame)
			if !is {
				return errors.New("the message is no frame")
			}
			resp := PResp(new(Resp))
			if err := frame.Decode(resp); err != nil {
				return err
			}
			c.response = resp
			return nil
		})
	}
	if c.verdict.pass != nil {
		c.protect(stepPass, func() error {
			c.verdict.pass()
			return nil
		})
	}
	return c.ServerStream.SendMsg(m)
}

// end tells the hook the outcome.
func (c *hookedCall[Req, Resp, PReq, PResp]) end(err error) {
	if c.verdict.done == nil {
		return
	}
	c.protect(stepAfter, func() error {
		c.verdict.done(c.response, err)
		return nil
	})
}

// fail counts and logs a failure of a hook.
func (g guard) fail(method, step, format string, args ...any) {
	g.failures.WithLabelValues(method, step).Inc()
	event.Panic.On(g.log).WithFields(logrus.Fields{"method": method, "step": step}).Errorf(format, args...)
}

// protect runs one step of the hook. Its failure is counted and logged, and
// the call goes on as if there were no hook.
func (c *hookedCall[Req, Resp, PReq, PResp]) protect(step string, f func() error) {
	defer func() {
		if p := recover(); p != nil {
			c.fail(c.method, step, "hook panicked, the call goes on: %v\n%s", p, debug.Stack())
		}
	}()
	if err := f(); err != nil {
		c.fail(c.method, step, "hook failed, the call goes on: %v", err)
	}
}
