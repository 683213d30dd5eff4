package meter

import (
	"fmt"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryCounters is PROCESS_MEMORY_COUNTERS.
type memoryCounters struct {
	size           uint32
	pageFaults     uint32
	peakWorkingSet uintptr
	workingSet     uintptr
	_              [4]uintptr // quotas of the paged and the non-paged pool
	pagefile       uintptr
	peakPagefile   uintptr
}

var getProcessMemoryInfo = windows.NewLazySystemDLL("kernel32.dll").NewProc("K32GetProcessMemoryInfo")

// Spent tells what the calling process used. What stands for the resident set is the working set; Windows counts
// switches elsewhere.
func Spent() (Spending, error) {
	var created, ended, inKernel, outside windows.Filetime
	if err := windows.GetProcessTimes(windows.CurrentProcess(), &created, &ended, &inKernel, &outside); err != nil {
		return Spending{}, fmt.Errorf("read this process's times: %w", err)
	}
	if err := getProcessMemoryInfo.Find(); err != nil {
		return Spending{}, fmt.Errorf("read this process's memory: %w", err)
	}
	var m memoryCounters
	m.size = uint32(unsafe.Sizeof(m))
	if ok, _, err := getProcessMemoryInfo.Call(uintptr(windows.CurrentProcess()), uintptr(unsafe.Pointer(&m)),
		uintptr(m.size)); ok == 0 {
		return Spending{}, fmt.Errorf("read this process's memory: %w", err)
	}
	return Spending{User: span(outside), System: span(inKernel), MaxRSS: int64(m.peakWorkingSet)}, nil
}

// span is a duration that Windows tells in steps of 100 ns, in two halves; Filetime.Nanoseconds takes it for a date.
func span(f windows.Filetime) time.Duration {
	return time.Duration(int64(f.HighDateTime)<<32|int64(f.LowDateTime)) * 100
}
