package main

import (
	"context"
	"io"
)

func rotationPart(context.Context, settings, string, *report, io.Writer) error { return nil }
