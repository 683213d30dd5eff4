// Package wire carries calls over its own client side of HTTP/2, made for
// generating load: requests are encoded once and patched, a connection's reader
// completes calls and starts the next, nothing is allocated for a call, and no
// goroutine is switched to. What it lacks is an error that says so.
//
// Sources: RFC 9113 (HTTP/2), RFC 7541 (HPACK), gRPC over HTTP/2.
//
// Files are by what happens, and hold what conn, session and stream do for it: dial, receive and headers (frames that
// arrive), send, message (gRPC's framing, and compression), deadline, keepalive, refusal (answers that are not gRPC's),
// status. The types and their lives are in conn, session and stream; what a header block says in fields, pattern and
// wellformed; what is sent as one in request.
package wire
