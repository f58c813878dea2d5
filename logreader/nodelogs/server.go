// Package nodelogs reads the logs of a node from afar: kubelet serves /var/log below its own /logs/,
// and the API server passes that on below /api/v1/nodes/<node>/proxy/. So it needs no port that is not
// open anyway, and no permission but that on nodes/proxy.
//
// What kubelet serves is Go's http.FileServer, of which these facts matter (so its sources and those of
// Kubernetes 1.36 say):
//
//   - A directory is a page of HTML with names and nothing else. Size and time of a file come only
//     with the file itself: with Content-Range and Last-Modified, in whole seconds.
//   - kubelet has a route for GET and none for HEAD, so a file is looked at by asking for its first byte.
//   - Parts of a file (Range) are passed on. A range that begins at the end or after it is answered
//     with 416 and the size; a file without a byte with 200, whatever range was asked for.
//   - The size is taken when the file is opened. What is written during an answer is not in it, and a
//     file that is renamed or removed meanwhile is sent to its end.
//   - Compressed files come as they are: nothing sets Content-Encoding.
//   - Symbolic links are followed on the node, out of /var/log too.
//   - The API server refuses to pass anything on to a loopback or link-local address ("address not
//     allowed", 400).
//
// The package knows nothing of kubeconfig files: it is given a client that is logged in.
package nodelogs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// Server is what kubelet serves of the /var/log of one node.
type Server struct {
	client *http.Client
	base   *url.URL
	node   string
	// answered is whether there ever was an answer, so that its absence is worth waiting for.
	answered atomic.Bool
}

// NewServer reads from a node through the API server at an address. The client logs in, and has no
// time limit for a whole answer, since a log may take long.
func NewServer(client *http.Client, apiServer *url.URL, node string) (*Server, error) {
	if !isName(node) {
		return nil, fmt.Errorf("%q is no name of a node", node)
	}
	return &Server{
		client: client,
		base:   apiServer.JoinPath("api", "v1", "nodes", url.PathEscape(node), "proxy", "logs"),
		node:   node,
	}, nil
}

// List returns what is in a directory below /var/log, sorted by name as the server does. That it does
// not exist is fs.ErrNotExist.
func (s *Server) List(ctx context.Context, directory ...string) (entries []Entry, err error) {
	answer, err := s.get(ctx, directory, true, "")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, answer.Body.Close()) }()
	if !isPage(answer) {
		return nil, s.failed(directory, fmt.Errorf("%w: it is of type %q", errNoListing, answer.Header.Get("Content-Type")))
	}
	if entries, err = parseListing(answer.Body); err != nil {
		return nil, s.failed(directory, err)
	}
	return entries, nil
}

// isPage tells whether an answer is a web page. That is what directories are; of a file it is what kubelet
// guesses from how it begins, and no log begins like that.
func isPage(answer *http.Response) bool {
	return strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html")
}

// Info is what a server tells of a file.
type Info struct {
	Size     int64
	Modified time.Time // the last write, in whole seconds; zero if it was not told
	// Answered is when the answer was given, by the clock that Modified goes by, since the one of this
	// machine may be wrong by minutes; zero if it was not told.
	Answered time.Time
}

// isSettled tells whether the last write was so long ago that there will most likely be no other. A file
// whose last write is not known is not settled.
func (i Info) isSettled() bool {
	return !i.Modified.IsZero() && !i.Answered.IsZero() && i.Answered.Sub(i.Modified) > settled
}

// Stat looks at a file.
func (s *Server) Stat(ctx context.Context, file ...string) (Info, error) {
	part, err := s.Open(ctx, 0, 1, file...)
	if err != nil {
		return Info{}, err
	}
	return part.Info, part.Close()
}

// Part is the content of a file from an offset on, up to a length or to the end that the file had
// when it was opened. It is to be closed.
type Part struct {
	Info
	io.ReadCloser
}

// Open opens a file at an offset for the given number of bytes, or for all that there are if length is
// negative. At the end and after it a part has no bytes.
func (s *Server) Open(ctx context.Context, offset, length int64, file ...string) (*Part, error) {
	ranged := fmt.Sprintf("bytes=%d-", offset)
	if length >= 0 {
		ranged += strconv.FormatInt(offset+max(length, 1)-1, 10)
	}
	answer, err := s.get(ctx, file, false, ranged)
	if err != nil {
		return nil, err
	}
	part, err := partOf(answer, offset)
	if err != nil {
		return nil, errors.Join(s.failed(file, err), answer.Body.Close())
	}
	if length >= 0 {
		part.ReadCloser = limit(part.ReadCloser, length)
	}
	return part, nil
}

