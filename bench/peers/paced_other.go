//go:build !linux

package main

import "errors"

// pacedFloor is there on Linux alone.
func pacedFloor(string, int, float64) error {
	return errors.New("an open loop's floor is measured on Linux alone")
}
