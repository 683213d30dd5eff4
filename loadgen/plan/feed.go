package plan

import "strings"

// Feed is a file whose rows data draws from.
type Feed struct{ Name, File, Order string }

// ParseFeed reads what -feed takes: FILE[,ORDER] or NAME=FILE[,ORDER]. Without a name it is row, without an order loop.
func ParseFeed(text string) Feed {
	f := Feed{Name: "row", File: text, Order: "loop"}
	if name, file, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(name, "/\\.") {
		f.Name, f.File = name, file
	}
	if i := strings.LastIndexByte(f.File, ','); i >= 0 {
		f.File, f.Order = f.File[:i], f.File[i+1:]
	}
	return f
}

// EndsWithFeed says whether the run ends with the last row of a feed.
func (p Plan) EndsWithFeed() bool {
	for _, text := range p.Feeds {
		if ParseFeed(text).Order == "once" {
			return true
		}
	}
	return false
}
