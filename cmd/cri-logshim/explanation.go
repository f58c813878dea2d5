package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/cri-logshim/cri-logshim/logmgr"
	"github.com/cri-logshim/cri-logshim/logmgr/criruntime"
	"github.com/cri-logshim/cri-logshim/policy"
)

// explanation is how the logs of a pod's containers are held, and why.
type explanation struct {
	// Configuration is the file that was read, or why it is all defaults.
	Configuration string `json:"configuration"`

	Namespace  string               `json:"namespace"`
	Pod        string               `json:"pod"`
	UID        string               `json:"uid"`
	Containers []explainedContainer `json:"containers"`
	// Notes are about the pod's annotations as a whole.
	Notes []string `json:"notes,omitempty"`
}

type explainedContainer struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Attempt uint32 `json:"attempt"`
	// NotManaged is why none of it is done, or that where the log is cannot be told; empty:
	// all of it is.
	NotManaged string `json:"notManaged,omitempty"`

	// SettingsApply is false where the settings would hold if the log was managed.
	SettingsApply bool               `json:"settingsApply"`
	Settings      []explainedSetting `json:"settings"`
	Problems      []explainedProblem `json:"problems,omitempty"`
}

type explainedSetting struct {
	Name   string      `json:"name"`
	Value  string      `json:"value"`
	Source policy.Kind `json:"source"`
	// Key is the setting in the file, the rule or the annotation.
	Key  string `json:"key,omitempty"`
	Line int    `json:"line,omitempty"`

	from string
}

type explainedProblem struct {
	Annotation string `json:"annotation"`
	Value      string `json:"value"`
	Message    string `json:"message"`
	Ignored    bool   `json:"ignored"`

	text string
}

// newExplanation explains the chosen ones of all containers of a pod.
func newExplanation(s criruntime.Sandbox, all, chosen []logmgr.Container, resolver *policy.Resolver, followed bool) *explanation {
	e := &explanation{Namespace: s.Namespace, Pod: s.Pod, UID: s.PodUID, Notes: notes(s, all, followed)}
	for _, c := range chosen {
		res := resolver.Resolve(c)
		e.Containers = append(e.Containers, explainContainer(c, res))
		if res.Fixed.Kind == policy.FromPolicy && followed && len(c.PodAnnotations) > 0 {
			e.Notes = append(e.Notes, fmt.Sprintf("annotations: not looked at for container %s, since %s is false", c.Name, res.Fixed))
		}
	}
	return e
}

func explainContainer(c logmgr.Container, res policy.Resolution) explainedContainer {
	explained := explainedContainer{Name: c.Name, ID: c.ID, Attempt: c.Attempt, SettingsApply: true}
	for _, s := range res.Settings() {
		explained.Settings = append(explained.Settings, explainedSetting{
			Name: s.Name, Value: s.Value, Source: s.Source.Kind, Key: s.Source.Key, Line: s.Source.Line, from: s.Source.String(),
		})
	}
	for _, p := range res.Problems {
		explained.Problems = append(explained.Problems, explainedProblem{
			Annotation: p.Annotation, Value: p.Value, Message: p.Message, Ignored: p.Ignored, text: p.String(),
		})
	}
	return explained
}

// notManaged takes in why the container's log is not managed; empty: it is.
func (c *explainedContainer) notManaged(reason string) {
	c.NotManaged, c.SettingsApply = reason, reason == ""
}

// notes tells of annotations that no container's settings can show.
func notes(s criruntime.Sandbox, all []logmgr.Container, followed bool) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(s.Annotations)) {
		domain, _, _ := strings.Cut(key, "/")
		container, ours := strings.CutSuffix(domain, logmgr.AnnotationDomain)
		container, dotted := strings.CutSuffix(container, ".")
		switch {
		case !ours || !dotted && container != "":
		case !followed:
			found = append(found, fmt.Sprintf("annotation %q: not looked at, since annotations.enabled is false", key))
		case dotted && !slices.ContainsFunc(all, func(c logmgr.Container) bool { return c.Name == container }):
			found = append(found, fmt.Sprintf("annotation %q: the runtime knows no container %q of this pod", key, container))
		}
	}
	return found
}

func (e *explanation) printText(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	fmt.Fprintf(table, "pod %s/%s, uid %s\n", e.Namespace, e.Pod, e.UID)
	fmt.Fprintf(table, "configuration: %s\n", e.Configuration)
	for _, c := range e.Containers {
		fmt.Fprintf(table, "\ncontainer %s, attempt %d, id %s\n", c.Name, c.Attempt, c.ID)
		if c.NotManaged != "" {
			fmt.Fprintf(table, "not managed: %s\n", c.NotManaged)
			fmt.Fprintln(table, "These settings would apply if it was managed, and do not as it is:")
		}
		fmt.Fprintln(table, "SETTING\tVALUE\tFROM")
		for _, s := range c.Settings {
			fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Value, s.from)
		}
		for _, p := range c.Problems {
			fmt.Fprintln(table, p.text)
		}
	}
	if len(e.Notes) > 0 {
		fmt.Fprintln(table)
	}
	for _, note := range e.Notes {
		fmt.Fprintln(table, note)
	}
	return table.Flush()
}
