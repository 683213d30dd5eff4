// Package contract holds what the target and the load generator must spell alike: metadata keys, the name of the
// server-time metric, and the lines a supervised target exchanges with its parent. The meter, by which both say what
// they used, is here for the same reason.
//
// A supervised target (`loadgen target -supervised`) reads one [Config] line,
// writes one [Ready] line, then answers each [Mark] line with an [Answer] line,
// all of them JSON on stdin and stdout. The end of stdin tells it that its
// parent is gone.
package contract

import "grpcbench/server/meter"

const (
	// RequestIDKey is the metadata key and, over REST, the HTTP header of a call's request id.
	RequestIDKey = "request-id"
	// InjectKey is the metadata key by which a call orders a fault for itself, where the target allows it.
	InjectKey = "x-inject"
	// LoadReportKey is the trailer that carries an ORCA load report; over REST it is a response header, base64.
	LoadReportKey = "endpoint-load-metrics-bin"
	// ServerTimeMetric names the ORCA named metric that holds the target's own handling time of a call, in nanoseconds.
	ServerTimeMetric = "server_time_ns"
)

// Config is the first line a supervised target reads.
type Config struct {
	// Args are the target's flags, as its command line would have them.
	Args []string `json:"args"`
	// More are the flags of further servers in the same process, so that what differs between two of
	// them is their flags alone.
	More [][]string `json:"more,omitempty"`
	// Log is a file that the target logs to, in place of stderr.
	Log string `json:"log,omitempty"`
}

// Ready is the first line a supervised target writes, once it accepts connections.
type Ready struct {
	// Addr is the gRPC listener's address, in the form that loadgen's -addr takes.
	Addr string `json:"addr"`
	// HTTP is the host:port of the REST gateway and of /metrics; empty where there is none.
	HTTP string `json:"http"`
	PID  int    `json:"pid"`
	// Interceptors is the server chain in force, outermost first.
	Interceptors []string `json:"interceptors"`
	// More are the further servers, in the order of [Config].
	More []Ready `json:"more,omitempty"`
}

// Marks a parent may send. A start mark begins a new measured window, a stop mark ends it.
const (
	MarkStart = "start"
	MarkStop  = "stop"
)

// Mark is a line from the parent; the target answers each with an [Answer] line.
type Mark struct {
	Mark string `json:"mark"`
	// Seq comes back in the answer, so that one which came too late is not taken for the next.
	Seq int `json:"seq"`
	// Collect has the target collect its garbage before the window, so that it does not pay for what came before.
	Collect bool `json:"collect,omitempty"`
}

// Answer is a target's answer to a [Mark]: what it used since the last start mark.
type Answer struct {
	Seq int `json:"seq"`
	meter.Usage
	// Goroutines is how many there are now.
	Goroutines int `json:"goroutines"`
	// Handled are the calls since the last mark, of servers that observe them.
	Handled []Handled `json:"handled,omitempty"`
}

// Handled is what the server saw of one call. Times are nanoseconds of the wall
// clock since 1970; 0 is what has not come to pass.
type Handled struct {
	ID       string `json:"id"` // request id
	Received int64  `json:"received"`
	Deadline int64  `json:"deadline"`
	// Done is when the context ended, which it does right after the answer at the latest; Cancelled, that
	// it was not by its own deadline: perhaps by the caller's reset at the same time.
	Done      int64 `json:"done"`
	Cancelled bool  `json:"cancelled"`
	// Answered is when the chain answered, with Code; Returned when the handler itself was over.
	Answered int64 `json:"answered"`
	Code     int   `json:"code"`
	Returned int64 `json:"returned"`
}
