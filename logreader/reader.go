package logreader

import (
	"context"
	"errors"
)

// Reader reads the logs of containers line by line, those of several ordered by the time of
// their lines as far as they are there. It needs some megabytes of memory for each container,
// however long their logs are.
type Reader struct {
	histories []*history
	merged    *merge // nil: there is one history
}

// New returns a reader of containers' logs. Close must be called in the end.
func New(src Source, containers []Container, o Options) *Reader {
	r := &Reader{}
	for _, c := range containers {
		r.histories = append(r.histories, newHistory(src, c, o))
	}
	if len(containers) != 1 {
		r.merged = newMerge(r.histories, o)
	}
	return r
}

// Next returns the next line, or io.EOF. The line is good until the next call. All calls are to
// be made with the same ctx, with which they end. What cannot be read is passed over and told to
// Options.Warn; an error here ends the reading.
func (r *Reader) Next(ctx context.Context) (Line, error) {
	if r.merged == nil {
		return r.histories[0].Next(ctx)
	}
	return r.merged.next(ctx)
}

// Close ends the reading.
func (r *Reader) Close() error {
	var err error
	if r.merged != nil {
		r.merged.close()
	}
	for _, h := range r.histories {
		err = errors.Join(err, h.close())
	}
	return err
}
