// The entry of other architectures, under qemu's emulation of a processor.
package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// emulators of qemu-user, by Go's names of architectures.
var emulators = map[string]string{"amd64": "qemu-x86_64", "arm64": "qemu-aarch64", "riscv64": "qemu-riscv64"}

// A run starts before the runtime on each architecture. The emulator has no clone3: there the
// run is undone, the runtime starts, makes it again and says why. So the descriptor of the
// init's title, of which a run makes one, is made twice.
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
				missing(t, "%s is not here: apt-get install qemu-user", emulator)
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
			if n := strings.Count(text, "memfd_create("); n != 2 {
				t.Errorf("a run was made %d times, want once before the runtime and once with it", n)
			}
			// The first is over before the runtime asks for its first memory.
			if before, _, _ := strings.Cut(text, "sched_getaffinity("); strings.Count(before, "memfd_create(") != 1 {
				t.Error("the first run is not before the runtime")
			}
		})
	}
}
