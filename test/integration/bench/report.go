package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// report is everything that a run found out.
type report struct {
	Machine  machine   `json:"machine"`
	Began    time.Time `json:"began"`
	Seconds  float64   `json:"seconds"` // that the run took
	Settings []setting `json:"settings"`
	Figures  []figure  `json:"figures"`
	Trials   []outcome `json:"trials,omitempty"` // of the kubelet part
}

// setting is one fact about how the run was made.
type setting struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// missed are the goals that were not met.
func (r report) missed() []goal {
	var missed []goal
	for _, f := range r.Figures {
		for _, g := range f.Goals {
			if !g.Met {
				missed = append(missed, g)
			}
		}
	}
	return missed
}

func (r report) writeJSON(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the report: %w", err)
	}
	return os.WriteFile(path, append(data, '\n'), 0o644)
}

// lineFormat is a line of the table: what, unit, three paths, three ratios, goals.
const lineFormat = "%-46s %-4s %8s %8s %8s %12s %13s %11s  %s"

// writeTable prints the report for a person.
func (r report) writeTable(w io.Writer) error {
	var text strings.Builder
	line := func(columns ...any) {
		text.WriteString(strings.TrimRight(fmt.Sprintf(lineFormat, columns...), " ") + "\n")
	}
	m := r.Machine
	fmt.Fprintf(&text, "%s, %d cores, Linux %s, %s %s.\nAbsolute figures hold for this machine and hour: compare the ratios.\n\n",
		m.Processor, m.Cores, m.Kernel, m.Go, m.Platform)
	if len(r.Figures) > 0 {
		line("", "unit", direct, shimmed, typedPath, shimToDirect, typedToDirect, shimToTyped, "goal")
	}
	row := ""
	for _, f := range r.Figures {
		if f.Row != row {
			row = f.Row
			text.WriteString(row + "\n")
		}
		line("  "+f.Name, f.Unit,
			optional(f.Values, direct), optional(f.Values, shimmed), optional(f.Values, typedPath),
			optional(f.Ratios, shimToDirect), optional(f.Ratios, typedToDirect), optional(f.Ratios, shimToTyped),
			verdicts(f.Goals))
	}
	writeTrials(&text, r.Trials)
	fmt.Fprintf(&text, "\n%d of %d goals met, in %.0f s.\n", r.goals()-len(r.missed()), r.goals(), r.Seconds)
	_, err := io.WriteString(w, text.String())
	return err
}

// goals is how many goals the report's figures have.
func (r report) goals() int {
	n := 0
	for _, f := range r.Figures {
		n += len(f.Goals)
	}
	return n
}

func optional(values map[string]float64, key string) string {
	if value, ok := values[key]; ok {
		return number(value)
	}
	return "–"
}

func verdicts(goals []goal) string {
	texts := make([]string, len(goals))
	for i, g := range goals {
		texts[i] = g.Text + ": NOT MET"
		if g.Met {
			texts[i] = g.Text + ": met"
		}
	}
	return strings.Join(texts, "; ")
}

// number prints three significant digits, and whole numbers from 100 on.
func number(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100 || v == math.Trunc(v):
		return strconv.FormatFloat(v, 'f', 0, 64)
	case size >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case size >= 1:
		return strconv.FormatFloat(v, 'f', 2, 64)
	default:
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
}
