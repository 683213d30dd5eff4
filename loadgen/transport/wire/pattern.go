package wire

import "bytes"

// pattern is a header block that was read and found good, in which one value may be another the next time: the load
// report, or one that nobody reads, such as a request id. A server's answers are nearly all alike, and to compare two
// blocks is quicker than to read one. It may be done because no block depends on another: the server keeps no dynamic
// table.
type pattern struct {
	before, after []byte
	varies        bool // a value stands between them,
	hasReport     bool // which is the load report
}

// learn makes p the pattern of a block of which f was read.
func (p *pattern) learn(block []byte, f *fields) {
	p.before = append(p.before[:0], block[:f.varying.from]...)
	p.after = append(p.after[:0], block[f.varying.to:]...)
	p.varies, p.hasReport = f.varying.to > 0, f.hasLoadReport
}

// alike says whether reading a block would find what it found in the one that p was learned from, but for the value
// that varies. That is within block.
func (p *pattern) alike(block []byte) (value text, ok bool) {
	rest, ok := bytes.CutPrefix(block, p.before)
	if !ok || !p.varies {
		return text{}, ok && len(block) > 0 && bytes.Equal(rest, p.after)
	}
	value, rest, err := readText(rest)
	return value, err == nil && bytes.Equal(rest, p.after) && value.isValue()
}
