// Package meet brings the processes of one run together: shards, of which shard 0 is the host and the others are its
// guests.
//
// A guest says who it is, and the host takes it or says why not. Once all connections of all are open the host compares
// their clocks, each by the exchange that took least time, and tells each when to start, in its own clock. From then on
// a guest sends what it recorded in each second, and at the end its report; the host may tell it to stop. Messages
// travel over a link: a gRPC stream, or a pair of files in a folder that both see.
package meet
