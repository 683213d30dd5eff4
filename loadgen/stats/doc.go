// Package stats holds the statistics that results rest on: pure functions,
// safe for concurrent use.
package stats
