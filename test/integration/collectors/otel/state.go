package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"

	"go.opentelemetry.io/collector/extension/xextension/storage"
)

// state is what the file consumer wants to find again after a restart, in one file.
type state struct {
	name string
	mu   sync.Mutex
	kept map[string][]byte
}

func load(name string) (*state, error) {
	s := &state{name: name, kept: map[string][]byte{}}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &s.kept)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return s, nil
}

func (s *state) Get(_ context.Context, key string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.kept[key], nil
}

func (s *state) Set(ctx context.Context, key string, value []byte) error {
	return s.Batch(ctx, storage.SetOperation(key, value))
}

func (s *state) Delete(ctx context.Context, key string) error {
	return s.Batch(ctx, storage.DeleteOperation(key))
}

// Batch carries out operations and replaces the file in one step.
func (s *state) Batch(_ context.Context, operations ...*storage.Operation) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := false
	for _, o := range operations {
		switch o.Type {
		case storage.Get:
			o.Value = s.kept[o.Key]
			continue
		case storage.Set:
			s.kept[o.Key] = o.Value
		case storage.Delete:
			delete(s.kept, o.Key)
		}
		changed = true
	}
	if !changed {
		return nil
	}
	text, err := json.Marshal(s.kept)
	if err == nil {
		err = os.WriteFile(s.name+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(s.name+".new", s.name)
	}
	if err != nil {
		return fmt.Errorf("write the state: %w", err)
	}
	return nil
}
