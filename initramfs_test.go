// The image of a machine: cpio(1) must unpack exactly what went into it.

package main

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sampleTree returns a tree with a file of each kind.
func sampleTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for _, d := range []string{"", "a", "a/b", "empty", "a-b"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range map[string]string{"a/b/file": "text\n", "a/none": "", "a-b/odd name": "123", "one": strings.Repeat("x", 5000)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	// os.Chmod would ignore the highest three bits.
	for name, mode := range map[string]uint32{"empty": 0o1750, "a-b": 0o2755, "one": 0o4640} {
		if err := unix.Chmod(filepath.Join(dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	os.Symlink("../one", filepath.Join(dir, "a/link"))
	os.Link(filepath.Join(dir, "one"), filepath.Join(dir, "a/same"))
	unix.Mkfifo(filepath.Join(dir, "a/fifo"), 0o600)
	return dir
}

// treeLines returns a line for each file of a tree: its attributes and its content.
func treeLines(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(p, &st); err != nil {
			return err
		}
		rel, _ := filepath.Rel(dir, p)
		line := fmt.Sprintf("%s %o %d:%d", rel, st.Mode, st.Uid, st.Gid)
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			b, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" links %d %q", st.Nlink, b)
		case unix.S_IFLNK:
			to, _ := os.Readlink(p)
			line += " -> " + to
		case unix.S_IFCHR:
			line += fmt.Sprintf(" %d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev))
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}

// initScript returns an /init for images. The test program itself may need libraries, which depends on
// how it was built.
func initScript(t *testing.T) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(f, []byte(scriptText), 0o755); err != nil {
		t.Fatal(err)
	}
	return f
}

const scriptText = "#!/bin/sh\n"

// TestImageHasTincan checks that the built program puts itself into the image as /init.
func TestImageHasTincan(t *testing.T) {
	if _, err := exec.LookPath("cpio"); err != nil {
		missing(t, "no cpio: apt-get install cpio")
	}
	bin := buildFor(t, nil)
	if err := os.Chmod(bin, 0o700); err != nil { // a mode that the file may have
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "image")
	if text, err := exec.Command(bin, "initramfs", "-o", out).CombinedOutput(); err != nil || len(text) > 0 {
		t.Fatalf("%v\n%s", err, text)
	}
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cpio := exec.Command("cpio", "-i", "--quiet", "--to-stdout", "init")
	cpio.Stdin = f
	got, err := cpio.Output()
	want, _ := os.ReadFile(bin)
	if err != nil || len(want) == 0 || !bytes.Equal(got, want) {
		t.Errorf("/init is not the program: %d bytes of %d, %v", len(got), len(want), err)
	}
	list := exec.Command("cpio", "-itv", "--quiet", "init")
	if list.Stdin, err = os.Open(out); err != nil {
		t.Fatal(err)
	}
	if text, err := list.Output(); err != nil || !strings.HasPrefix(string(text), "-rwxr-xr-x ") {
		t.Errorf("/init: %q, %v", text, err)
	}
}

// TestImageUnpacked compares a tree with what cpio(1) unpacks.
func TestImageUnpacked(t *testing.T) {
	if os.Geteuid() != 0 {
		missing(t, "not root: cpio cannot make device nodes or set owners")
	}
	if _, err := exec.LookPath("cpio"); err != nil {
		missing(t, "no cpio: apt-get install cpio")
	}
	dir := sampleTree(t)
	os.Chown(filepath.Join(dir, "a/b/file"), 1234, 2345)
	args := filepath.Join(t.TempDir(), "args")
	os.WriteFile(args, []byte("--\n/bin/true\n"), 0o644)
	out := filepath.Join(t.TempDir(), "image")
	c := initramfsCmd{Output: out, Add: []string{dir + ":/rootfs", dir + "/one:/etc/one", initScript(t) + ":/init"}, ArgsFile: args}
	if err := c.write(); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	f, err := os.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	cpio := exec.Command("cpio", "-id", "--quiet", "-D", to)
	cpio.Stdin = f
	if text, err := cpio.CombinedOutput(); err != nil || len(text) > 0 {
		t.Fatalf("cpio: %v\n%s", err, text)
	}
	if text, err := os.ReadFile(filepath.Join(to, "init")); string(text) != scriptText {
		t.Errorf("/init: %q, %v", text, err)
	}
	if text, _ := os.ReadFile(filepath.Join(to, "etc/tincan/args")); string(text) != "--\n/bin/true\n" {
		t.Errorf("the arguments file: %q", text)
	}
	// /etc/one is a third hard link to the file.
	want := strings.ReplaceAll(treeLines(t, dir), "links 2", "links 3")
	if got := treeLines(t, filepath.Join(to, "rootfs")); got != want {
		t.Errorf("unpacked:\n%s\nwant:\n%s", got, want)
	}
	// The image holds its content once, or an image of hard links would be many times their
	// size.
	if b, err := os.ReadFile(out); err != nil || bytes.Count(b, []byte(strings.Repeat("x", 5000))) != 1 {
		t.Errorf("%v; the image holds a file of three names %d times", err, bytes.Count(b, []byte(strings.Repeat("x", 5000))))
	}
	// Directories that were made on the way belong to root, and only root may write to them.
	for _, d := range []string{"etc", "etc/tincan", "dev", "rootfs"} {
		var st unix.Stat_t
		if err := unix.Stat(filepath.Join(to, d), &st); err != nil || st.Mode != unix.S_IFDIR|0o755 || st.Uid != 0 {
			t.Errorf("/%s: mode %o, user %d, %v", d, st.Mode, st.Uid, err)
		}
	}
	if got, want := treeLines(t, filepath.Join(to, "dev")), "console 20600 0:0 5:1\nnull 20666 0:0 1:3"; got != want {
		t.Errorf("/dev:\n%s\nwant:\n%s", got, want)
	}
}

// TestImageOwners checks that files of the caller belong to root in the machine, whoever the caller
// is.
func TestImageOwners(t *testing.T) {
	for _, c := range []struct {
		id     uint32
		caller int
		want   uint32
	}{{1000, 1000, 0}, {1000, 0, 1000}, {0, 0, 0}, {0, 1000, 0}, {33, 1000, 33}} {
		if got := rootFor(c.id, c.caller); got != c.want {
			t.Errorf("%d, when %d makes the image, is %d in it, want %d", c.id, c.caller, got, c.want)
		}
	}
}

// TestImageFileChanges checks that a file which has become shorter or longer since its size was
// read is an error. It would shift everything after it.
func TestImageFileChanges(t *testing.T) {
	for _, text := range []string{"abc", "abcdef"} {
		c := &cpioWriter{w: io.Discard}
		err := c.add(&cpioEntry{path: "a/b", mode: unix.S_IFREG | 0o644, size: 5, body: func(w io.Writer) error { _, err := io.WriteString(w, text); return err }})
		if want := fmt.Sprintf("a/b: the file has %d bytes, but had 5 bytes a moment ago", len(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestImageReproducible checks that the same tree gives the same bytes, whatever its times and
// inodes.
func TestImageReproducible(t *testing.T) {
	dir := sampleTree(t)
	var first []byte
	init := initScript(t)
	for i, name := range []string{"one", "two", "three.gz"} {
		out := filepath.Join(t.TempDir(), name)
		if i > 0 { // other times and other inodes
			os.Rename(filepath.Join(dir, "a/none"), filepath.Join(dir, "a/x"))
			os.WriteFile(filepath.Join(dir, "a/none"), nil, 0o640)
			os.Remove(filepath.Join(dir, "a/x"))
			os.Chtimes(filepath.Join(dir, "one"), time.Unix(1, 0), time.Unix(1, 0))
		}
		c := initramfsCmd{Output: out, Add: []string{dir + ":/", init + ":/init"}}
		if err := c.write(); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, ".gz") {
			z, err := gzip.NewReader(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			if b, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Errorf("%s differs from the first", name)
		}
		left, _ := filepath.Glob(filepath.Dir(out) + "/*")
		if len(left) != 1 {
			t.Errorf("more than the image was left: %q", left)
		}
	}
}

// elfWith returns the beginning of a program that names an interpreter: elf(5).
func elfWith(interpreter string) []byte {
	var b bytes.Buffer
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Version: 1, Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1}
	copy(h.Ident[:], "\x7fELF\x02\x01\x01")
	binary.Write(&b, binary.LittleEndian, h)
	binary.Write(&b, binary.LittleEndian, elf.Prog64{Type: uint32(elf.PT_INTERP), Off: 64 + 56, Filesz: uint64(len(interpreter) + 1)})
	b.WriteString(interpreter + "\x00")
	return b.Bytes()
}

// TestImageRefused checks the errors for images that cannot be made.
func TestImageRefused(t *testing.T) {
	dir := sampleTree(t)
	args := func(text string) string {
		f := filepath.Join(t.TempDir(), "args")
		os.WriteFile(f, []byte(text), 0o644)
		return f
	}
	dynamic := filepath.Join(t.TempDir(), "dynamic")
	if err := os.WriteFile(dynamic, elfWith("/lib/nosuch-ld.so"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cmd  initramfsCmd
		want string
	}{
		{initramfsCmd{Add: []string{dir}}, "--add " + dir + ": not HOST:PATH"},
		{initramfsCmd{Add: []string{":/a"}}, "--add :/a: not HOST:PATH"},
		{initramfsCmd{Add: []string{dir + ":rel"}}, `"rel" in the machine is not an absolute path`},
		{initramfsCmd{Add: []string{dir + ":/a/../b"}}, "`..` is not allowed"},
		{initramfsCmd{Add: []string{dir + "/one:/tmp/one"}}, "/init mounts a file system of its own on /tmp"},
		{initramfsCmd{Add: []string{dir + "/one:/"}}, "a file cannot be the machine's root directory"},
		{initramfsCmd{Add: []string{dir + "/nosuch:/x"}}, "no such file or directory"},
		{initramfsCmd{Add: []string{dir + ":/x", dir + "/one:/x/a"}}, "/x/a would be both a directory and a file"},
		{initramfsCmd{Add: []string{dir + ":/x", dir + "/one:/x/one/y"}}, "/x/one would be both a file and a directory that contains y"},
		{initramfsCmd{Add: []string{dir + ":/x", dir + "/one:/x/a/link/y"}}, "/x/a/link is a symlink in the image"},
		{initramfsCmd{Add: []string{dir + "/one:/init"}}, "so it must be an executable program"},
		{initramfsCmd{Add: []string{dynamic + ":/init"}}, "the program needs /lib/nosuch-ld.so, which is not in the image"},
		{initramfsCmd{Add: []string{dir + ":/x"}, Output: dir + "/image"}, "the archive is being written into " + dir},
		{initramfsCmd{Output: dir}, "-o " + dir + ": this is a directory; give the name of a file"},
		{initramfsCmd{Output: dir + "/no/such"}, "-o " + dir + "/no/such: open " + dir + "/no/such: no such file or directory"},
		{initramfsCmd{ArgsFile: dir + "/nosuch"}, "--args-file=" + dir + "/nosuch: "},
		{initramfsCmd{ArgsFile: args("\n")}, "contains no arguments"},
		{initramfsCmd{ArgsFile: args("a\nb\x00\n")}, "line 2 contains a zero byte"},
	} {
		out := filepath.Join(t.TempDir(), "image")
		if c.cmd.Output == "" {
			c.cmd.Output = out
		}
		err := c.cmd.write()
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.cmd, err, c.want)
		}
		if left, _ := filepath.Glob(c.cmd.Output + "*"); len(left) > 0 && c.cmd.Output != dir {
			t.Errorf("%+v left behind %q", c.cmd, left)
		}
	}
}
