package cores

import (
	"fmt"
	"io"
	"os"
	"os/exec"

	"grpcbench/loadgen/child"
)

// KeepAwake keeps the machine's cores from going to sleep, by a process that
// takes what nobody else wants of them (`<this binary> keep-awake`). A core that
// sleeps wakes up the later the longer it slept, so what makes a call longer
// would seem to cost more than it takes. The process ends with stop, and when
// this one does.
func KeepAwake() (stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this binary to keep the cores awake: %w", err)
	}
	cmd := exec.Command(self, "keep-awake") //nolint:noctx // its stdin ends it
	cmd.Args[0] = os.Args[0]
	cmd.SysProcAttr = child.OwnGroup()
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("keep the cores awake: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("keep the cores awake: %w", err)
	}
	return func() {
		_ = stdin.Close()
		_ = cmd.Wait() // it has nothing to say
	}, nil
}

// untilEnd returns when r ends.
func untilEnd(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
