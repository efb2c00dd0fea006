// A user who is not root, on a machine that allows no user namespace, or only one.
package guest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// user is the user's id.
const user = 4321

// asUser runs a command as the user.
func asUser(t *testing.T, line ...string) result {
	t.Helper()
	return runLine(t, append([]string{"setpriv", fmt.Sprintf("--reuid=%d", user), fmt.Sprintf("--regid=%d", user), "--clear-groups"}, line...)...)
}

// TestUserNoUserNamespaces checks the error if no user namespace is allowed, or only one.
func TestUserNoUserNamespaces(t *testing.T) {
	const file = "/proc/sys/user/max_user_namespaces"
	was := strings.TrimSpace(read(t, file))
	before := groupNames(t)
	defer write(t, file, was)
	line := func(flags ...string) []string {
		return append([]string{tincanBin, "run", "--no-cgroup"}, in("echo ran", flags...)...)
	}
	for _, init := range []string{"--init", "--no-init"} {
		write(t, file, "0")
		refused(t, asUser(t, line(init)...), "clone3(", "CLONE_NEWUSER", "user.max_user_namespaces is 0", "sysctl user.max_user_namespaces=10000")
		write(t, file, "1") // allows the outer namespace, but no inner one
		refused(t, asUser(t, line(init)...), "unshare(CLONE_NEWUSER) = ENOSPC", "max_user_namespaces")
		write(t, file, was)
		if r := asUser(t, line(init)...); r.status != 0 || r.out != "ran\n" || r.err != "" {
			t.Errorf("the same command with user namespaces: %v", r)
		}
	}
	write(t, file, "0")
	if r := asUser(t, tincanBin, "check"); r.status != 125 || !strings.Contains(r.out, "missing  user namespaces") || !strings.Contains(r.out, "sysctl user.max_user_namespaces=10000") {
		t.Errorf("check: %v", r)
	}
	if after := groupNames(t); !slices.Equal(after, before) {
		t.Errorf("these groups were left: %q", after)
	}
}
