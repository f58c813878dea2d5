package main

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/cri-logshim/cri-logshim/admin"
	"github.com/cri-logshim/cri-logshim/admin/api"
	"github.com/cri-logshim/cri-logshim/logmgr"
)

// Rotate implements admin.Worker.
func (f *facts) Rotate(ctx context.Context, id string) (api.RotateResult, error) {
	made, err := f.daemon.logs.Rotate(ctx, id)
	switch {
	case errors.Is(err, logmgr.ErrNotFound):
		return api.RotateResult{}, admin.Refusal{Status: http.StatusNotFound, Err: err}
	case errors.Is(err, logmgr.ErrNotRotated):
		return api.RotateResult{Reason: strings.TrimPrefix(err.Error(), logmgr.ErrNotRotated.Error()+": ")}, nil
	case err != nil:
		return api.RotateResult{}, err
	}
	return api.RotateResult{Rotated: true, Bytes: made.Bytes, File: made.File}, nil
}

// Prune implements admin.Worker.
func (f *facts) Prune(ctx context.Context, request api.PruneRequest) (api.PruneResult, error) {
	result := api.PruneResult{DryRun: request.DryRun, Files: []api.PrunedFile{}}
	gone, err := f.daemon.logs.Prune(ctx, logmgr.PruneOrder{DryRun: request.DryRun, Kept: request.Kept})
	if errors.Is(err, logmgr.ErrNothingRemoved) {
		return result, admin.Refusal{Status: http.StatusConflict, Err: err}
	}
	if err != nil {
		return result, err
	}
	for _, g := range gone {
		result.Files = append(result.Files, api.PrunedFile{Namespace: g.Namespace, Pod: g.Pod, Container: g.Container, Name: g.Name, Bytes: g.Bytes, Reason: g.Reason})
		result.Bytes += g.Bytes
	}
	return result, nil
}
