// Package grpcconn carries calls over grpc-go's ClientConn, each worker a
// goroutine. It sees what a grpc-go client sees, client interceptors included.
package grpcconn
