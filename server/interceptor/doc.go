// Package interceptor holds the target's server interceptors, unary and stream. It knows no service.
//
// A chain is named by a list such as "recovery,requestid,metrics", outermost
// first. Every interceptor is safe for concurrent use once built.
package interceptor
