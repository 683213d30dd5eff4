package schema

import (
	"cmp"
	"slices"
	"strings"
)

// nearest are the names that name is most likely to be meant for, the closest first.
func nearest(name string, all []string, most int) []string {
	type candidate struct {
		name string
		far  int
	}
	var ranked []candidate
	short := strings.ToLower(name[strings.LastIndexAny(name, "/.")+1:])
	for _, full := range all {
		method := strings.ToLower(full[strings.LastIndexAny(full, "/.")+1:])
		far := distance(short, method)
		if strings.Contains(strings.ToLower(full), strings.ToLower(name)) || strings.Contains(method, short) {
			far = min(far, 1)
		}
		ranked = append(ranked, candidate{full, far})
	}
	slices.SortStableFunc(ranked, func(a, b candidate) int { return cmp.Compare(a.far, b.far) })
	var names []string
	for _, c := range ranked[:min(most, len(ranked))] {
		names = append(names, c.name)
	}
	return names
}

// distance is how many letters must be put in, taken out or changed to make a into b (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
