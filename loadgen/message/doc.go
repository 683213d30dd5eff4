// Package message makes the messages that calls send, and judges the answers.
//
// Data is JSON with slots (${...}). It is compiled once, along the message's descriptor, into a [Program] that appends
// bytes: what never changes as it is, and of each slot the value. A value is a function of the seed, the call's number,
// the message's and the slot, so that nothing is kept of a call and any process can make its data again. What is
// expected of an answer is JSON too, an [Expectation], and is held against the answer's bytes.
package message
