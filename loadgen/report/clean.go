package report

import (
	"html"
	"slices"
	"strings"
	"unicode"

	"grpcbench/loadgen/result"
)

// stripControls makes one line of text from outside: labels, addresses, and what a
// server said, which a terminal must not obey.
func stripControls(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}

// CleanLine is text from outside on one line that a terminal does not obey.
func CleanLine(s string) string { return stripControls(s) }

// markup is plain text that markdown, which passes HTML on, shows as it is.
func markup(s string) string { return html.EscapeString(stripControls(s)) }

// clean returns a copy of d in which every text from outside went through how.
func clean(d *result.Document, how func(string) string) *result.Document {
	c := *d
	all := func(s []string) []string {
		s = slices.Clone(s)
		for i := range s {
			s[i] = how(s[i])
		}
		return s
	}
	c.Plan.Name, c.Plan.Out, c.Target.Addr = how(d.Plan.Name), how(d.Plan.Out), how(d.Target.Addr)
	c.Target.Interceptors, c.Notes, c.Verdict.Reasons = all(d.Target.Interceptors), all(d.Notes), all(d.Verdict.Reasons)
	c.Addresses = slices.Clone(d.Addresses)
	for i := range c.Addresses {
		c.Addresses[i].Addr = how(c.Addresses[i].Addr)
	}
	c.Exemplars, c.SLO = slices.Clone(d.Exemplars), slices.Clone(d.SLO)
	for i := range c.Exemplars {
		c.Exemplars[i].Message = how(c.Exemplars[i].Message)
	}
	for i := range c.SLO {
		c.SLO[i].Objective, c.SLO[i].Result = how(c.SLO[i].Objective), how(c.SLO[i].Result)
	}
	c.Environment.CPUModel, c.Environment.Kernel = how(d.Environment.CPUModel), how(d.Environment.Kernel)
	return &c
}
