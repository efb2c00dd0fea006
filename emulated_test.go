// The entry point on other architectures, under qemu's user-mode emulation.
package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// emulators are the programs of qemu-user, by Go's names of the architectures.
var emulators = map[string]string{"amd64": "qemu-x86_64", "arm64": "qemu-aarch64", "riscv64": "qemu-riscv64"}

// TestEntryUnderEmulation checks that a run starts before Go's runtime on each architecture. The
// emulator has no clone3: the run is undone, the runtime starts, makes the run again, and reports
// the error. Each run makes one socket pair, so two are made.
func TestEntryUnderEmulation(t *testing.T) {
	root := t.TempDir()
	for _, d := range []string{"", "proc", "sys", "dev", "tmp"} { // the emulator has no openat2 to look for more
		os.Mkdir(filepath.Join(root, d), 0o755)
		os.Chmod(filepath.Join(root, d), 0o755)
	}
	for arch, emulator := range emulators {
		if arch == runtime.GOARCH {
			continue
		}
		t.Run(arch, func(t *testing.T) {
			if _, err := exec.LookPath(emulator); err != nil {
				missing(t, "%s is not installed: apt-get install qemu-user", emulator)
			}
			bin := buildFor(t, []string{"GOARCH=" + arch}, releaseFlags...)
			if out, err := exec.Command(emulator, bin, "--version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "tincan ") {
				t.Errorf("--version: %v: %s", err, out)
			}
			if out, err := exec.Command(emulator, bin, "seccomp", "eval", "default", "clone3").CombinedOutput(); err != nil || string(out) != "ERRNO(38)\n" {
				t.Errorf("seccomp eval: %v: %s", err, out)
			}
			out, err := exec.Command(emulator, "-strace", bin, "--no-cgroup", "-m", root, "--", "/bin/true").CombinedOutput()
			text := string(out)
			if err == nil || !strings.Contains(text, "tincan: step ") || !strings.Contains(text, "ENOSYS") {
				t.Errorf("run: %v: %.2000s", err, text)
			}
			if n := strings.Count(text, "socketpair("); n != 2 {
				t.Errorf("%d runs were made, want one before the runtime and one with it", n)
			}
			// The first run is over before the runtime asks for its first memory.
			if before, _, _ := strings.Cut(text, "sched_getaffinity("); strings.Count(before, "socketpair(") != 1 {
				t.Error("the first run was not made before the runtime started")
			}
		})
	}
}
