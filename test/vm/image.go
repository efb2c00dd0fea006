package vm

// The initramfs of a boot, which `tincan initramfs` writes, and the directory tree that the tests
// inside use as the machine's root.

import (
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Image describes an initramfs.
type Image struct {
	Tincan  string   // the host's tincan, which writes the archive
	Init    string   // another /init, such as one for another architecture
	Add     []string // HOST:PATH
	Modules []string // files, in the order in which to load them
	Args    []string // for /etc/tincan/args, if not nil
}

// Write writes the archive to a file.
func (i Image) Write(file string) error {
	line := []string{"initramfs", "-o", file}
	if i.Init != "" {
		line = append(line, "--add", i.Init+":/init")
	}
	for n, m := range i.Modules {
		line = append(line, "--add", fmt.Sprintf("%s:/etc/tincan/modules/%02d-%s", m, n, filepath.Base(m)))
	}
	for _, a := range i.Add {
		line = append(line, "--add", a)
	}
	if i.Args != nil {
		args := file + ".args"
		if err := os.WriteFile(args, []byte(strings.Join(i.Args, "\n")+"\n"), 0o644); err != nil {
			return err
		}
		line = append(line, "--args-file", args)
	}
	if out, err := exec.Command(i.Tincan, line...).CombinedOutput(); err != nil {
		return fmt.Errorf("tincan %q: %w: %s", line, err, out)
	}
	return nil
}

// Build compiles a package of this module, or its tests, for an architecture. For tincan itself,
// test selects a build that the tests can make fail.
func Build(arch, out, pkg string, test bool) error {
	line := []string{"build", "-ldflags", "-s -w", "-o", out, pkg}
	switch {
	case pkg == "tincan" && test: // a step of its plan can be made to fail (sabotage.go)
		line = []string{"build", "-tags", "sabotage", "-ldflags", "-s -w -E main.entry", "-o", out, pkg}
	case pkg == "tincan":
		line = []string{"build", "-ldflags", "-s -w -E main.entry", "-o", out, pkg}
	case test:
		line = append([]string{"test", "-c"}, line[1:]...)
	}
	c := exec.Command("go", line...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch, "GOOS=linux")
	if text, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go %q: %w: %s", line, err, text)
	}
	return nil
}

// Tree is a directory that becomes the machine's root.
type Tree struct{ Dir string }

// NewTree makes the top of a merged-/usr tree.
func NewTree(dir string) (Tree, error) {
	for _, d := range []string{"usr/bin", "usr/lib", "usr/lib64", "usr/local/bin", "etc", "root", "home", "mnt", "opt", "srv", "var/cache", "var/lib", "var/local", "var/log", "var/spool", "var/tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return Tree{}, err
		}
	}
	for link, to := range map[string]string{"bin": "usr/bin", "sbin": "usr/bin", "usr/sbin": "bin", "lib": "usr/lib", "lib64": "usr/lib64", "var/run": "/run"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			return Tree{}, err
		}
	}
	for d, mode := range map[string]os.FileMode{"root": 0o700, "var/tmp": 0o777 | os.ModeSticky} {
		if err := os.Chmod(filepath.Join(dir, d), mode); err != nil {
			return Tree{}, err
		}
	}
	return Tree{dir}, nil
}

// Busybox adds a static busybox, with all its names.
func (t Tree) Busybox(busybox string, names []string) error {
	if err := t.Copy(busybox, "/usr/bin/busybox"); err != nil {
		return err
	}
	for _, n := range names {
		if err := os.Symlink("busybox", filepath.Join(t.Dir, "usr/bin", n)); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	return nil
}

// Program adds a program and the libraries that it needs, in place of a file of that name. sysroot
// is "/" for this machine's programs, or a directory of unpacked packages.
func (t Tree) Program(sysroot, name string) error {
	for _, dir := range []string{"usr/bin", "bin", "usr/sbin", "sbin"} {
		if file := filepath.Join(sysroot, dir, name); exists(file) {
			if err := t.Copy(file, "/usr/bin/"+name); err != nil {
				return err
			}
			return t.libraries(sysroot, file)
		}
	}
	return fmt.Errorf("%s has no program %s", sysroot, name)
}

// libraries adds the libraries that an ELF file needs, and those that they need: ld.so(8).
func (t Tree) libraries(sysroot, file string) error {
	f, err := elf.Open(file)
	if err != nil {
		return nil // a script
	}
	defer f.Close()
	needs, err := f.ImportedLibraries()
	if err != nil {
		return err
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b, err := io.ReadAll(p.Open())
			if err != nil {
				return err
			}
			needs = append(needs, strings.TrimRight(string(b), "\x00"))
		}
	}
next:
	for _, name := range needs {
		for _, dir := range []string{"", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu", "lib/aarch64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd", "usr/lib/aarch64-linux-gnu/systemd", "usr/lib", "lib"} {
			from := filepath.Join(sysroot, dir, name)
			if !exists(from) {
				continue
			}
			to := filepath.Join("/", dir, name)
			if exists(filepath.Join(t.Dir, to)) {
				continue next
			}
			if err := t.Copy(from, to); err != nil {
				return err
			}
			if err := t.libraries(sysroot, from); err != nil {
				return err
			}
			continue next
		}
		return fmt.Errorf("%s needs %s, which is not in %s", file, name, sysroot)
	}
	return nil
}

// exists reports whether a file exists.
func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// Copy copies a file of this machine, following symlinks, into the tree.
func (t Tree) Copy(from, to string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	fi, err := os.Stat(from)
	if err != nil {
		return err
	}
	file := filepath.Join(t.Dir, to)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(file, b, fi.Mode().Perm())
}

// Write writes a file in the tree.
func (t Tree) Write(to, text string) error {
	file := filepath.Join(t.Dir, to)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(text), 0o644)
}
