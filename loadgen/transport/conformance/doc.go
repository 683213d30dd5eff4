// Package conformance holds the transports against each other: the same odd answers of a server must mean the same over
// grpc-go and over wire. It has tests only.
package conformance
