//go:build !race

package socket

const watched = false
