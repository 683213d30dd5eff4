package wire

import "math/bits"

// table finds a stream by its id, by open addressing. The zero table is ready.
type table struct {
	slots []slot // a power of two of them
	shift uint   // 32 less that power
	n     int
}

// slot is free where its stream is nil.
type slot struct {
	id uint32
	s  *stream
}

// home is where an id belongs. Ids follow each other; were they to lie in a row, each that is taken
// out would have to look at all behind it, so they are spread by the golden ratio.
func (t *table) home(id uint32) int { return int(id * 2654435769 >> t.shift) }

func (t *table) get(id uint32) *stream {
	if t.n == 0 {
		return nil
	}
	for i := t.home(id); t.slots[i].s != nil; i = (i + 1) & (len(t.slots) - 1) {
		if t.slots[i].id == id {
			return t.slots[i].s
		}
	}
	return nil
}

func (t *table) put(id uint32, s *stream) {
	if 2*(t.n+1) > len(t.slots) {
		old := t.slots
		t.slots = make([]slot, max(16, 2*len(old)))
		t.shift = 32 - uint(bits.TrailingZeros(uint(len(t.slots))))
		for _, e := range old {
			if e.s != nil {
				t.place(e)
			}
		}
	}
	t.place(slot{id, s})
	t.n++
}

func (t *table) place(e slot) {
	i := t.home(e.id)
	for t.slots[i].s != nil {
		i = (i + 1) & (len(t.slots) - 1)
	}
	t.slots[i] = e
}

// remove takes an id out and moves those behind it up, so that no search ends at the gap.
func (t *table) remove(id uint32) {
	if t.n == 0 {
		return
	}
	mask := len(t.slots) - 1
	i := t.home(id)
	for ; t.slots[i].id != id || t.slots[i].s == nil; i = (i + 1) & mask {
		if t.slots[i].s == nil {
			return // it is not there
		}
	}
	for j := (i + 1) & mask; t.slots[j].s != nil; j = (j + 1) & mask {
		if (j-t.home(t.slots[j].id))&mask >= (j-i)&mask { // it may stand at the gap
			t.slots[i] = t.slots[j]
			i = j
		}
	}
	t.slots[i] = slot{}
	t.n--
}

// all are the streams, in no order.
func (t *table) all() []*stream {
	dst := make([]*stream, 0, t.n)
	for _, e := range t.slots {
		if e.s != nil {
			dst = append(dst, e.s)
		}
	}
	return dst
}
