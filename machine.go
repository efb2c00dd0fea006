// The duties of a machine's PID 1: tincan as the only program of a virtual machine.
//
// Documentation/filesystems/ramfs-rootfs-initramfs.rst, bootparam(7), reboot(2), signal(7),
// waitpid(2).
//
// The kernel starts /init with the words after -- on its command line. tincan mounts what
// programs expect (machinesetup.go), runs the container or the command that these words or
// /etc/tincan/args describe, reports how it ended, and powers off. It is a single process and a
// single program: the container is cloned from PID 1 itself.
//
// From here on, no failure may end this process: the kernel panics when its init ends. So if a
// duty fails, tincan prints the error on the console and continues with the next one. The run
// itself still fails closed. In every case the report and the end of the machine come last.
//
// Differs from the tutorial: the tutorial has no such part.

package main

import (
	"errors"
	"fmt"
	"os"
	"path"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// initCmd is `tincan init`. As PID 1, parseInit reads its arguments. kong reads them for --help,
// and if the process is not PID 1.
type initCmd struct {
	NoContainer bool     `help:"Run the command itself, without a container around it."`
	Poweroff    string   `default:"always" enum:"never,always,on-success" placeholder:"never|always|on-success" help:"What to do at the end (${default})."`
	DebugExit   string   `placeholder:"[PORT]" optional:"" help:"Tell QEMU's isa-debug-exit device the status: QEMU then exits with 2*STATUS+1, modulo 256 (amd64; port 0x501)."`
	Args        []string `arg:"" optional:"" passthrough:"all" help:"tincan's arguments, 'run' being the default command; with --no-container the command and its own."`
}

func (initCmd) Help() string {
	return `This is what tincan does by itself when it is process 1 of a machine and /proc is not mounted yet: rdinit=/init or init=/tincan on the kernel's command line, and these arguments after -- there. It mounts /proc, /sys, /dev, /tmp, /run and the control groups, loads /etc/tincan/modules/*.ko*, brings the loopback interface up, runs the command, prints 'tincan: exit status N', writes {"status": N, "signal": ..., "oom_killed": ..., "duration": ...} to the virtio-serial port named 'result' if there is one, and powers off. SIGTERM, SIGINT and SIGPWR (and Ctrl-Alt-Del) end the command first.

Without a command here the lines of /etc/tincan/args are the arguments; without that file a shell on the console is.

Example, on a kernel's command line:

  console=ttyS0 quiet panic=-1 -- -m /rootfs --memory=64M -- /bin/test`
}

// machinePID1 reports whether this is the first process of a machine. In a container, /proc is
// mounted.
func machinePID1(args []string) bool {
	return os.Getpid() == 1 && (len(args) > 0 && args[0] == "init" || !exists("/proc/self"))
}

// theMachine is the machine, or nil if this process is not PID 1 of a machine.
var theMachine *machine

// machine is the state of a machine's PID 1.
type machine struct {
	opt      initOptions
	started  time.Time
	oomKills int64 // of the whole machine, before the command started
	ending   *ending
	failure  string // the reason why nothing ran, or the crash
	busy     sync.WaitGroup
	signals  signalSource
	deaf     error // the reason why there are no signals
}

// runMachine does everything that a machine's PID 1 does. It returns only if this process is PID 1
// of a container instead.
func runMachine(args []string) {
	m := &machine{opt: initOptions{poweroff: "always"}}
	status := statusFailed
	theMachine = m
	defer func() { m.end(status) }()
	defer m.recover()
	if !m.setUp() {
		theMachine = nil
		return
	}
	words, err := machineArgs(args)
	if err == nil {
		m.opt, err = parseInit(words)
	}
	if err != nil {
		m.fail(err)
		return
	}
	if hint := quoteHint(m.opt.args); hint != "" {
		say("%s", hint)
	}
	status = m.run()
}

// fail reports an error on the console and to the port.
func (m *machine) fail(err error) {
	m.failure = err.Error()
	say("%v", err)
}

// recover turns a crash of tincan into a report. It is deferred in every goroutine.
func (m *machine) recover() {
	if m == nil {
		return
	}
	if r := recover(); r != nil {
		m.fail(fmt.Errorf("tincan itself crashed: %v\n%s", r, debug.Stack()))
		m.end(statusFailed)
	}
}

// run runs what was asked for, and returns the exit status.
func (m *machine) run() int {
	m.started, m.oomKills = time.Now(), vmOOMKills()
	switch {
	case len(m.opt.args) == 0 && !m.opt.noContainer:
		return m.shell()
	case len(m.opt.args) == 0:
		m.fail(errors.New("--no-container: no command follows it: write the command and its arguments after it"))
		return statusFailed
	case m.opt.noContainer:
		return m.direct(m.opt.args)
	}
	return tincan(m.opt.args)
}

// shell runs a shell, for a machine that was not told what to run.
func (m *machine) shell() int {
	const shell = "/bin/sh"
	if !isTerminal(0) || !exists(shell) {
		m.fail(fmt.Errorf("nothing to run: there are no arguments after -- on the kernel's command line, no file %s, and no %s with a console\ntry: -- run -m /rootfs -- /bin/true", argsFile, shell))
		return statusFailed
	}
	say("there are no arguments after -- on the kernel's command line, and no file %s: starting a shell; the machine ends when the shell ends", argsFile)
	return m.direct([]string{shell})
}

// direct runs a command without a container.
func (m *machine) direct(argv []string) int {
	m.ready()
	env := os.Environ() // the words NAME=VALUE before the --
	if os.Getenv("PATH") == "" {
		env = append(env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	}
	c := &config{argv: argv, env: env, workdir: "/", root: root{dir: "/"}}
	files := candidates(argv[0], env)
	attr := &syscall.ProcAttr{Env: env, Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true}}
	if isTerminal(0) {
		attr.Sys.Foreground, attr.Sys.Ctty = true, 0
	}
	for _, file := range files {
		pid, err := syscall.ForkExec(file, argv, attr)
		if err == nil {
			return m.await(pid)
		}
		e := errnoOf(err)
		if i, _ := c.interpreterOf(file); e == unix.ENOENT && i == "" && file != files[len(files)-1] {
			continue
		}
		m.fail(&callError{call: fmt.Sprintf("execve(%s, %s, ENVP)", quote(file), vectorText(argv)), err: e, hint: hintDirect(c, file, e)})
		return c.execStatus(file, e)
	}
	return statusFailed // never reached: there is always a candidate
}

// hintDirect explains what to do about a command that could not be executed.
func hintDirect(c *config, file string, e syscall.Errno) string {
	switch i, _ := c.interpreterOf(file); {
	case e == unix.ENOENT && i != "":
		return fmt.Sprintf("%s exists, but the interpreter that it names does not: %s\nput it into the image, with the libraries that ldd(1) lists: tincan initramfs --add %s:%s", file, i, i, i)
	case e == unix.ENOENT:
		return fmt.Sprintf("%s does not exist; tincan initramfs --add FILE:%s puts it into the image", c.argv[0], path.Join("/", c.argv[0]))
	case e == unix.EACCES:
		return file + ": is a directory, or not executable: chmod +x"
	}
	return ""
}

// await reaps all children that end until the command has ended, and passes signals on. It is a
// single loop, and the only one that waits for children.
func (m *machine) await(command int) int {
	idle := -1 // in milliseconds
	if m.deaf != nil {
		say("%v", m.deaf)
		idle = 100 // without the pipe, nothing reports that a child has ended
	}
	var deadline int64 // a time of sysClock, or 0 for none
	fds := []unix.PollFd{{Fd: int32(m.signals.fd), Events: unix.POLLIN}}
	for {
		if m.ending = reapUntil(command); m.ending != nil {
			m.ending.wall = int64(time.Since(m.started))
			return m.ending.exitStatus()
		}
		wait := idle
		if deadline != 0 {
			wait = int(max(0, deadline-sysClock())/1e6) + 1
		}
		n, _ := sysPoll(fds, wait)
		if n == 0 && deadline != 0 && sysClock() >= deadline { // the command has not ended after SIGTERM
			unix.Kill(-command, unix.SIGKILL)
			deadline = 0
			continue
		}
		for s, come := m.signals.next(); come; s, come = m.signals.next() {
			switch {
			case s == unix.SIGCHLD: // children are reaped above
			case endsMachine(s):
				unix.Kill(-command, unix.SIGTERM)
				unix.Kill(-command, unix.SIGCONT)
				deadline = sysClock() + killAfter
			default:
				unix.Kill(-command, s)
			}
		}
	}
}

// reapUntil reaps the children that have ended. It returns how the command ended, or nil if it
// has not.
func reapUntil(command int) *ending {
	for {
		e := ending{}
		pid, err := unix.Wait4(-1, &e.status, unix.WNOHANG|unix.WUNTRACED, &e.usage)
		switch {
		case err == unix.EINTR:
		case err != nil || pid == 0:
			return nil
		case pid != command:
		case e.status.Stopped(): // nobody here could continue it with a shell's `fg`
			unix.Kill(-command, unix.SIGCONT)
		default:
			return &e
		}
	}
}

// endsMachine reports whether a signal to PID 1 asks for the end of the machine: from kill(1),
// Ctrl-Alt-Del, or a power failure.
func endsMachine(s syscall.Signal) bool {
	return s == unix.SIGTERM || s == unix.SIGINT || s == unix.SIGPWR
}
