// Packages in a tree that stays: the recipe in the documentation.
package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// packagesInTree lets root inside unpack a tree of debootstrap and install packages with set-id
// programs. Without either of the two flags this must fail.
func packagesInTree(t *testing.T, plain string) {
	tree := filepath.Join(t.TempDir(), "tree")
	mkdir(t, tree)
	if err := os.Chown(tree, 10000, 10000); err != nil {
		t.Fatal(err)
	}
	unpack := exec.Command("sh", "-c", `tar -C "$1" -c . | "$2" --caps=docker --seccomp=setid -a "$3:/mnt" -- tar -C /mnt -xp --numeric-owner --exclude='./dev/*'`, "sh", plain, tincanBin, tree)
	if out, err := unpack.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v\n%s", err, out)
	}
	install := func(flags ...string) result {
		return job{args: append(append([]string{"-m", tree, "--net=host"}, flags...), "--", "sh", "-c",
			"apt-get update -qq && apt-get install -y -qq sudo openssh-client >/dev/null && stat -c %a /usr/bin/sudo /usr/bin/ssh-agent"), within: 5 * time.Minute}.run(t)
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
