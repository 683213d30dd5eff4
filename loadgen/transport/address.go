package transport

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// Address is where a server is, as every transport understands it.
type Address struct {
	// Network and Dial are what to connect to: "tcp" and host:port, or "unix" and a path.
	Network, Dial string
	// Authority is what the :authority or Host header says, Host the name that a certificate is for.
	Authority, Host string
	// Scheme is empty, or that of an address which only grpc-go can resolve, as xds.
	Scheme string
}

// ParseAddress reads host:port, [IPv6%zone]:port, unix:path, unix:///path, unix-abstract:name and dns:///host:port. The
// error of anything else says what was meant.
func ParseAddress(addr string) (Address, error) {
	scheme, rest, named := strings.Cut(addr, "://")
	if !named {
		scheme = ""
		if before, after, ok := strings.Cut(addr, ":"); ok &&
			(before == "unix" || before == "unix-abstract" || before == "dns") {
			scheme, rest = before, after
		}
	}
	switch scheme {
	case "http", "https", "grpc", "grpcs":
		_, tls := strings.CutSuffix(scheme, "s")
		hint := strings.TrimRight(rest, "/")
		if tls {
			hint += " with -tls"
		}
		return Address{}, fmt.Errorf("an address has no %s://: want host:port, as %s", scheme, hint)
	case "unix":
		return unixAddress(rest)
	case "unix-abstract":
		return unixAddress("@" + rest)
	case "dns", "passthrough":
		// behind the DNS server's own name, which is grpc-go's to use
		if i := strings.LastIndexByte(rest, '/'); i >= 0 {
			rest = rest[i+1:]
		}
		return tcpAddress(rest)
	case "":
		return tcpAddress(addr)
	default:
		return Address{Scheme: scheme}, nil
	}
}

func unixAddress(path string) (Address, error) {
	if path == "" || path == "@" {
		return Address{}, errors.New("a unix: address wants a path")
	}
	return Address{Network: "unix", Dial: path, Authority: "localhost", Host: "localhost"}, nil
}

func tcpAddress(addr string) (Address, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return Address{}, fmt.Errorf("want host:port, unix:path or dns:///host:port: %w", err)
	}
	if port == "" {
		return Address{}, fmt.Errorf("%s has no port", addr)
	}
	host, _, _ = strings.Cut(host, "%") // a zone is this machine's affair (RFC 6874)
	return Address{Network: "tcp", Dial: addr, Authority: net.JoinHostPort(host, port), Host: host}, nil
}
