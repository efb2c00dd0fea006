// Command boottime measures the time from the kernel's start of /init to the first instruction of
// the command: with tincan as PID 1, with and without a container, and with busybox's init running
// the same command.
//
// Both moments are lines on the serial console, timed by this machine's clock when they arrive: the
// kernel's own "Run /init as init process", and the line that the command writes first. The boots
// are interleaved.
package main

import (
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"tincan/test/vm"
)

// said is the line that the command writes.
const said = "the first instruction\n"

func main() {
	boots := flag.Int("n", 10, "boots of each kind")
	arch := flag.String("arch", runtime.GOARCH, "architecture: amd64 or arm64")
	series := flag.String("kernel", "6.12", "the kernel's series")
	box := flag.String("busybox", "/bin/busybox", "a static busybox for that architecture")
	also := flag.String("also", "", "another tincan for that architecture, for comparison")
	flag.Parse()
	if err := measure(*boots, *arch, *series, *box, *also); err != nil {
		fmt.Fprintln(os.Stderr, "boottime:", err)
		os.Exit(1)
	}
}

// contender is an init with a command.
type contender struct {
	name  string
	init  string // the program that becomes /init
	files map[string]string
	args  []string
	image string
	times []time.Duration
}

// same is a busybox script that mounts what tincan mounts.
const same = `#!/bin/sh
mkdir -p /proc /sys /dev /tmp /run
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs tmpfs /tmp
mount -t tmpfs tmpfs /run
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security
for c in $(cat /sys/fs/cgroup/cgroup.controllers); do echo +$c >/sys/fs/cgroup/cgroup.subtree_control; done
ip link set lo up
exec /command
`

