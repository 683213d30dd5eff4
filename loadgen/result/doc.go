// Package result is the document of a run and the files it is kept in. A run
// writes them; report and compare read nothing else.
package result
