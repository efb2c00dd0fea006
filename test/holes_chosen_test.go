// Attacks by a user who owns the root directory, or a directory on the way to what is added or
// written.
package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestHole25MasksSwapped exchanges the directory at /proc or /dev for another one while the masks of
// /proc are mounted by name. Otherwise the other directory could get the read-only attribute, or be
// the source of a mask.
func TestHole25MasksSwapped(t *testing.T) {
	for _, swapped := range []string{"proc", "dev"} {
		t.Run(swapped, func(t *testing.T) {
			fromBoth(t, func(t *testing.T, attack attack) {
				dir := tree(t)
				other := filepath.Join(dir, "other")
				for _, d := range []string{"proc", "sys", "dev", "tmp", "other"} {
					mkdir(t, filepath.Join(dir, d))
				}
				links := map[string]string{"null": "/proc/version"}
				if swapped == "proc" { // the other directory has everything that is masked except /proc/sys
					links = map[string]string{}
					for name := range strings.FieldsSeq("acpi asound bus fs interrupts irq kcore key-users keys kmsg latency_stats sched_debug scsi self sysrq-trigger timer_list timer_stats") {
						links[name] = "/other/" + name
					}
				}
				for name, to := range links {
					if err := os.Symlink(to, filepath.Join(other, name)); err != nil {
						t.Fatal(err)
					}
				}
				attack(t, "exchange", dir, swapped, "other")
				// They are exchanged while the command runs, too.
				const script = "until cat /proc/self/mountinfo || cat /other/self/mountinfo; do :; done 2>/dev/null"
				beside(t, []string{"-m", dir, "--", "sh", "-c", script}, func(r result) {
					for l := range strings.Lines(r.out) {
						f := strings.Fields(l)
						if len(f) < 6 {
							continue
						}
						if f[3] == "/sys" && !strings.Contains(","+f[5]+",", ",ro,") {
							t.Errorf("can be written: %s", l)
						}
						if base := filepath.Base(f[4]); (base == "keys" || base == "key-users" || base == "interrupts") && f[3] != "/null" {
							t.Errorf("not covered by /dev/null: %s", l)
						}
					}
				})
			})
		})
	}
}

// TestHostsOfRoot checks that the command does not get the text of an /etc/hosts that it may not
// read, although the launcher could read it: the owner of the tree may have moved a file of root's
// to that place.
func TestHostsOfRoot(t *testing.T) {
	notForUsers(t, "what a user may not read, the launcher of that user cannot read")
	dir := tree(t)
	mkdir(t, dir+"/etc")
	write(t, dir+"/etc/hosts", "of root alone\n")
	run := func() result { return tincan(t, "--net=host", "-m", dir, "--", "cat", "/etc/hosts") }
	if r := run(); !strings.Contains(r.out, "of root alone") {
		t.Errorf("readable, and not there: %v", r)
	}
	os.Chmod(dir+"/etc/hosts", 0o600)
	if r := run(); r.status == 0 || strings.Contains(r.out, "of root") {
		t.Errorf("%v", r)
	}
}

// TestStatsDirectorySwapped checks that the file of --stats is removed from the directory in which
// it was made, and not from one that a symlink leads to by then.
func TestStatsDirectorySwapped(t *testing.T) {
	dir, victim := t.TempDir(), t.TempDir()
	write(t, victim+"/stats", "another's")
	mkdir(t, dir+"/out")
	if err := os.Symlink(victim, dir+"/link"); err != nil {
		t.Fatal(err)
	}
	out, err := os.OpenRoot(dir + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	attacking(t, exec.Command(probeBin, "exchange", dir, "out", "link"))
	root := tree(t)
	for range min(races(), 200) {
		tincan(t, "--stats="+dir+"/out/stats", "-m", root, "--", "nonesuch")
		if !exists(victim + "/stats") {
			t.Fatal("the other file is gone")
		}
		out.Remove("stats") // the exchange may have left it there
	}
}

// TestManyEntries checks that a root directory with too many entries gives an error that says so.
func TestManyEntries(t *testing.T) {
	dir := tree(t)
	for i := range 12000 {
		write(t, filepath.Join(dir, fmt.Sprintf("f%d", i)), "")
	}
	for _, flags := range [][]string{nil, {"-d"}} {
		r := job{args: append(flags, "--ro", "-m", dir, "--", "true"), within: 10 * time.Second}.run(t)
		refused(t, r, "more than 8192 entries")
	}
}

// TestLinksOfOthers checks that another user's symlink cannot choose whose files become the
// command's.
func TestLinksOfOthers(t *testing.T) {
	notForUsers(t, "only root can show one user's files as another's")
	place := t.TempDir()
	for _, d := range []string{place, filepath.Dir(place)} {
		os.Chmod(d, 0o755)
	}
	home, roots := place+"/home", place+"/roots"
	for _, d := range []string{home, roots, home + "/own"} {
		mkdir(t, d)
	}
	fillTree(t, roots)
	write(t, roots+"/conf", "of root")
	links := map[string]string{"data": roots, "mine": home + "/own"}
	for name, to := range links {
		if err := os.Symlink(to, home+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(roots, place+"/roots-own"); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{home, home + "/own", home + "/data", home + "/mine"} {
		if err := os.Lchown(f, 5000, 5000); err != nil {
			t.Fatal(err)
		}
	}
	for _, how := range []string{"idmap", "ro:idmap"} {
		refused(t, tincan(t, "-a", home+"/data:/data:"+how, "--", "sh", "-c", "echo x >/data/conf"), "is a symlink that somebody else can change", roots)
	}
	refused(t, tincan(t, "-m", home+"/data", "--ephemeral", "--", "cat", "/conf"), "is a symlink that somebody else can change", roots)
	for _, flags := range []string{"--here", "-a .:/data:idmap -w /data"} {
		args := append(strings.Fields(flags), "--", "sh", "-c", "echo x >conf")
		refused(t, job{args: args, dir: home + "/data", env: []string{"PWD=" + home + "/data"}}.run(t), "is a symlink that somebody else can change")
	}
	if read(t, roots+"/conf") != "of root" {
		t.Error("root's file has changed")
	}
	// The owner's own, and root's, may be followed.
	ok(t, "-a", home+"/mine:/data:idmap", "--", "sh", "-c", "echo x >/data/new")
	ok(t, "-a", place+"/roots-own:/data:ro:idmap", "--", "cat", "/data/conf")
	ok(t, "-m", place+"/roots-own", "--ephemeral", "--", "cat", "/conf")
}
