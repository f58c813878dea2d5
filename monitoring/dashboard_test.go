package monitoring_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct {
		List []struct {
			Name, Type, AllValue string
			Query                json.RawMessage
			Datasource           source
		}
	}
	Panels []panel
}

type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  source
	GridPos     struct{ X, Y, W, H int }
	FieldConfig struct {
		Defaults struct{ Unit string }
	}
	Targets []target
}

type target struct {
	RefID        string
	Datasource   source
	Expr         string
	LegendFormat string
}

type source struct{ Type, UID string }

// Every panel asks for metrics that there are, by labels that they have, from the source that was
// chosen, for the nodes that were chosen, and names its lines by labels that its answer has: a graph
// of anything else is empty, or has nameless lines, and nobody is told.
func TestDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	const (
		ofOurs = " and on (job, instance) cri_logshim_build_info" // narrows what every program has to the daemon's
		calls  = `grpc_service=~"runtime[.].*"`                   // the same of what every server of gRPC has
	)
	known := allMetrics(t)
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	ofChosen := regexp.MustCompile(`[a-z_]+\{instance=~"\$instance"[^}]*\}`)
	othersToo := regexp.MustCompile(`\b(?:grpc_server|process|go)_[a-z_]+`)
	for _, p := range shown(t) {
		for _, q := range p.Targets {
			_, labels := known.check(t, p.Title, q.Expr)
			for _, l := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
				if !slices.Contains(labels, l[1]) {
					t.Errorf("%s: its legend names the label %q, which its lines do not have", p.Title, l[1])
				}
			}
			rest := strings.ReplaceAll(ofChosen.ReplaceAllString(q.Expr, ""), ofOurs, "")
			if unchosen := mention().FindString(rest); unchosen != "" {
				t.Errorf("%s: %s is asked for of all nodes", p.Title, unchosen)
			}
			if other := othersToo.FindString(q.Expr); other != "" && !strings.Contains(q.Expr, calls) && !strings.Contains(q.Expr, ofOurs) {
				t.Errorf("%s: %s is that of other programs too", p.Title, other)
			}
		}
	}
}

// Every metric of the daemon's own is on the dashboard, or there is a reason why not.
func TestDashboardShowsEveryMetric(t *testing.T) {
	t.Parallel()
	notShown := map[string]string{
		"cri_logshim_elsewhere_links_made_total": "it grows with each container where Docker runs, and says nothing else",
		"cri_logshim_invalid_annotations_total":  "the pod's owner is to act, and the daemon's log names the pod",
		"cri_logshim_observed_excess_files":      "cri_logshim_observed_excess_bytes says it in what matters",
	}
	known := allMetrics(t)
	var all []string
	for _, p := range shown(t) {
		for _, q := range p.Targets {
			asked, _ := known.check(t, p.Title, q.Expr)
			all = append(all, asked...)
		}
	}
	for name := range known {
		if _, left := notShown[name]; strings.HasPrefix(name, "cri_logshim_") && slices.Contains(all, name) == left {
			t.Errorf("%s is neither shown nor left out for a reason, or both", name)
		}
	}
	for name, reason := range notShown {
		if _, is := known[name]; !is || reason == "" {
			t.Errorf("%s is left out for the reason %q, and perhaps not there", name, reason)
		}
	}
}

// A dashboard that Grafana imports as it is: its panels have ids of their own, lie beside and not over each
// other, and each says what it shows, in which unit, of which source.
func TestDashboardIsWhole(t *testing.T) {
	t.Parallel()
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 39 {
		t.Errorf("the dashboard is called %q, with the uid %q and the schema version %d", d.Title, d.UID, d.SchemaVersion)
	}
	chosen := source{"prometheus", "${datasource}"}
	known := allMetrics(t)
	variables := map[string]string{}
	for _, v := range d.Templating.List {
		variables[v.Name] = v.Type
		if v.Type == "query" {
			var asks struct{ Query string }
			if err := json.Unmarshal(v.Query, &asks); err != nil {
				t.Errorf("the variable %q: %v", v.Name, err)
			}
			known.check(t, v.Name, asks.Query)
			if v.Datasource != chosen || v.AllValue != ".+" { // else All is a list of all nodes, which can be too long for a URL
				t.Errorf("the variable %q asks %v, and for all by %q", v.Name, v.Datasource, v.AllValue)
			}
		}
	}
	if variables["datasource"] != "datasource" || variables["instance"] != "query" {
		t.Errorf("the variables are %v", variables)
	}
	ids, cells := map[int]string{}, map[[2]int]string{}
	for _, p := range d.Panels {
		if other, taken := ids[p.ID]; taken || p.ID < 1 {
			t.Errorf("%q has the id %d, as %q", p.Title, p.ID, other)
		}
		ids[p.ID] = p.Title
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
			t.Errorf("%q lies outside of the grid: %+v", p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, taken := cells[[2]int{x, y}]; taken {
					t.Fatalf("%q lies over %q", p.Title, other)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
	units := []string{"short", "bytes", "Bps", "ops", "reqps", "s", "percentunit"} // Grafana writes any other id behind the number
	for _, p := range shown(t) {
		if !slices.Contains(units, p.FieldConfig.Defaults.Unit) {
			t.Errorf("%q has the unit %q", p.Title, p.FieldConfig.Defaults.Unit)
		}
		if p.Title == "" || !strings.HasSuffix(p.Description, ".") || p.Datasource != chosen || len(p.Targets) == 0 {
			t.Errorf("the panel %q lacks something: %+v", p.Title, p)
		}
		refs := map[string]bool{}
		for _, q := range p.Targets {
			if refs[q.RefID] || q.Datasource != chosen {
				t.Errorf("%q: its target %q has the id of another one, or asks %v", p.Title, q.RefID, q.Datasource)
			}
			refs[q.RefID] = true
		}
	}
}

// shown are the panels that are no rows.
func shown(t *testing.T) []panel {
	t.Helper()
	panels := slices.DeleteFunc(readDashboard(t).Panels, func(p panel) bool { return p.Type == "row" })
	if len(panels) == 0 {
		t.Fatal("the dashboard has no panel")
	}
	return panels
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	text, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}
