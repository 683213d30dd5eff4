package transport

import "strings"

// Hint is what a person may have meant whose connection, over TLS or not, failed with this text; empty where nothing is
// known.
func Hint(text string, secure bool) string {
	has := func(parts ...string) bool {
		for _, p := range parts {
			if strings.Contains(text, p) {
				return true
			}
		}
		return false
	}
	switch {
	case has("malformed HTTP response") && has(`"\x15\x03`): // an alert of TLS
		return "it speaks TLS: did you mean -tls?"
	case has("malformed HTTP response"):
		return "it speaks no HTTP/1.1: is it a gRPC server, for -transport grpc or wire?"
	case has("HTTP request to an HTTPS server", "HTTP request was sent to HTTPS port"):
		return "it speaks TLS: did you mean -tls?"
	case secure && has("certificate required", "bad certificate"):
		return "it wants a client's certificate: -cert and -key"
	case has("HTTP/1.1"):
		return "it speaks HTTP/1.1: is it a gateway, for -transport rest?"
	case secure && has("first record does not look like a TLS handshake"):
		return "it speaks plaintext: try without -tls"
	case !secure && has("server preface", "before the server's SETTINGS") && has("EOF", "connection reset"):
		return "it hung up at plaintext: did you mean -tls?"
	default:
		return ""
	}
}

// Explain adds the hint to an error, where there is one.
func Explain(err error, secure bool) error {
	if hint := Hint(err.Error(), secure); hint != "" {
		return &explained{err, hint}
	}
	return err
}

type explained struct {
	err  error
	hint string
}

func (e *explained) Error() string { return e.err.Error() + " (" + e.hint + ")" }
func (e *explained) Unwrap() error { return e.err }
