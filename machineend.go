// The duties of a machine's PID 1, at the end: the report, and powering off.
//
// reboot(2), virtio-console, QEMU's isa-debug-exit, tcdrain(3).
//
// qemu exits with 0 whatever happened in the machine, so the status is reported in three ways:
// on the console for people, over the virtio-serial port `result` for programs, and, if asked
// for, to qemu itself.

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// resultPort is the name of the virtio-serial port for the report.
const resultPort = "result"

// machineReport is the line that is written to the port.
type machineReport struct {
	Status    int     `json:"status"`
	Signal    *string `json:"signal"`
	TimedOut  bool    `json:"timed_out"`
	OOMKilled bool    `json:"oom_killed"`
	Duration  float64 `json:"duration"`        // seconds since the start of the command
	Error     string  `json:"error,omitempty"` // an error of tincan's own, if nothing ran or tincan crashed
}

// machineEnds is locked by the first caller of end, so that the machine ends only once.
var machineEnds sync.Mutex

// end prints the report and ends the machine. It does not return.
func (m *machine) end(status int) {
	if theMachine == nil {
		return // this is a container's PID 1 after all
	}
	machineEnds.Lock()
	r := machineReport{Status: status, Error: m.failure}
	if !m.started.IsZero() {
		r.Duration = time.Since(m.started).Seconds()
	}
	r.OOMKilled = vmOOMKills() > m.oomKills
	if e := m.ending; e != nil {
		r.TimedOut, r.Duration = e.timedOut, float64(e.wall)/1e9
		r.OOMKilled = r.OOMKilled || e.group.oomKilled > 0
		if e.status.Signaled() {
			n := signalName(e.status.Signal())
			r.Signal = &n
			say("the command was ended by %s", n)
		}
	}
	if r.OOMKilled && (m.ending == nil || m.ending.group.oomKilled <= 0) {
		say("out of memory: the kernel killed a process; give the machine more memory (qemu -m)")
	}
	stays := m.opt.poweroff == "never" || m.opt.poweroff == "on-success" && status != 0
	if !stays {
		unix.Kill(-1, unix.SIGKILL) // no process may write while the disks are synced
	}
	say("exit status %d", status)
	if err := tell(&r); err != nil {
		say("the virtio-serial port %s: %v", resultPort, err)
	}
	unix.IoctlSetInt(2, unix.TCSBRK, 1) // tcdrain: wait until the console has printed everything
	unix.Sync()
	if m.opt.debugExit != 0 {
		if err := debugExit(m.opt.debugExit, status); err != nil {
			say("--debug-exit: %v", err)
		}
	}
	if stays {
		m.stay()
	}
	unix.Sync()
	err := unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	say("reboot(LINUX_REBOOT_CMD_POWER_OFF): %v; switch this machine off by hand", err)
	for {
		unix.Pause()
	}
}

// tell writes the report to the port, if there is one.
func tell(r *machineReport) error {
	names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil || strings.TrimSpace(string(b)) != resultPort {
			continue
		}
		text, err := json.Marshal(r)
		if err != nil {
			return err
		}
		// If no program reads at the other end, a blocking write would wait forever.
		fd, err := unix.Open("/dev/"+filepath.Base(filepath.Dir(n)), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		retry(func() (int, error) { return unix.Poll(wait, 2000) })
		_, err = retry(func() (int, error) { return unix.Write(fd, append(text, '\n')) })
		return err
	}
	return nil
}

// stay keeps the machine running until a signal asks for its end.
func (m *machine) stay() {
	say("the machine stays on (--poweroff=%s); SIGTERM to process 1 or Ctrl-Alt-Del ends it", m.opt.poweroff)
	fds := []unix.PollFd{{Fd: int32(m.signals.fd), Events: unix.POLLIN}}
	for {
		reapAll()
		sysPoll(fds, -1)
		for s, come := m.signals.next(); come; s, come = m.signals.next() {
			if endsMachine(s) {
				unix.Kill(-1, unix.SIGKILL)
				return
			}
		}
	}
}

// reapAll reaps every child that has ended.
func reapAll() {
	for {
		if pid, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); err != nil || pid == 0 {
			return
		}
	}
}

// vmOOMKills returns how many processes the kernel has killed because memory ran out:
// proc_vmstat(5).
func vmOOMKills() int64 { return readKey("/proc/vmstat", "oom_kill") }
