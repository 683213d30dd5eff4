// Package conformance holds the transports that speak gRPC against the protocol,
// in tests alone: grpc-go's interop service is called through each of them, and a
// server that follows a script gives each the same odd answers, of which they must
// make the same.
package conformance
