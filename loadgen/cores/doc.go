// Package cores says which processes run on which of the machine's cores, and keeps these from sleeping: an experiment
// compares costs that are less than what the scheduler's choice, or a core that wakes up, moves a call by.
package cores
