// Package experiment holds what answers one question by many measurements: what interceptors cost ([Overhead]), how
// deadlines behave ([Timeouts]), how much a service takes ([Capacity]). Plans in, documents out.
//
// The first two make blocks of single calls, by turns, on servers of one process that they start; the third is handed
// what it measures with, and only decides which load is next.
package experiment
