// The host's steps: what the launcher does from outside, in ordinary Go.

package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// hostStep is a step of the launcher's. Its text looks like the others'.
func hostStep(call string, do func(*launch) error, args ...string) *step {
	s := &step{call: call, actor: host, do: do}
	for i, a := range args {
		if i < len(s.args) {
			s.args[i] = arg{s: a, show: showText}
		}
	}
	return s
}

// hostWrite is a write of text to a file: open, write, close.
func hostWrite(file, text string, do func(*launch) error) *step {
	s := hostStep("write", do)
	s.args[0], s.args[1] = arg{s: file, show: showQuoted}, arg{s: text, show: showQuoted}
	return s
}

// asFlag adds the flag to the hint of a failing write.
func (s *step) asFlag(flag string) *step {
	return s.hinted(func(e syscall.Errno) string {
		if e == unix.EINVAL || e == unix.ERANGE {
			return "the kernel does not take this value for " + flag
		}
		if h := hintGroup(e); h != "" {
			return h + "\n(" + flag + " set this value)"
		}
		return flag + " set this value"
	})
}

func quoteAll(v []string) []string {
	out := make([]string, len(v))
	for i, s := range v {
		out[i] = quote(s)
	}
	return out
}

// writeFile writes text to an existing file in a single write(2), as files of
// cgroupfs and procfs want it.
func writeFile(file, text string) error {
	f, err := unix.Open(file, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	// The kernel gives up on memory limits for any signal, and Go's scheduler sends its own.
	n, err := retry(func() (int, error) { return unix.Write(f, []byte(text)) })
	if e := unix.Close(f); err == nil {
		err = e
	}
	if err == nil && n != len(text) {
		err = fmt.Errorf("only %d of %d bytes written", n, len(text))
	}
	return err
}

// readFile reads a file of /proc or the like. (os.ReadFile makes its descriptor known to
// Go's poller and its clean-up, which starts a thread.)
func readFile(file string) (string, error) {
	f, err := retry(func() (int, error) { return unix.Open(file, unix.O_RDONLY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return "", &os.PathError{Op: "open", Path: file, Err: err}
	}
	defer unix.Close(f)
	text, err := readAll(f)
	if err != nil {
		return "", &os.PathError{Op: "read", Path: file, Err: err}
	}
	return text, nil
}

// readAll reads from a descriptor to the end.
func readAll(f int) (string, error) {
	text := ""
	var b [4096]byte // a page is what procfs and cgroupfs give at a time
	for have := 0; ; {
		n, err := retry(func() (int, error) { return unix.Read(f, b[have:]) })
		if err != nil {
			return "", err
		}
		if have += n; n == 0 || have == len(b) {
			text += string(b[:have])
			have = 0
		}
		if n == 0 {
			return text, nil
		}
	}
}

// namesIn lists a directory: getdents64(2).
func namesIn(dir string) ([]string, error) {
	f, err := retry(func() (int, error) { return unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0) })
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	defer unix.Close(f)
	var names []string
	var b [4096]byte
	for {
		n, err := unix.Getdents(f, b[:])
		if err != nil {
			return nil, &os.PathError{Op: "getdents64", Path: dir, Err: err}
		}
		if n == 0 {
			return names, nil
		}
		_, _, names = unix.ParseDirent(b[:n], -1, names)
	}
}

func exists(file string) bool {
	var st unix.Stat_t
	return unix.Lstat(file, &st) == nil
}

// errnoOf gives the errno in err, or 0.
func errnoOf(err error) syscall.Errno {
	var e syscall.Errno
	errors.As(err, &e)
	return e
}

// skipNotExist makes a file that is gone already no error.
func skipNotExist(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// checkProc makes sure that /proc is the kernel's: the maps of ids are written
// there, and a directory of somebody's would take them without a word. In another PID
// namespace's, a process's number is some other process's.
func checkProc() error {
	var st unix.Statfs_t
	if err := unix.Statfs("/proc", &st); err != nil {
		return &hostError{call: `statfs("/proc")`, err: err, hint: "tincan reads and writes /proc: mount -t proc proc /proc"}
	}
	if st.Type != unix.PROC_SUPER_MAGIC {
		return errors.New("/proc is not the kernel's file system of processes: mount -t proc proc /proc")
	}
	if self, err := os.Readlink("/proc/self"); err != nil || self != strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("/proc is that of another PID namespace, where this process is %q and not %d: mount -t proc proc /proc (unshare --mount-proc, bwrap --proc /proc)", self, os.Getpid())
	}
	return nil
}

// passCredentials has the sender's process id come with each message, as the host
// sees it: the container does not know its own (unix(7), SO_PASSCRED).
func passCredentials(socket int) error {
	if err := unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return &hostError{call: "setsockopt(SOL_SOCKET, SO_PASSCRED, [1])", err: err}
	}
	return nil
}

// message is what receive reads: how many bytes, from whom, and with which descriptor.
type message struct{ n, pid, fd int }

// receive reads a message; n is 0 at the end, fd -1 for none.
func receive(socket int, b []byte) (message, error) {
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(4))
	m := message{fd: -1}
	var on int
	_, err := retry(func() (int, error) {
		var err error
		m.n, on, _, _, err = unix.Recvmsg(socket, b, oob, unix.MSG_CMSG_CLOEXEC)
		return m.n, err
	})
	if err != nil || m.n == 0 {
		return message{fd: -1}, err
	}
	parts, err := unix.ParseSocketControlMessage(oob[:on])
	if err != nil {
		return m, err
	}
	for i := range parts {
		if cred, err := unix.ParseUnixCredentials(&parts[i]); err == nil {
			m.pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&parts[i]); err == nil && len(fds) == 1 {
			m.fd = fds[0]
		}
	}
	return m, nil
}
