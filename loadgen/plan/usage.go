package plan

import "strings"

// UsageError is a command line that cannot be carried out; it names everything that is wrong with it.
type UsageError struct{ Problems []error }

func (e *UsageError) Error() string {
	texts := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		texts[i] = p.Error()
	}
	return strings.Join(texts, "\n")
}

// NewUsageError makes a UsageError of problems, or nil where there are none.
func NewUsageError(problems ...error) error {
	if len(problems) == 0 {
		return nil
	}
	return &UsageError{Problems: problems}
}
