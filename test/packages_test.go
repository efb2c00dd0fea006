// Packages in a tree that stays: what the recipe's flags are for.
package test

import (
	"strings"
	"testing"
	"time"
)

// packagesInTree installs a package with set-id programs in the recipe's tree, where sudo is
// already installed. Without either of the two flags that fails.
func packagesInTree(t *testing.T, tree string) {
	install := func(flags ...string) result {
		return job{args: append(append([]string{"-m", tree, "--net=host"}, flags...), "--", "sh", "-c",
			"apt-get update -qq && apt-get install -y -qq openssh-client >/dev/null && stat -c %a /usr/bin/sudo /usr/bin/ssh-agent"), within: 5 * time.Minute}.run(t)
	}
	if r := install("--caps=docker"); r.status == 0 || !strings.Contains(r.err, "dpkg returned an error code") {
		t.Errorf("without --seccomp=setid: %v", r)
	}
	if r := install("--seccomp=setid"); r.status == 0 {
		t.Errorf("without --caps=docker: %v", r)
	}
	if r := install("--caps=docker", "--seccomp=setid"); r.status != 0 || r.out != "4755\n2755\n" {
		t.Errorf("%v", r)
	}
}