// partOf understands an answer to the question for a file from an offset on.
func partOf(answer *http.Response, offset int64) (*Part, error) {
	if isPage(answer) {
		return nil, errPage
	}
	part := &Part{ReadCloser: answer.Body}
	part.Modified, _ = http.ParseTime(answer.Header.Get("Last-Modified"))
	part.Answered, _ = http.ParseTime(answer.Header.Get("Date"))
	switch answer.StatusCode {
	case http.StatusOK: // an empty file, or a server between us that knows no ranges
		part.Size = answer.ContentLength
		if part.Size < 0 {
			return nil, errors.New("the server tells no size")
		}
		if _, err := io.CopyN(io.Discard, answer.Body, min(offset, part.Size)); err != nil {
			return nil, fmt.Errorf("pass over what was not asked for: %w", err)
		}
		return part, nil
	case http.StatusRequestedRangeNotSatisfiable:
		part.ReadCloser = limit(answer.Body, 0)
	}
	first, size, err := parseContentRange(answer.Header.Get("Content-Range"))
	switch {
	case err != nil:
		return nil, err
	case first >= 0 && first != offset:
		return nil, fmt.Errorf("asked for byte %d the server answers with byte %d", offset, first)
	}
	part.Size = size
	return part, nil
}

// parseContentRange reads "bytes 5-9/100", or "bytes */100", of which first is -1.
func parseContentRange(text string) (first, size int64, err error) {
	wrong := func() (int64, int64, error) {
		return 0, 0, fmt.Errorf("the server names the part as %.100q", text)
	}
	rest, ok := strings.CutPrefix(text, "bytes ")
	if !ok {
		return wrong()
	}
	part, total, ok := strings.Cut(rest, "/")
	if !ok {
		return wrong()
	}
	if size, err = parseCount(total); err != nil {
		return wrong()
	}
	if part == "*" {
		return -1, size, nil
	}
	from, to, ok := strings.Cut(part, "-")
	if !ok {
		return wrong()
	}
	last, err := parseCount(to)
	if err != nil {
		return wrong()
	}
	if first, err = parseCount(from); err != nil || first > last || last >= size {
		return wrong()
	}
	return first, size, nil
}

// parseCount reads a number of bytes: digits and nothing else.
func parseCount(text string) (int64, error) {
	n, err := strconv.ParseUint(text, 10, 63)
	return int64(n), err
}

// get asks for a file or a directory. An answer that is neither the content nor a part of it, nor that
// there is no such part, is an error.
func (s *Server) get(ctx context.Context, path []string, directory bool, ranged string) (*http.Response, error) {
	address, err := s.address(path, directory)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, s.failed(path, err)
	}
	// Go's client would ask for gzip otherwise, and hide what it has unpacked.
	request.Header.Set("Accept-Encoding", "identity")
	if ranged != "" {
		request.Header.Set("Range", ranged)
	}
	answer, err := s.ask(request)
	if err != nil {
		return nil, s.failed(path, err)
	}
	switch answer.StatusCode {
	case http.StatusOK, http.StatusPartialContent, http.StatusRequestedRangeNotSatisfiable:
		return answer, nil
	}
	return nil, s.failed(path, errors.Join(s.refusal(answer), answer.Body.Close()))
}

// address is that of a path below /var/log; a directory's ends with a slash, or kubelet would lead to
// it first.
func (s *Server) address(path []string, directory bool) (string, error) {
	escaped := make([]string, 0, len(path)+1)
	for _, name := range path {
		if !isName(name) {
			return "", s.failed(path, fmt.Errorf("%q is no name of a file", name))
		}
		escaped = append(escaped, url.PathEscape(name))
	}
	if directory {
		escaped = append(escaped, "/")
	}
	return s.base.JoinPath(escaped...).String(), nil
}

func (s *Server) failed(path []string, err error) error {
	return fmt.Errorf("read %q of node %q: %w", "/var/log/"+strings.Join(path, "/"), s.node, err)
}

// limit ends a content after a number of bytes.
func limit(content io.ReadCloser, bytes int64) io.ReadCloser {
	return struct {
		io.Reader
		io.Closer
	}{io.LimitReader(content, bytes), content}
}
