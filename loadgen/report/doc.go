// Package report shows what results folders hold to people: as text, markdown, CSV, JSON and HTML. It reads documents,
// and for the course of a run its latency log; it measures and judges nothing.
//
// [Write] collects all that lies in folders. A run goes through [Show], an experiment through [ShowExperiment]; each
// format has a file, and each kind of experiment one. Tables are made once, as rows of text, and every format draws
// them.
package report
