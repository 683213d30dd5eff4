package plan

import (
	"slices"
	"strings"
)

// IsSecret says whether the values of a key are nobody's to read in a report. Bytes can be anything, so they are too.
func IsSecret(key string) bool {
	last := key[strings.LastIndexAny(key, "-_.")+1:]
	return slices.Contains([]string{
		"authorization", "auth", "cookie", "token", "key", "apikey", "secret", "password", "passwd", "credential",
		"credentials", "signature", "jwt", "bin",
	}, last)
}
