// Package service holds the target's handlers. They keep no global state, and
// each returns when its stream ends or its context does.
package service
