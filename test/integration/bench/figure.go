package main

import "fmt"

// The paths' names.
const (
	direct    = "direct"
	shimmed   = "shim"
	typedPath = "typed"
)

// figure is one measured quantity: a line of the table.
type figure struct {
	Row    string             `json:"row"`
	Name   string             `json:"name"`
	Unit   string             `json:"unit"`
	Values map[string]float64 `json:"values"`           // by path, or "shim" alone
	Ratios map[string]float64 `json:"ratios,omitempty"` // such as "shim/direct"; no unit
	Goals  []goal             `json:"goals,omitempty"`
}

// goal is a bound that a figure or one of its ratios should keep.
type goal struct {
	Text  string  `json:"text"`
	Value float64 `json:"value"`
	Limit float64 `json:"limit"`
	Unit  string  `json:"unit"` // "1" for a ratio
	Met   bool    `json:"met"`
}

// atMost is a goal with an upper bound.
func atMost(text string, value, limit float64, unit string) goal {
	return goal{Text: text, Value: value, Limit: limit, Unit: unit, Met: value <= limit}
}

// atLeast is a goal with a lower bound, of a ratio or a number.
func atLeast(text string, value, limit float64) goal {
	return goal{Text: text, Value: value, Limit: limit, Unit: "1", Met: value >= limit}
}

const (
	shimToDirect  = "shim/direct"
	typedToDirect = "typed/direct"
	shimToTyped   = "shim/typed"
)

// callFigures are the figures of workloads.
func callFigures(ws []workload, all series) []figure {
	var figures []figure
	for _, w := range ws {
		p50 := callFigure(all, w.name, "latency p50", "µs", percentile(0.50))
		p99 := callFigure(all, w.name, "latency p99", "µs", percentile(0.99))
		rate := callFigure(all, w.name, "calls per second", "1/s", callRate)
		cpu := cpuFigure(all, w.name)
		switch w.name {
		case small:
			p50.Goals = []goal{
				atMost("at most 2.4 × direct", p50.Ratios[shimToDirect], 2.4, "1"),
				atMost("not above typed", p50.Ratios[shimToTyped], 1, "1"),
			}
		case smallMany:
			rate.Goals = []goal{atLeast("at least 0.42 × direct", rate.Ratios[shimToDirect], 0.42)}
		case listMedium:
			p50.Goals = []goal{atMost("at most 1.12 × direct", p50.Ratios[shimToDirect], 1.12, "1")}
			cpu.Goals = []goal{atMost("at most 0.25 × typed", cpu.Ratios[shimToTyped], 0.25, "1")}
		}
		figures = append(figures, p50, p99, rate, cpu)
	}
	return figures
}

// callFigure is one measure on all paths: the medians over the rounds, and the
// medians of the rounds' ratios.
func callFigure(all series, row, name, unit string, measure func(slot) float64) figure {
	d, s, t := all.each(row, direct, measure), all.each(row, shimmed, measure), all.each(row, typedPath, measure)
	return figure{
		Row: row, Name: name, Unit: unit,
		Values: map[string]float64{direct: median(d), shimmed: median(s), typedPath: median(t)},
		Ratios: map[string]float64{
			shimToDirect: medianRatio(s, d), typedToDirect: medianRatio(t, d), shimToTyped: medianRatio(s, t),
		},
	}
}

// cpuFigure is about the proxies alone. It adds the rounds up instead of taking
// their median: garbage is collected in some rounds and not in others, and a
// median would leave that work out.
func cpuFigure(all series, row string) figure {
	s, t := all.total(row, shimmed).cpuPerThousand(), all.total(row, typedPath).cpuPerThousand()
	return figure{
		Row: row, Name: "proxy CPU per 1,000 calls", Unit: "s",
		Values: map[string]float64{shimmed: s, typedPath: t},
		Ratios: map[string]float64{shimToTyped: s / t},
	}
}

// memoryFigures are the figures of the proxies' memory, by path.
func memoryFigures(seen map[string]memory) []figure {
	const row, mebibyte = "resident memory", 1 << 20
	rest := figure{Row: row, Name: "at rest", Unit: "MiB", Values: map[string]float64{}}
	highest := figure{Row: row, Name: "highest after small calls and lists of 500", Unit: "MiB", Values: map[string]float64{}}
	for name, m := range seen {
		rest.Values[name] = float64(m.rest) / mebibyte
		highest.Values[name] = float64(m.highest) / mebibyte
	}
	rest.Goals = memoryGoal(rest.Values[shimmed], 30)
	highest.Goals = memoryGoal(highest.Values[shimmed], 40)
	return []figure{rest, highest}
}

// memoryGoal holds a value in MiB against a limit in MB, which is the stricter reading of the two.
func memoryGoal(mebibytes, limit float64) []goal {
	return []goal{atMost(fmt.Sprintf("at most %v MB", limit), mebibytes*(1<<20)/1e6, limit, "MB")}
}
