package top

import (
	"context"

	"github.com/cri-logshim/cri-logshim/admin/api"
)

// Source answers what is shown. The client of the admin API is one.
type Source interface {
	Node(ctx context.Context) (api.Node, error)
	Logs(ctx context.Context) (api.LogList, error)
	Rotate(ctx context.Context, id string) (api.RotateResult, error)
}

// sample is what a source has answered at one time.
type sample struct {
	node api.Node
	logs []api.Log
}

// take asks a source for all that is shown.
func take(ctx context.Context, source Source) (sample, error) {
	node, err := source.Node(ctx)
	if err != nil {
		return sample{}, err
	}
	list, err := source.Logs(ctx)
	if err != nil {
		return sample{}, err
	}
	return sample{node, list.Logs}, nil
}