// measure boots the machines and prints the table.
func measure(boots int, arch, series, box, also string) error {
	k, err := vm.FetchKernel(arch, series)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "boottime-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	host, target := filepath.Join(dir, "tincan"), filepath.Join(dir, "tincan-"+arch)
	if err := vm.Build(runtime.GOARCH, host, "tincan", false); err != nil {
		return err
	}
	if err := vm.Build(arch, target, "tincan", false); err != nil {
		return err
	}
	command := string(program(arch))
	all := []*contender{
		{name: "busybox init", init: box, files: map[string]string{"/etc/inittab": "::sysinit:/command\n"}},
		{name: "busybox init, with tincan's mounts", init: box, files: map[string]string{"/etc/inittab": "::sysinit:/etc/rcS\n", "/etc/rcS": same}},
		{name: "tincan, no container", init: target, args: []string{"--no-container", "/command"}},
		{name: "tincan, container", init: target, args: []string{"-m", "/rootfs", "--", "/command"}},
	}
	if also != "" {
		all = append(all,
			&contender{name: filepath.Base(also) + ", no container", init: also, args: all[2].args},
			&contender{name: filepath.Base(also) + ", container", init: also, args: all[3].args})
	}
	for i, c := range all {
		if err := c.prepare(host, box, command, filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	for range boots {
		for _, c := range all {
			t, err := c.boot(k)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			c.times = append(c.times, t)
		}
	}
	fmt.Printf("Linux %s under qemu (TCG), %d boots each, from the start of /init to the command's first instruction\n", k.Release, boots)
	fmt.Printf("%-36s %10s %10s %10s %8s\n", "", "lowest", "median", "highest", "times")
	for _, c := range all {
		slices.Sort(c.times)
		fmt.Printf("%-36s %7.0f ms %7.0f ms %7.0f ms %8.2f\n", c.name, ms(c.times[0]), ms(median(c.times)), ms(c.times[len(c.times)-1]), ms(median(c.times))/ms(median(all[0].times)))
	}
	return nil
}

// ms returns a duration in milliseconds.
func ms(d time.Duration) float64 { return d.Seconds() * 1000 }

// median returns the median of sorted durations.
func median(sorted []time.Duration) time.Duration {
	return (sorted[(len(sorted)-1)/2] + sorted[len(sorted)/2]) / 2
}

// prepare makes the contender's image.
func (c *contender) prepare(tincan, box, command, dir string) error {
	tree := vm.Tree{Dir: dir}
	if c.files == nil {
		c.files = map[string]string{}
	}
	c.files["/command"], c.files["/rootfs/command"] = command, command
	for name, text := range c.files {
		if err := tree.Write(name, text); err != nil {
			return err
		}
		if err := os.Chmod(filepath.Join(dir, name), 0o755); err != nil {
			return err
		}
	}
	if err := tree.Copy(box, "/bin/busybox"); err != nil {
		return err
	}
	list, err := exec.Command("/bin/busybox", "--list").Output()
	if err != nil {
		return err
	}
	for n := range strings.FieldsSeq(string(list)) {
		os.Symlink("busybox", filepath.Join(dir, "bin", n))
	}
	c.image = dir + ".cpio"
	return vm.Image{Tincan: tincan, Init: c.init, Add: []string{dir + ":/"}}.Write(c.image)
}

// watch is a console that records when each text appears.
type watch struct {
	texts []string
	at    []time.Time
	seen  strings.Builder
	stop  chan bool
}

// Write implements io.Writer.
func (w *watch) Write(b []byte) (int, error) {
	now := time.Now()
	w.seen.Write(b)
	for len(w.at) < len(w.texts) && strings.Contains(w.seen.String(), w.texts[len(w.at)]) {
		w.at = append(w.at, now)
	}
	if len(w.at) == len(w.texts) && w.stop != nil {
		close(w.stop)
		w.stop = nil
	}
	return len(b), nil
}

// boot boots the contender's machine and returns the time between the two lines.
func (c *contender) boot(k *vm.Kernel) (time.Duration, error) {
	w := &watch{texts: []string{"Run /init as init process", strings.TrimSpace(said)}, stop: make(chan bool)}
	m := vm.Machine{Kernel: k, Initrd: c.image, Args: c.args, Watch: w, Stop: w.stop}
	o, err := m.Boot()
	if err != nil {
		return 0, err
	}
	if len(w.at) < 2 {
		return 0, fmt.Errorf("the command printed nothing: %v", o)
	}
	return w.at[1].Sub(w.at[0]), nil
}

// program returns the command: an ELF file of one segment whose instructions write the line and
// exit.
func program(arch string) []byte {
	const base, header = 0x400000, 64 + 56
	var machine uint16
	var code []byte
	u32 := binary.LittleEndian.AppendUint32
	switch arch {
	case "amd64":
		machine = 62
		const length = 36
		code = append(code, 0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xbe) // mov eax, SYS_write; mov edi, 1; mov esi, ...
		code = u32(code, base+header+length)
		code = append(code, 0xba) // mov edx, ...
		code = u32(code, uint32(len(said)))
		code = append(code, 0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05) // syscall; mov eax, SYS_exit; xor edi, edi; syscall
		for len(code) < length {
			code = append(code, 0x90)
		}
	case "arm64":
		machine = 183
		for _, w := range []uint32{
			0xd2800020, 0x10000000 | 7<<5 | 1, 0xd2800002 | uint32(len(said))<<5, 0xd2800808, 0xd4000001, // mov x0, 1; adr x1, .+28; mov x2, len; mov x8, SYS_write; svc 0
			0xd2800000, 0xd2800ba8, 0xd4000001, // mov x0, 0; mov x8, SYS_exit; svc 0
		} {
			code = u32(code, w)
		}
	}
	code = append(code, said...)
	b := []byte("\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	u16, u64 := binary.LittleEndian.AppendUint16, binary.LittleEndian.AppendUint64
	b = u32(u16(u16(b, 2), machine), 1)
	b = u64(u64(u64(b, base+header), 64), 0)
	b = u16(u16(u16(u32(b, 0), 64), 56), 1)
	b = u16(u16(u16(b, 0), 0), 0)
	b = u64(u64(u64(u32(u32(b, 1), 5), 0), base), base) // PT_LOAD, readable and executable
	size := uint64(header + len(code))
	b = u64(u64(u64(b, size), size), 0x1000)
	return append(b, code...)
}
