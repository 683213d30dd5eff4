package message

import (
	"encoding/binary"
	"strconv"
)

// appendHex appends the low n digits of v, 16 at most. All 16 are written where they go, and what is too much is taken
// back: digits that are written elsewhere first, and copied from there at once, make the processor wait.
func appendHex(dst []byte, v uint64, n int) []byte {
	v <<= 64 - 4*n
	at := len(dst)
	dst = append(dst, "0000000000000000"...)
	binary.BigEndian.PutUint64(dst[at:], hex8(v>>32))
	binary.BigEndian.PutUint64(dst[at+8:], hex8(v&(1<<32-1)))
	return dst[:at+n]
}

// appendDigits appends v in n decimal digits, 16 at most, zeros before it; more digits where it needs them.
func appendDigits(dst []byte, v uint64, n int) []byte {
	switch {
	case n <= 8 && v < powers[n]:
		return binary.LittleEndian.AppendUint64(dst, digits8(v)>>(64-8*n))[:len(dst)+n]
	case n > 8 && v < powers[n]:
		n -= 8
		dst = binary.LittleEndian.AppendUint64(dst, digits8(v/1e8)>>(64-8*n))[:len(dst)+n]
		return binary.LittleEndian.AppendUint64(dst, digits8(v%1e8))
	default:
		return strconv.AppendUint(dst, v, 10)
	}
}

// powers are those of ten.
var powers = func() (p [17]uint64) {
	p[0] = 1
	for i := range len(p) - 1 {
		p[i+1] = 10 * p[i]
	}
	return p
}()

// digits8 is a number below 10^8 as eight digits, the first of them lowest: it is cut into halves of four digits, these
// into two, and these into one, all at once.
func digits8(x uint64) uint64 {
	x = x/10_000 | x%10_000<<32
	high := x * 5243 >> 19 & 0x0000007f0000007f // a hundredth, of numbers below 10,000
	x = high | (x-100*high)<<16
	high = x * 103 >> 10 & 0x000f000f000f000f // a tenth, of numbers below 100
	x = high | (x-10*high)<<8
	return x + 0x3030303030303030
}

// hex8 is 32 bits as eight digits, the first of them highest: each digit is spread to a byte of its own, and turned
// into its letter, all at once.
func hex8(x uint64) uint64 {
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	above9 := (x + 0x0606060606060606) >> 4 & 0x0101010101010101
	return x + 0x3030303030303030 + above9*('a'-'0'-10)
}

// appendUUID appends a UUID of version 4 (RFC 9562) of random bits.
func appendUUID(dst []byte, a, b uint64) []byte {
	a = a&^0xf000 | 0x4000
	b = b&^(3<<62) | 2<<62
	at := len(dst)
	dst = append(dst, "00000000-0000-0000-0000-000000000000"...)
	u := dst[at : at+36 : at+36]
	binary.BigEndian.PutUint64(u, hex8(a>>32))
	middle := hex8(a & (1<<32 - 1))
	binary.BigEndian.PutUint32(u[9:], uint32(middle>>32))
	binary.BigEndian.PutUint32(u[14:], uint32(middle)) //nolint:gosec // the low half
	middle = hex8(b >> 32)
	binary.BigEndian.PutUint32(u[19:], uint32(middle>>32))
	binary.BigEndian.PutUint32(u[24:], uint32(middle)) //nolint:gosec // the low half
	binary.BigEndian.PutUint64(u[28:], hex8(b&(1<<32-1)))
	return dst
}
