package flagset

import (
	"errors"
	"flag"
	"strconv"
	"strings"
)

// SizeVar defines a flag that takes a number of bytes, with a unit or without: 4MiB, 64kB, 1024.
func SizeVar[T int | int64](fs *flag.FlagSet, p *T, name string, value T, usage string) {
	*p = value
	fs.Var(size[T]{p}, name, usage)
}

type size[T int | int64] struct{ p *T }

// units are the longest first, for each of the others ends another.
var units = []struct {
	name  string
	bytes float64
}{
	{"KiB", 1 << 10},
	{"MiB", 1 << 20},
	{"GiB", 1 << 30},
	{"kB", 1e3},
	{"KB", 1e3},
	{"MB", 1e6},
	{"GB", 1e9},
	{"B", 1},
	{"", 1},
}

func (s size[T]) String() string {
	if s.p == nil {
		return "0"
	}
	n := int64(*s.p)
	for _, u := range []struct {
		name  string
		bytes int64
	}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}} {
		if n > 0 && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

func (s size[T]) Set(text string) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		bytes := v * u.bytes
		if err != nil || !(bytes >= 0 && bytes < 1<<62) || int64(T(bytes)) != int64(bytes) { // an int may have 32 bits
			break
		}
		*s.p = T(bytes)
		return nil
	}
	return errors.New("want a size, such as 4MiB, 64kB or 1024")
}
