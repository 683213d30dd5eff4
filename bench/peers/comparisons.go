package main

import (
	"fmt"
	"runtime"
	"slices"
	"strconv"
)

// Sizes of the comparisons: calls in flight, messages of a stream, bytes of a chunk.
const (
	workers = 50
	inCall  = 1000
	chunks  = 100
	chunk   = 64 << 10
)

// comparisons are made in this order; the first arm of each is what the others are compared to.
func (t *tools) comparisons(n int) []*comparison {
	c := strconv.Itoa(workers)
	unary := &comparison{
		title: fmt.Sprintf("Search, unary, 1 connection (k6: %d), %d in flight, %d calls a round", workers, workers, n),
		unit:  "µs a call", per: float64(n), rate: "calls/s",
		arms: []*arm{
			t.bareArm("Search", "-n", strconv.Itoa(n), "-c", c),
			t.loadgenArm("grpc", "-rpc", "Search", "-n", strconv.Itoa(n), "-c", c),
			t.loadgenArm("wire", "-rpc", "Search", "-n", strconv.Itoa(n), "-c", c),
			{name: "TCP echo", argv: []string{t.self, "floor", "-addr", t.echo, "-n", strconv.Itoa(n), "-c", c}},
		},
	}
	if t.h2load != "" {
		unary.arms = append(unary.arms, &arm{name: "h2load", argv: []string{
			t.h2load, "-n", strconv.Itoa(n), "-c", "1", "-m", c, "-t", "1", "-d", t.request,
			"-H", "content-type: application/grpc", "-H", "te: trailers", "http://" + t.addr +
				"/person.SearchService/Search",
		}})
	}
	if t.ghz != "" {
		unary.arms = append(unary.arms, t.ghzArm(`{"name":"0123456789abcdef","age":36,"body":{"name":"hi"}}`, n))
	}
	if t.k6 != "" {
		unary.arms = append(unary.arms, &arm{name: "k6", argv: []string{
			t.k6, "run", "--quiet", "--no-usage-report", "--vus", c, "--iterations", strconv.Itoa(n), t.k6Setup,
		}})
	}
	// A message in lockstep costs about as much as a call.
	calls := max(workers, n/inCall)
	lockstep := &comparison{
		title: fmt.Sprintf("SearchIO, ping-pong on %d open streams of %d messages, 1 connection, %d messages a round",
			workers, inCall, calls*inCall),
		unit: "µs a message", per: float64(calls * inCall), rate: "messages/s",
		arms: []*arm{
			t.bareArm("SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages", strconv.Itoa(inCall)),
			t.loadgenArm("grpc", "-rpc", "SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages",
				strconv.Itoa(inCall)),
			t.loadgenArm("wire", "-rpc", "SearchIO", "-n", strconv.Itoa(calls), "-c", c, "-messages",
				strconv.Itoa(inCall)),
		},
	}
	uploads := max(4, n/500)
	upload := &comparison{
		title: fmt.Sprintf("CreateRepo, %d chunks of 64 KiB a call, 4 in flight, 1 connection, %d MiB a round", chunks,
			uploads*chunks*chunk>>20),
		unit: "µs a MiB", per: float64(uploads * chunks * chunk >> 20), rate: "MiB/s",
		arms: []*arm{
			t.bareArm("CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages", strconv.Itoa(chunks)),
			t.loadgenArm("grpc", "-rpc", "CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages",
				strconv.Itoa(chunks), "-size", strconv.Itoa(chunk)),
			t.loadgenArm("wire", "-rpc", "CreateRepo", "-n", strconv.Itoa(uploads), "-c", "4", "-messages",
				strconv.Itoa(chunks), "-size", strconv.Itoa(chunk)),
		},
	}
	all := []*comparison{unary, lockstep, upload, t.ownData(n)}
	if runtime.GOOS == "linux" {
		all = append(all, t.openLoop(n/10))
	}
	return all
}

// ownData compares what it costs that each call sends data of its own, that a part of it is a row of a file, which a
// processor cannot foresee, and that two fields of its answer are looked at.
func (t *tools) ownData(n int) *comparison {
	const (
		same  = `{"name":"00000017 16f27b64-9d4a-4b5c-8d77-3f1a2b3c4d5e first500","age":36,"body":{"name":"hi"}}`
		three = `{"name":"${seq:08} ${uuid} first500","age":"${int(1,90)}","body":{"name":"hi"}}`
		slots = `{"name":"${seq:08} ${uuid} ${row.first}","age":"${int(1,90)}","body":{"name":"hi"}}`
		asked = `{"name":"我收到了${seq:08} ${uuid} ${row.first}的信息","age":"${int(1,90)}"}`
		ghz   = `{"name":"{{.RequestNumber}} {{.UUID}} {{randomString 8}}","age":"{{randomInt 1 90}}","body":{"name":"hi"}}`
	)
	args := []string{"-rpc", "Search", "-n", strconv.Itoa(n), "-c", strconv.Itoa(workers)}
	own := slices.Concat(args, []string{"-data", slots, "-feed", t.people + ",shuffle"})
	c := &comparison{
		title: fmt.Sprintf("Search, calls with data of their own, %d in flight, %d calls a round", workers, n),
		unit:  "µs a call", per: float64(n), rate: "calls/s",
		arms: []*arm{
			t.loadgenArm("wire", append(args, "-data", same)...),
			t.loadgenArm("wire", slices.Concat(args, []string{"-data", three})...).called("three slots"),
			t.loadgenArm("wire", own...).called("and a row"),
			t.loadgenArm("wire", append(own, "-expect", asked)...).called("and expected"),
		},
	}
	if t.ghz != "" {
		c.arms = append(c.arms, t.ghzArm(ghz, n).called("ghz template"))
	}
	return c
}

// openLoop compares what calls cost that come one by one, and are not sent together with others.
func (t *tools) openLoop(n int) *comparison {
	const rate = "5000"
	args := []string{"-rpc", "Search", "-n", strconv.Itoa(n), "-rate", rate, "-arrival", "poisson"}
	return &comparison{
		title: fmt.Sprintf("Search, an open loop of %s/s, Poisson, 1 connection, %d calls a round", rate, n),
		unit:  "µs a call", per: float64(n), rate: "calls/s",
		arms: []*arm{
			{name: "timer, echo", argv: []string{
				t.self, "floor", "-addr", t.echo, "-n", strconv.Itoa(n), "-rate", rate,
			}},
			t.loadgenArm("grpc", args...),
			t.loadgenArm("wire", args...),
		},
	}
}
