// Hole 18: a machine that allows no user namespaces.
package guest

import (
	"slices"
	"testing"
)

// TestNoUserNamespaces checks that nothing runs there.
func TestNoUserNamespaces(t *testing.T) {
	const file = "/proc/sys/user/max_user_namespaces"
	was := read(t, file)
	before := groupNames(t)
	write(t, file, "0")
	defer write(t, file, was)
	for _, init := range []string{"--init", "--no-init"} {
		refused(t, run(t, in("echo ran", init)...), "CLONE_NEWUSER", "ENOSPC")
	}
	if after := groupNames(t); !slices.Equal(after, before) {
		t.Errorf("these groups were left: %q", after)
	}
	write(t, file, was)
	if r := run(t, in("echo ran")...); r.out != "ran\n" {
		t.Errorf("the same command with user namespaces: %v", r)
	}
}
