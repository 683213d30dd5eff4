//go:build !linux

package contract

// maxRSSUnit is the unit of getrusage's ru_maxrss: bytes on Darwin.
const maxRSSUnit = 1
