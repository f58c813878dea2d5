package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"

	"github.com/cri-logshim/cri-logshim/logreader"
)

// fleet is a logreader.Source of pods on several nodes: where each is was found out before.
type fleet struct {
	homes    map[logreader.Pod]logreader.Source
	watching atomic.Int64
}

func newFleet() *fleet { return &fleet{homes: map[logreader.Pod]logreader.Source{}} }

// Pods implements logreader.Source.
func (f *fleet) Pods(context.Context) ([]logreader.Pod, error) {
	var pods []logreader.Pod
	for p := range f.homes {
		pods = append(pods, p)
	}
	slices.SortFunc(pods, func(a, b logreader.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name), cmp.Compare(a.UID, b.UID))
	})
	return pods, nil
}

func (f *fleet) home(p logreader.Pod) (logreader.Source, error) {
	if home, ok := f.homes[p]; ok {
		return home, nil
	}
	return nil, fmt.Errorf("find the node of pod %s/%s, UID %s: %w", p.Namespace, p.Name, p.UID, fs.ErrNotExist)
}

// Containers implements logreader.Source.
func (f *fleet) Containers(ctx context.Context, p logreader.Pod) ([]string, error) {
	home, err := f.home(p)
	if err != nil {
		return nil, err
	}
	return home.Containers(ctx, p)
}

// Files implements logreader.Source.
func (f *fleet) Files(ctx context.Context, c logreader.Container) (logreader.Listing, error) {
	home, err := f.home(c.Pod)
	if err != nil {
		return logreader.Listing{}, err
	}
	return home.Files(ctx, c)
}

// Open implements logreader.Source.
func (f *fleet) Open(ctx context.Context, c logreader.Container, file logreader.File) (logreader.Handle, error) {
	home, err := f.home(c.Pod)
	if err != nil {
		return nil, err
	}
	return home.Open(ctx, c, file)
}

// Watch implements logreader.Source.
func (f *fleet) Watch(ctx context.Context, c logreader.Container) (logreader.Bell, error) {
	home, err := f.home(c.Pod)
	if err != nil {
		return nil, err
	}
	one, err := home.Watch(ctx, c)
	if err != nil {
		return nil, err
	}
	f.watching.Add(1)
	return &bell{one, &f.watching}, nil
}

// crowd is how many containers are looked at as often as each alone would be. Beyond it all of them are
// looked at less often, so that the API server gets no more questions.
const crowd = 4

// bell rings the more seldom the more there are.
type bell struct {
	logreader.Bell
	watching *atomic.Int64
}

// Wait implements logreader.Bell.
func (b *bell) Wait(ctx context.Context) error {
	for range 1 + (b.watching.Load()-1)/crowd {
		if err := b.Bell.Wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close implements logreader.Bell.
func (b *bell) Close() error {
	b.watching.Add(-1)
	return b.Bell.Close()
}
