package flags

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"grpcbench/loadgen/plan"
	"grpcbench/loadgen/transport"
	"grpcbench/server/contract"
)

// metadataFlag collects 'key: value' pairs: what calls carry, and what may be told of it.
type metadataFlag struct{ sent, told *[]string }

func (m metadataFlag) String() string { return "" }

// Set reads one pair. One blank after the colon belongs to the colon. The blanks around a text's value are no part of
// it, by HTTP's rules; the bytes of a -bin key are left as they are, and base64: gives those that no shell can.
func (m metadataFlag) Set(s string) error {
	key, value, ok := strings.Cut(s, ":")
	if key == "" && ok {
		return errors.New("a key that begins with a colon is HTTP/2's own")
	}
	key = strings.ToLower(strings.TrimSpace(key))
	value = strings.TrimPrefix(value, " ")
	switch {
	case !ok || key == "":
		return errors.New("want 'key: value'")
	case strings.Trim(key, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "":
		return fmt.Errorf("%q cannot be a metadata key", key)
	case key == contract.RequestIDKey:
		return errors.New("each call has a request-id of its own")
	case slices.Contains(transportKeys, key):
		return fmt.Errorf("%q belongs to HTTP: a call's metadata cannot set it", key)
	}
	binary := strings.HasSuffix(key, "-bin")
	if !binary {
		value = strings.Trim(value, " \t")
	}
	value, told, err := resolveValue(value)
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	if text, ok := strings.CutPrefix(value, "base64:"); ok && binary {
		bytes, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
		if err != nil {
			return fmt.Errorf("%s: what follows base64: is no base64: %w", key, err)
		}
		value = string(bytes)
	}
	if !binary && strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("the value of %q may hold printable ASCII only; a key that ends in -bin takes any bytes", key)
	}
	if told == "" && plan.IsSecret(key) {
		told = "$" + variable(key)
	} else if told == "" {
		told = escaped(value)
	}
	*m.sent = append(*m.sent, key, value)
	*m.told = append(*m.told, key, told)
	return nil
}

// transportKeys are set by the transports, each in its way.
var transportKeys = []string{
	"te", "host", "content-type", "content-length", "content-encoding", "connection", "keep-alive", "proxy-connection",
	"transfer-encoding", "trailer", "upgrade", "expect",
}

// resolveValue reads a value of the form @FILE or $NAME, and then tells that form: what it stands for is in no file
// that a run writes. A value that begins with @ or $ itself has it doubled.
func resolveValue(value string) (resolved, told string, err error) {
	// slots
	if value == "" || value[0] != '@' && value[0] != '$' || strings.HasPrefix(value, "${") ||
		strings.HasPrefix(value, "$${") {

		return value, "", nil
	}
	if strings.HasPrefix(value[1:], value[:1]) {
		return value[1:], "", nil
	}
	if value[0] == '@' {
		text, err := os.ReadFile(value[1:])
		if err != nil {
			return "", "", fmt.Errorf("read the value: %w", err)
		}
		return strings.TrimSuffix(strings.TrimSuffix(string(text), "\n"), "\r"), value, nil
	}
	text, ok := os.LookupEnv(value[1:])
	if !ok {
		return "", "", fmt.Errorf("the environment has no %s", value[1:])
	}
	return text, value, nil
}

// escaped is the value as a flag has it.
func escaped(value string) string {
	if value != "" && (value[0] == '@' || value[0] == '$') && !strings.HasPrefix(value, "${") &&
		!strings.HasPrefix(value, "$${") {
		return value[:1] + value
	}
	return value
}

// variable is the environment's name for a key's value.
func variable(key string) string {
	return strings.ToUpper(strings.NewReplacer("-", "_", ".", "_").Replace(key))
}

// metadataProblems are those that depend on the transport.
func metadataProblems(p *plan.Plan) (all []error) {
	for i := 0; i+1 < len(p.Metadata); i += 2 {
		key := p.Metadata[i]
		if strings.HasPrefix(key, "grpc-") &&
			(p.Transport != transport.REST || !strings.HasPrefix(key, "grpc-metadata-")) {
			all = append(all, fmt.Errorf("-H %s: keys that begin with grpc- are gRPC's own (with -transport rest, "+
				"grpc-metadata-KEY is the gateway's way to pass KEY on)", key))
		}
	}
	return all
}
