// Package flagset reads command lines as both binaries do: all that is wrong at once, durations and sizes with their
// units.
package flagset
