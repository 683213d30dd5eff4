package message

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// format is how a number is written: [0][width][.precision][d|x|X|o|b|f].
type format struct {
	base, width, precision int
	zeros, upper, fixed    bool
}

func (f *format) parse(text string, whole, float bool) error {
	wrong := fmt.Errorf("the format %q: want one like 08, x, 04X of a whole number, or .2 of a fraction", text)
	rest := text
	if f.zeros = strings.HasPrefix(rest, "0"); f.zeros {
		rest = rest[1:]
	}
	digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
	if digits > 0 {
		f.width, _ = strconv.Atoi(rest[:digits])
		rest = rest[digits:]
	}
	if text == "" || f.width > 1000 {
		return wrong
	}
	switch {
	case whole && slices.Contains([]string{"", "d", "x", "X", "o", "b"}, rest):
		f.base = map[string]int{"": 10, "d": 10, "x": 16, "X": 16, "o": 8, "b": 2}[rest]
		f.upper = rest == "X"
		return nil
	case float && strings.HasPrefix(rest, ".") && f.width == 0:
		n, err := strconv.Atoi(strings.TrimSuffix(rest[1:], "f"))
		if err != nil || n < 0 || n > 100 {
			return wrong
		}
		f.fixed, f.precision = true, n
		return nil
	default:
		return wrong
	}
}

func (f *format) appendInt(dst []byte, v int64) []byte {
	if f.base == 16 && f.zeros && v >= 0 && f.width > 0 && f.width <= 16 && (f.width == 16 || v>>(4*f.width) == 0) &&
		!f.upper {
		return appendHex(dst, uint64(v), f.width) // the quick way
	}
	if f.base == 0 {
		return strconv.AppendInt(dst, v, 10)
	}
	start := len(dst)
	if f.base == 10 && f.zeros && v >= 0 && f.width > 0 && f.width <= 16 { // so are many
		return appendDigits(dst, uint64(v), f.width)
	}
	dst = strconv.AppendInt(dst, v, f.base)
	if f.upper {
		for i := start; i < len(dst); i++ {
			if dst[i] >= 'a' {
				dst[i] -= 'a' - 'A'
			}
		}
	}
	short := f.width - (len(dst) - start)
	if short <= 0 {
		return dst
	}
	fill := byte(' ')
	if f.zeros {
		fill = '0'
		if v < 0 {
			start++ // the zeros go behind the sign
		}
	}
	for range short {
		dst = append(dst, fill)
	}
	copy(dst[start+short:], dst[start:len(dst)-short])
	for i := range short {
		dst[start+i] = fill
	}
	return dst
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (f *format) appendFloat(dst []byte, v float64) []byte {
	if f.fixed {
		return strconv.AppendFloat(dst, v, 'f', f.precision, 64)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, 64)
}
