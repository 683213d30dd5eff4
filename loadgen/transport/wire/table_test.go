package wire

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A table and a map are told the same, at random: they must always say the same.
func TestTableAgainstMap(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 1))
		var got table
		want := map[uint32]*stream{}
		most := 1 + random.IntN(300)
		next := uint32(1 + 2*random.IntN(1<<30)) // ids follow each other, as a connection's do
		for op := range 4000 {
			id := next - 2*uint32(random.IntN(2*most)) // of those that were, mostly
			switch {
			case random.IntN(2) == 0 && len(want) < most:
				s := &stream{id: next}
				got.put(next, s)
				want[next] = s
				next += 2
			case random.IntN(3) > 0:
				got.remove(id)
				delete(want, id)
			}
			if got.get(id) != want[id] || got.n != len(want) {
				t.Fatalf("seed %d, op %d: get(%d) = %v of %d, want %v of %d", seed, op, id, got.get(id), got.n,
					want[id], len(want))
			}
			if op%100 == 0 {
				checkTable(t, &got, want)
			}
		}
		checkTable(t, &got, want)
		for id := range want {
			got.remove(id)
		}
		checkTable(t, &got, nil)
	}
}

func checkTable(t *testing.T, got *table, want map[uint32]*stream) {
	t.Helper()
	all := got.all()
	if len(all) != len(want) {
		t.Fatalf("%d streams, want %d", len(all), len(want))
	}
	for id, s := range want {
		if got.get(id) != s || !slices.Contains(all, s) {
			t.Fatalf("stream %d is lost", id)
		}
	}
	if len(got.slots)&(len(got.slots)-1) != 0 || 2*got.n > len(got.slots) {
		t.Fatalf("%d slots for %d streams", len(got.slots), got.n)
	}
}

// Ids that all belong to one place, over the end of the slots too, are found after each that leaves.
func TestTableCollisions(t *testing.T) {
	var probe table
	probe.put(1, &stream{})
	probe.remove(1)
	for _, home := range []int{0, 7, 14, 15} {
		var ids []uint32
		for id := uint32(1); len(ids) < 6; id += 2 {
			if h := probe.home(id); h == home || len(ids) > 3 && h == (home+1)%16 {
				ids = append(ids, id)
			}
		}
		for first := range ids {
			for second := range ids {
				var got table
				want := map[uint32]*stream{}
				for _, id := range ids {
					want[id] = &stream{id: id}
					got.put(id, want[id])
				}
				for _, i := range []int{first, second, first} { // one that is not there any more, too
					got.remove(ids[i])
					delete(want, ids[i])
					checkTable(t, &got, want)
				}
			}
		}
	}
}

func TestZeroTable(t *testing.T) {
	var got table
	got.remove(1)
	if got.get(1) != nil || len(got.all()) != 0 {
		t.Error("an empty table holds a stream")
	}
}

// A list against a slice, at random places; a stream may be in both lists at once.
func TestListAgainstSlice(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	streams := make([]*stream, 30)
	for i := range streams {
		streams[i] = &stream{id: uint32(i)}
	}
	lists := []*list{{which: inDeadlines}, {which: inWaiting}}
	wants := make([][]*stream, len(lists))
	for range 20_000 {
		which := random.IntN(len(lists))
		l, want := lists[which], wants[which]
		s := streams[random.IntN(len(streams))]
		if at := slices.Index(want, s); at >= 0 {
			l.remove(s)
			wants[which] = slices.Delete(want, at, at+1)
		} else if l.remove(s); len(want) == 0 || random.IntN(4) == 0 {
			l.insert(s, nil)
			wants[which] = slices.Insert(want, 0, s)
		} else {
			after := random.IntN(len(want))
			l.insert(s, want[after])
			wants[which] = slices.Insert(want, after+1, s)
		}
		for i, l := range lists {
			var forward, backward []*stream
			for s := l.first; s != nil; s = s.links[l.which].next {
				forward = append(forward, s)
			}
			for s := l.last; s != nil; s = s.links[l.which].prev {
				backward = append(backward, s)
			}
			slices.Reverse(backward)
			if !slices.Equal(forward, wants[i]) || !slices.Equal(backward, wants[i]) {
				t.Fatalf("list %d: %d forward, %d backward, want %d", i, len(forward), len(backward), len(wants[i]))
			}
		}
	}
}
