// Where the hierarchies of version 1 are.
package main

import (
	"os"
	"testing"
)

// TestUsualMounts checks that the usual places and mountinfo give the same directories, on a host
// that has version 1 at its usual places.
func TestUsualMounts(t *testing.T) {
	if _, err := os.Stat(cgroupRoot + "/memory/memory.limit_in_bytes"); err != nil {
		t.Skip("this host does not have version 1 of control groups")
	}
	own, err := ownGroups()
	if err != nil {
		t.Fatal(err)
	}
	listed, err := v1Mounts()
	if err != nil {
		t.Fatal(err)
	}
	usual := usualMounts(own)
	if usual == nil {
		t.Fatal("the hierarchies are not found at their usual places")
	}
	for _, controller := range usedV1 {
		switch u, l := usual.of(controller), listed.of(controller); {
		case (u == nil) != (l == nil):
			t.Errorf("%s: usual place %v, mountinfo %v", controller, u, l)
		case u != nil && u.dir(own.of(controller)) != l.dir(own.of(controller)):
			t.Errorf("%s: %s at its usual place, %s by mountinfo", controller, u.dir(own.of(controller)), l.dir(own.of(controller)))
		}
	}
	// Where one of them is elsewhere, mountinfo decides about all.
	for _, elsewhere := range []groupPaths{
		append(groupPaths{{"memory,nonesuch", "/"}}, own...),
		append(groupPaths{{"blkio,nonesuch", "/"}}, own...),
	} {
		if got := usualMounts(elsewhere); got != nil {
			t.Errorf("%q: got %v, want nil", elsewhere, got)
		}
	}
}
