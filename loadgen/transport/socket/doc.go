// Package socket reads and writes sockets without a word to Go's scheduler.
package socket
