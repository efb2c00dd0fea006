package main

import (
	"fmt"
	"testing"
)

// TestTakeIDs checks that a range that another run holds is not taken, that a range that a dead run
// has left is released first, and that a range that was given back can be taken.
func TestTakeIDs(t *testing.T) {
	dir := t.TempDir()
	a, b := ledgerIn(t, dir), ledgerIn(t, dir)
	r := idRange{rootsSpace.first, rootsSpace.size}
	if err := a.takeIDs(r); err != nil {
		t.Fatal(err)
	}
	if err := b.takeIDs(r); err != idsTaken {
		t.Errorf("a range was taken twice: %v", err)
	}
	if err := b.takeIDs(idRange{r.first + r.count, r.count}); err != nil {
		t.Errorf("the range beside it: %v", err)
	}
	a.giveIDs()
	b.giveIDs()
	if files := namesIn(t, dir); len(files) != 0 {
		t.Errorf("left: %q", files)
	}
	if err := a.takeIDs(r); err != nil {
		t.Errorf("a range that was given back cannot be taken: %v", err)
	}
	// When the launcher dies, its lock goes and its file stays.
	sysClose(a.idsNote)
	a.idsNote = 0
	if err := b.takeIDs(r); err != idsTaken {
		t.Errorf("a dead run's range was taken at once: %v", err)
	}
	if err := b.takeIDs(r); err != nil {
		t.Errorf("a dead run's range cannot be taken the second time either: %v", err)
	}
	b.giveIDs()
}

// TestPickedRanges checks that random ranges are aligned, lie in root's space, and differ.
func TestPickedRanges(t *testing.T) {
	seen := map[uint32]bool{}
	for range 1000 {
		r := rootsSpace.pick()
		if r.first < 1879048192 || uint64(r.first)+uint64(r.count) > 2147352576 || (r.first-1879048192)%65536 != 0 || r.count != 65536 {
			t.Fatalf("%+v", r)
		}
		seen[r.first] = true
	}
	if len(seen) < 700 { // 888 of the 4094 are expected
		t.Errorf("%d different ranges in 1000", len(seen))
	}
}

// TestGrantedSpace checks that a user's ranges lie in what both files grant, and do not overlap.
func TestGrantedSpace(t *testing.T) {
	for _, c := range []struct {
		uids, gids []idMap
		want       string
	}{
		{list(idMap{0, 100000, 65536}), list(idMap{0, 100000, 65536}), "{100000 2001 32}"},
		{list(idMap{0, 100000, 65536}), list(idMap{0, 150000, 65536}), "{150000 2001 7}"},
		{list(idMap{0, 1000, 10}, idMap{0, 100000, 2001}), list(idMap{0, 100000, 2001}), "{100000 2001 1}"},
		{list(idMap{0, 100000, 2000}), list(idMap{0, 100000, 2000}), ""},
		{list(idMap{0, 100000, 65536}), list(idMap{0, 200000, 65536}), ""},
		{nil, nil, ""},
	} {
		s, err := grantedSpace(&grants{uids: c.uids, gids: c.gids})
		got := fmt.Sprint(s)
		if err != nil {
			got = ""
		}
		if got != c.want {
			t.Errorf("%v and %v: %q, %v; want %q", c.uids, c.gids, got, err, c.want)
		}
	}
}
