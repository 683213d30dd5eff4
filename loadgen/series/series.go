// Package series names the latency populations of a run, in one table: whoever records, judges, shows or exports them
// reads it, so that each has one name, one meaning and one place in every table.
package series

// Series names a latency population. Its values are nanoseconds.
type Series uint8

// The series, in the order in which they are shown. Response, Lag and Pacing have meanings of their own in an open loop
// only: without an intended time a response is its service.
const (
	Response Series = iota
	Service
	Lag
	Pacing
	FirstMessage
	MessageRTT
	MessageResponse
	MessageGap
	SendBlocked
	// Count is how many there are.
	Count
)

var table = [Count]struct {
	name, help string
	compared   bool
}{
	Response: {"response", "Time from a call's intended start to its end; in a closed loop, its service time. A call " +
		"that was never answered counts with the time that it waited.", true},
	Service: {"service", "Time from a call's send to its end.", true},
	Lag:     {"lag", "Time from a call's intended start to its send.", false},
	Pacing: {"pacing", "Time from when a call was due and its worker free to its send: the load generator's own part " +
		"of the lag, " +
		"but for what the server held back.", false},
	FirstMessage:    {"first_message", "Time from a call's start to its first answer.", true},
	MessageRTT:      {"message_rtt", "Time from a message's send to its answer.", true},
	MessageResponse: {"message_response", "Time from a message's intended send to its answer.", true},
	MessageGap:      {"message_gap", "Time between two answers of a stream.", true},
	SendBlocked:     {"send_blocked", "Time from a message's send until the transport took it.", false},
}

// String is the series' name, as documents, logs and objectives spell it.
func (s Series) String() string { return table[s].name }

// Help says what the series' values are, in a sentence.
func (s Series) Help() string { return table[s].help }

// Within says whether the series' values are of messages within calls, many a call.
func (s Series) Within() bool { return s >= FirstMessage }

// Named is the series of a name; ok is false where there is none.
func Named(name string) (s Series, ok bool) {
	for s := range Count {
		if table[s].name == name {
			return s, true
		}
	}
	return 0, false
}

// Names are those of all series, in order.
func Names() []string { return names(func(Series) bool { return true }) }

// ComparedNames are those of the series in which two builds of a server are compared: the others are the load
// generator's own.
func ComparedNames() []string { return names(func(s Series) bool { return table[s].compared }) }

func names(which func(Series) bool) (all []string) {
	for s := range Count {
		if which(s) {
			all = append(all, table[s].name)
		}
	}
	return all
}
