// Package pace sleeps precisely: below the millisecond that Go's timers round
// to, and without spinning unless asked to.
package pace
