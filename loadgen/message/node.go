package message

// node is what a program is made of: literal bytes, or a tag with a leaf or with what is within a message.
type node struct {
	literal []byte // of a leaf or a group its tag
	leaf    *op
	group   []node
	grouped bool
}

// program lays nodes out as ops; each op carries the literal bytes that precede it.
func (c *compiler) program(nodes []node) *Program {
	p := &Program{slots: c.found, leaves: c.leaves, keyed: c.keyed}
	rest := p.lay(nodes, nil)
	if len(rest) > 0 {
		p.ops = append(p.ops, op{literal: rest})
	}
	return p
}

func (p *Program) lay(nodes []node, before []byte) (rest []byte) {
	rest = before
	for _, n := range nodes {
		rest = append(rest, n.literal...)
		switch {
		case n.leaf != nil:
			o := *n.leaf
			o.literal, rest = rest, nil
			p.ops = append(p.ops, o)
		case n.grouped:
			at := len(p.ops)
			p.ops = append(p.ops, op{code: opGroup, literal: rest})
			rest = p.lay(n.group, nil)
			if len(rest) > 0 {
				p.ops = append(p.ops, op{literal: rest})
			}
			rest, p.ops[at].end = nil, len(p.ops)
		}
	}
	return rest
}
