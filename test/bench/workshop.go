// What the measurements need: root directories, small C programs, and a temporary directory for
// them.

package main

import (
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
)

// programs are the C programs that run inside containers, and the one that starts a run.
//
//go:embed programs
var programs embed.FS

// workshop is a temporary directory and its content.
type workshop struct {
	dir    string
	tincan string // the binary to measure
	root   string // a tree with busybox, the programs, and every mount point
	noGCC  string // why there are no C programs, or ""
	moby   string // the file of moby's default profile
	floors int    // how many floors were compiled
	user   uint32 // the user who asks tincan for a plan, if not root
	once   sync.Once
}

// openWorkshop makes the directory.
func openWorkshop() (s *workshop, err error) {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return nil, errors.New("busybox is not installed: apt-get install busybox-static")
	}
	s = &workshop{}
	text, err := os.ReadFile(*tincanBin)
	if err != nil {
		return nil, err
	}
	if nullDevice == nil {
		if nullDevice, err = newNullDevice(); err != nil {
			return nil, err
		}
	}
	if s.dir, err = os.MkdirTemp("", "tincan-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if err := os.Chmod(s.dir, 0o755); err != nil {
		return nil, err
	}
	// Go's linker writes a program through a mapping, which leaves it in the page cache as single
	// pages; a copy lies there as other installed programs do, in larger pieces, and starts faster.
	s.tincan = filepath.Join(s.dir, "tincan")
	if err := os.WriteFile(s.tincan, text, 0o755); err != nil {
		return nil, err
	}
	s.root = filepath.Join(s.dir, "root")
	if err := makeTree(s.root, busybox); err != nil {
		return nil, err
	}
	s.moby = *mobyFile
	if _, err := os.Stat(s.moby); err != nil {
		return nil, fmt.Errorf("-moby: %w", err)
	}
	if _, err := exec.LookPath("gcc"); err != nil {
		s.noGCC = "gcc is not installed, and this is a C program"
		return s, nil
	}
	for _, p := range []struct{ name, source, flag string }{
		{"first", "first.c", "-DEND"}, {"hold", "first.c", "-DHOLD"}, {"calls", "calls.c", "-O2"}, {"peak", "peak.c", "-O2"},
	} {
		text, err := programs.ReadFile("programs/" + p.source)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(s.dir, p.source)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return nil, err
		}
		flags := []string{p.flag}
		if p.source == "first.c" { // no C library, whose start would be measured
			flags = append(flags, "-nostartfiles", "-fno-stack-protector")
			if runtime.GOARCH != "riscv64" { // the stack is not yet aligned for vector instructions
				flags = append(flags, "-mgeneral-regs-only")
			}
		}
		bin, err := s.compile(p.name, file, flags...)
		if err != nil {
			return nil, err
		}
		if err := os.Link(bin, filepath.Join(s.root, "bin", p.name)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// close removes the directory. Nothing is mounted in it, because the mounts are in the containers.
func (s *workshop) close() (err error) {
	s.once.Do(func() { err = os.RemoveAll(s.dir) })
	return err
}

// asUser returns the same workshop, for another user who asks tincan for plans.
func (s *workshop) asUser(uid uint32) *workshop {
	return &workshop{dir: s.dir, tincan: s.tincan, root: s.root, noGCC: s.noGCC, moby: s.moby, user: uid}
}

// compile compiles a static C program.
func (s *workshop) compile(name, source string, flags ...string) (string, error) {
	if s.noGCC != "" {
		return "", errors.New(s.noGCC)
	}
	bin := filepath.Join(s.dir, name)
	args := append([]string{"-static", "-O2", "-w", "-o", bin, source}, flags...)
	if out, err := exec.Command("gcc", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc %s: %w\n%s", filepath.Base(source), err, out)
	}
	return bin, nil
}

// makeTree makes a root directory with a busybox, and with the mount points that the tools other
// than tincan need.
func makeTree(root, busybox string) error {
	for _, d := range []string{"bin", "proc", "dev", "sys", "tmp", "etc", "usr", "run", "var", "root"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	b, err := os.ReadFile(busybox)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(root, "bin/busybox"), b, 0o755); err != nil {
		return err
	}
	for _, name := range []string{"true", "sh", "cat"} {
		if err := os.Symlink("busybox", filepath.Join(root, "bin", name)); err != nil {
			return err
		}
	}
	return nil
}

// copyTree makes a copy of the root directory, for a tool that leaves files in it.
func (s *workshop) copyTree(name string) (string, error) {
	to := filepath.Join(s.dir, name)
	return to, os.CopyFS(to, os.DirFS(s.root))
}

// compileFilter returns the filter of a profile as struct sock_filter.
func (s *workshop) compileFilter(profile string) ([]byte, error) {
	file := filepath.Join(s.dir, "filter.bpf")
	if _, err := s.tincanOutput(0, "seccomp", "compile", profile, "-o", file); err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}
