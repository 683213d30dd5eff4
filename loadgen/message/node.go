package message

import (
	"math"
	"slices"
)

// node is what a program is made of: literal bytes, or a tag with a leaf or with what is within a message.
type node struct {
	literal []byte // of a leaf or a group its tag
	leaf    *leaf
	group   []node
	grouped bool
}

// program lays nodes out as ops; each op carries the literal bytes that precede it.
func (c *compiler) program(nodes []node) *Program {
	p := &Program{slots: c.found, leaves: c.leaves, keyed: c.keyed}
	p.lay(nodes)
	return p
}

// lay appends the ops of nodes.
func (p *Program) lay(nodes []node) {
	var rest []byte // the literal bytes since the last op
	for _, n := range nodes {
		rest = append(rest, n.literal...)
		if n.leaf == nil && !n.grouped {
			continue
		}
		switch {
		case n.grouped:
			p.layGroup(rest, 0, func() { p.lay(n.group) })
		case n.leaf.code != opGroup:
			o := n.leaf.op
			o.setLiteral(rest)
			p.ops = append(p.ops, o)
		case len(n.leaf.text) == 1 && n.leaf.text[0].slot != nil && len(n.leaf.text[0].literal) < math.MaxUint8:
			o := n.leaf.text[0]
			o.tag, o.length = n.leaf.tag, uint8(1+len(o.literal)) //nolint:gosec // looked at just now
			o.setLiteral(slices.Concat(rest, []byte{0}, o.literal))
			p.ops = append(p.ops, o)
		default:
			p.layGroup(rest, n.leaf.tag, func() { p.ops = append(p.ops, n.leaf.text...) })
		}
		rest = nil
	}
	p.ops = text(p.ops).with(rest)
}

// layGroup appends a group of what within appends.
func (p *Program) layGroup(literal []byte, tag uint8, within func()) {
	at := len(p.ops)
	o := op{code: opGroup, tag: tag, length: 1}
	o.setLiteral(append(literal, 0))
	p.ops = append(p.ops, o)
	within()
	p.ops[at].end = int32(len(p.ops)) //nolint:gosec // far fewer than 2 billion
}
