package wire

// Which list a link belongs to.
const (
	inDeadlines = iota
	inWaiting
	lists
)

// list is a doubly linked list of streams, through links that they hold
// themselves: whatever is at whichever place of it leaves at once.
type list struct {
	which       int
	first, last *stream
}

type link struct {
	prev, next *stream
	in         bool
}

// insert puts s behind after, or first where that is nil.
func (l *list) insert(s, after *stream) {
	n := &s.links[l.which]
	n.in, n.prev = true, after
	if after == nil {
		n.next, l.first = l.first, s
	} else {
		n.next = after.links[l.which].next
		after.links[l.which].next = s
	}
	if n.next == nil {
		l.last = s
	} else {
		n.next.links[l.which].prev = s
	}
}

// remove takes s out, if it is in.
func (l *list) remove(s *stream) {
	n := &s.links[l.which]
	if !n.in {
		return
	}
	if n.prev == nil {
		l.first = n.next
	} else {
		n.prev.links[l.which].next = n.next
	}
	if n.next == nil {
		l.last = n.prev
	} else {
		n.next.links[l.which].prev = n.prev
	}
	*n = link{}
}
