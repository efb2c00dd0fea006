// Set-id programs in a directory of root's that is shown as the command's own, and directories that
// somebody else can replace.
package test

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"
)

// TestSetIDPrograms checks that directories with programs which a command could change by mmap(2),
// without clearing the set-id bit, are refused.
func TestSetIDPrograms(t *testing.T) {
	needRoot(t)
	for name, c := range map[string]struct{ script, want string }{
		"set-user-ID":    {"cp /bin/true a/b/p; chmod 4755 a/b/p", "a/b/p is a set-user-ID program that belongs to root"},
		"set-group-ID":   {"cp /bin/true p; chmod 2755 p", "/p is a set-group-ID program"},
		"capabilities":   {"cp /bin/true p", "/p is a program with capabilities"},
		"links":          {"ln -s /bin/su p; ln -s /usr/bin q", ""},
		"another's":      {"cp /bin/true p; chown 4321:4321 p; chmod 6755 p", ""},
		"another group":  {"cp /bin/true p; chown 0:42 p; chmod 6777 p", ""},
		"directories":    {"chmod 2755 a", ""},
		"too many files": {"cd a; seq 100001 | xargs touch", "more than 100000 files"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := workDir(t, "/srv", 0, 0)
			if out, err := exec.Command("sh", "-ec", "cd "+dir+"; mkdir -p a/b; "+c.script).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if name == "capabilities" {
				// struct vfs_cap_data of linux/capability.h: revision 2, effective, CAP_NET_RAW.
				cap := binary.LittleEndian.AppendUint32(nil, 0x02000001)
				cap = append(binary.LittleEndian.AppendUint32(cap, 1<<unix.CAP_NET_RAW), make([]byte, 12)...)
				if err := unix.Setxattr(dir+"/p", "security.capability", cap, 0); err != nil {
					t.Fatal(err)
				}
			}
			for _, flags := range [][]string{{"--here"}, {"-a", dir + ":/srv/x:idmap", "--ephemeral"}} {
				r := job{args: append(flags, "--", "sh", "-c", `[ ! -e /srv/x/p ] || ! echo >>/srv/x/p`), dir: dir}.run(t)
				if c.want != "" {
					refused(t, r, dir, c.want, ":ro", "--here=ro")
				} else if r.status != 0 {
					t.Error(r)
				}
			}
			if r := (job{args: []string{"--here=ro", "--", "true"}, dir: dir}).run(t); r.status != 0 {
				t.Error(r)
			}
		})
	}
	file := workDir(t, "/srv", 0, 0) + "/script"
	os.Chmod(file, os.ModeSetuid|0o755)
	refused(t, tincan(t, "-a", file+":/dev/p:idmap", "--", "true"), "set-user-ID program")
}

// TestExchangeable checks that a directory of root's is refused if somebody else can replace it by
// another one of root's.
func TestExchangeable(t *testing.T) {
	needRoot(t)
	dir := tree(t)
	parent, err := os.MkdirTemp("/srv", "tincan-parent-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(parent)
	if out, err := exec.Command("sh", "-ec", fmt.Sprintf("mkdir %[1]s/sub %[1]s/sub/data; cp -a %[2]s %[1]s/sub/tree; chown -hR 0:0 %[1]s", parent, dir)).CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, c := range []struct {
		how     string
		refused bool
	}{{"chown 0:0 $0; chmod 755 $0", false}, {"chmod 1777 $0", false}, {"chmod 777 $0", true}, {"chmod 770 $0", true}, {"chown 4321 $0; chmod 755 $0", true}, {"chown 4321 $0; chmod 1755 $0", true}, {"chown 0 $0; chmod 1777 $0; chown 4321 $0/sub", true}} {
		if out, err := exec.Command("sh", "-ec", c.how, parent).CombinedOutput(); err != nil {
			t.Fatal(string(out))
		}
		for _, flags := range [][]string{{"-m", parent + "/sub/tree", "--ephemeral", "--", "/bin/true"}, {"-a", parent + "/sub/data:/tmp/x:idmap", "--ephemeral", "--", "true"}} {
			r := tincan(t, flags...)
			if c.refused {
				refused(t, r, parent, "another user can change "+parent)
				r = afterAdvice(t, r, flags)
				if out, err := exec.Command("sh", "-ec", c.how, parent).CombinedOutput(); err != nil {
					t.Fatal(string(out))
				}
			}
			if r.status != 0 {
				t.Errorf("%s: %v", c.how, r)
			}
		}
	}
	r := job{before: []string{"env", "SUDO_UID=4321"}, args: []string{"-m", parent + "/sub/tree", "--ephemeral", "--", "/bin/true"}}.run(t)
	if r.status != 0 {
		t.Errorf("in the directory of the user of sudo: %v", r)
	}
}

// afterAdvice carries out the commands that an error message gives in parentheses, and runs tincan
// again.
func afterAdvice(t *testing.T, r result, args []string) result {
	t.Helper()
	commands := regexp.MustCompile(`\((ch[a-z]+ [^)]*)\)`).FindStringSubmatch(r.err)
	if commands == nil {
		t.Fatalf("no command in parentheses: %v", r)
	}
	if out, err := exec.Command("sh", "-ec", commands[1]).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", commands[1], err, out)
	}
	return tincan(t, args...)
}
