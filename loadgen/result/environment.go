package result

import (
	"bytes"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// Environment is where a run was made.
type Environment struct {
	Go         string `json:"go"`
	GRPC       string `json:"grpc"`
	OS         string `json:"os"`
	Kernel     string `json:"kernel"`
	CPUModel   string `json:"cpu_model"`
	CPUs       int    `json:"cpus"`
	GOMAXPROCS int    `json:"gomaxprocs"`
	Git        string `json:"git"` // the revision this binary was built from, where the build noted it
}

// Capture reads the environment of this process; what the system does not tell stays empty.
func Capture() Environment {
	return Environment{
		Go: runtime.Version(), GRPC: grpcVersion(), OS: runtime.GOOS + "/" + runtime.GOARCH,
		Kernel:   firstLine("/proc/sys/kernel/osrelease"),
		CPUModel: cpuModel(), CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Git: revision(),
	}
}

func firstLine(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return string(bytes.TrimSpace(line))
}

func cpuModel() string {
	data, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// grpcVersion is that of the grpc-go which the binary was built with. To read results one need not link it.
func grpcVersion() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			if m.Path == "google.golang.org/grpc" {
				return strings.TrimPrefix(m.Version, "v")
			}
		}
	}
	return ""
}

// revision is what the go command stamped into the binary.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var hash, modified string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			hash = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "-dirty"
		}
	}
	if hash == "" {
		return ""
	}
	return hash + modified
}
