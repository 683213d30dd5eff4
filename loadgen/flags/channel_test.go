package flags_test

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// A service config is what grpc-go takes for one, given as it is or by its file.
func TestServiceConfig(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "@" + path
	}
	const good = `{"loadBalancingConfig":[{"round_robin":{}}]}`
	for _, tt := range []struct{ reason, transport, config, want, refused string }{
		{"as it is", "grpc", good, good, ""},
		{"from a file, whose text the plan keeps", "grpc", file("good", good+"\n"), good, ""},
		{"no JSON", "grpc", "{", "", "-service-config: "},
		{
			"JSON of the wrong kind", "grpc", `{"methodConfig":[{"name":[{}],"retryPolicy":{"maxAttempts":1}}]}`, "",
			"-service-config: ",
		},
		{"no such file", "grpc", "@" + filepath.Join(dir, "none"), "", "no such file"},
		{"a file that names another", "grpc", file("chain", file("good2", good)), "", "want JSON"},
		{"over wire, which knows none", "wire", good, "", "it is for -transport grpc"},
		{"over rest", "rest", good, "", "it is for -transport grpc"},
	} {
		args := []string{"-rpc", "Search", "-transport", tt.transport, "-service-config", tt.config}
		if tt.refused != "" {
			says(t, tt.reason, refused(t, args...), tt.refused)
			continue
		}
		if p, err := readRun(args, io.Discard); err != nil || p.ServiceConfig != tt.want {
			t.Errorf("%s: %q, %v, want %q", tt.reason, p.ServiceConfig, err, tt.want)
		}
	}
}

func TestKeepalive(t *testing.T) {
	for _, tt := range []struct{ reason, transport, every, refused string }{
		{"as often as may be", "grpc", "10s", ""},
		{"over wire too", "wire", "1m", ""},
		{"never", "rest", "0s", ""},
		{"oftener than grpc-go asks", "grpc", "9s", "want 10s or more"},
		{"less than never", "wire", "-1s", "want 10s or more"},
		{"over HTTP/1.1", "rest", "10s", "it is for -transport grpc and wire"},
	} {
		args := []string{"-rpc", "Search", "-transport", tt.transport, "-keepalive", tt.every}
		if tt.refused != "" {
			says(t, tt.reason, refused(t, args...), tt.refused)
			continue
		}
		if _, err := readRun(args, io.Discard); err != nil {
			t.Errorf("%s: %v", tt.reason, err)
		}
	}
}
