// Command probe is run by the tests inside a container, and tries what it must not be able to do
// there. It prints a line "NAME: ok" or "NAME: ERRNO" for each attempt. The test knows which result
// is right, and shows that the same attempt works without protection.
//
// `probe deny CALL... -- COMMAND` is used outside: it runs COMMAND under a seccomp filter that
// refuses these calls, as a container around tincan would.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// verbs are the attempts, by the first argument.
var verbs = map[string]func(args []string){
	"deny":     deny,
	"escape":   escape,
	"exchange": exchange,
	"catch":    catch,
	"fds":      fds,
	"ioctls":   ioctls,
	"setid":    setid,
	"clones":   clones,
	"init":     attackInit,
	"inotify":  inotify,
	"outlive":  outlive,
	"spoil":    spoil,
	"terminal": terminals,
	"keys":     keys,
	"search":   search,
	"mounts":   mounts,
	"groups":   groups,
	"files":    openFiles,
	"connect":  connect,
	"loopback": loopback,
	"signal":   awaitSignal,
	"alloc":    alloc,
	"holdkey":  holdKey,
	"forks":    forks,
	"sockets":  sockets,
	"threads":  threads,
	"argv":     func(args []string) { fmt.Printf("%q\n", args) },
}

// The main goroutine stays on the first thread. A session keyring, a filter, namespaces and the
// signal for the parent's death belong to a thread, and Go would go on with another one if a system
// call takes long.
func init() { runtime.LockOSThread() }

func main() {
	if len(os.Args) < 2 || verbs[os.Args[1]] == nil {
		fmt.Fprintf(os.Stderr, "probe: no such verb: %q\n", os.Args[1:])
		os.Exit(99)
	}
	verbs[os.Args[1]](os.Args[2:])
}

// say prints the result of an attempt.
func say(name string, err error) {
	var e syscall.Errno
	switch {
	case err == nil:
		fmt.Println(name + ": ok")
	case errors.As(err, &e) && e == 0:
		fmt.Println(name + ": ok")
	case errors.As(err, &e):
		fmt.Println(name + ": " + unix.ErrnoName(e))
	default:
		fmt.Println(name + ": " + err.Error())
	}
}

// raw makes a system call.
func raw(nr uintptr, a ...uintptr) error {
	var v [6]uintptr
	copy(v[:], a)
	if _, _, e := unix.Syscall6(nr, v[0], v[1], v[2], v[3], v[4], v[5]); e != 0 {
		return e
	}
	return nil
}

// fds prints the open descriptors, except those of this program itself, and the working directory.
func fds([]string) {
	cwd, err := unix.Open(".", unix.O_PATH, 0) // the lowest free number
	if err != nil {
		say("open .", err)
	}
	unix.Close(cwd)
	for n := range 1024 {
		var st unix.Stat_t
		if unix.Fstat(n, &st) == nil {
			to, _ := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", n))
			// cpu.*: Go's runtime reads its group's share of the processors.
			if to != "anon_inode:[eventpoll]" && to != "anon_inode:[eventfd]" && !strings.HasPrefix(filepath.Base(to), "cpu.") {
				fmt.Println(n)
			}
		}
	}
	dir, err := os.Getwd()
	fmt.Println("cwd:", dir, err)
	link, _ := os.Readlink("/proc/self/cwd")
	fmt.Println("link:", link)
}

// awaitSignal prints "ready". At the first signal it prints the signal's name and ends with status
// 50.
func awaitSignal([]string) {
	c := make(chan os.Signal, 1)
	signal.Notify(c)
	fmt.Println("ready")
	for s := range c {
		if s != unix.SIGURG { // Go uses it itself
			fmt.Println(unix.SignalName(s.(syscall.Signal)))
			os.Exit(50)
		}
	}
}

// alloc uses the given number of MiB of memory.
func alloc(args []string) {
	n, _ := strconv.Atoi(args[0])
	var keep [][]byte
	for range n {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
	}
	runtime.KeepAlive(keep)
	fmt.Println("allocated")
}

// forks starts the given number of children at the same time, and prints how many it got.
func forks(args []string) {
	n, _ := strconv.Atoi(args[0])
	var started []*os.Process
	var last error
	for range n {
		p, err := os.StartProcess("/proc/self/exe", []string{"probe", "argv"}, &os.ProcAttr{Sys: &syscall.SysProcAttr{Ptrace: false}, Files: nil})
		if err != nil {
			last = err
			continue
		}
		started = append(started, p)
	}
	for _, p := range started {
		p.Wait()
	}
	fmt.Println("started:", len(started))
	say("last", last)
}

// denied are the calls that deny can refuse. A call with a flag is refused only if its first
// argument contains the flag.
var denied = map[string]struct {
	nr   uint32
	flag uint32
}{
	"newuser":       {unix.SYS_UNSHARE, unix.CLONE_NEWUSER},
	"clone3":        {unix.SYS_CLONE3, 0},
	"sethostname":   {unix.SYS_SETHOSTNAME, 0},
	"mount":         {unix.SYS_MOUNT, 0},
	"keyctl":        {unix.SYS_KEYCTL, 0},
	"mount_setattr": {unix.SYS_MOUNT_SETATTR, 0},
	"pivot_root":    {unix.SYS_PIVOT_ROOT, 0},
	"umount2":       {unix.SYS_UMOUNT2, 0},
	"setgroups":     {unix.SYS_SETGROUPS, 0},
	"setresuid":     {unix.SYS_SETRESUID, 0},
	"capset":        {unix.SYS_CAPSET, 0},
	"seccomp":       {unix.SYS_SECCOMP, 0},
	"close_range":   {unix.SYS_CLOSE_RANGE, 0},
}

// deny runs a command under a filter that refuses calls.
func deny(args []string) {
	split := slices.Index(args, "--")
	f := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}}
	for _, name := range args[:split] {
		d, ok := denied[name]
		if !ok {
			fmt.Fprintln(os.Stderr, "probe: cannot deny", name)
			os.Exit(99)
		}
		refuse := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)}
		if d.flag == 0 {
			f = append(f, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: d.nr, Jf: 1}, refuse)
			continue
		}
		f = append(f,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: d.nr, Jf: 4},
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16},
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: d.flag, Jf: 1},
			refuse,
			unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0})
	}
	f = append(f, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	p := unix.SockFprog{Len: uint16(len(f)), Filter: &f[0]}
	if os.Geteuid() != 0 {
		unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) // otherwise the kernel accepts no filter from a user
	}
	if err := install(&p); err != nil {
		fmt.Fprintln(os.Stderr, "probe: seccomp:", err)
		os.Exit(99)
	}
	command := args[split+1:]
	err := syscall.Exec(command[0], command, os.Environ())
	fmt.Fprintln(os.Stderr, "probe: exec:", err)
	os.Exit(99)
}

// loopback connects to itself over 127.0.0.1, and tries to reach an address outside.
func loopback([]string) {
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	say("socket", err)
	say("bind", unix.Bind(s, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	say("listen", unix.Listen(s, 1))
	to, err := unix.Getsockname(s)
	say("getsockname", err)
	c, _ := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	unix.SetsockoptTimeval(c, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 2})
	say("connect", unix.Connect(c, to))
	outside := &unix.SockaddrInet4{Port: 53, Addr: [4]byte{192, 0, 2, 1}}
	u, _ := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	say("outside", unix.Connect(u, outside))
	time.Sleep(time.Millisecond)
}
