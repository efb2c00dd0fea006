// Attempts that use up a user's resources, take the terminal, or exchange files.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inotify makes as many inotify instances as the user may have, prints how many, and holds them
// until its standard input ends.
func inotify([]string) {
	n := 0
	for {
		if _, err := unix.InotifyInit1(0); err != nil {
			fmt.Printf("instances: %d, then %s\n", n, unix.ErrnoName(err.(unix.Errno)))
			break
		}
		n++
	}
	os.Stdin.Read(make([]byte, 1))
}

// terminals tries to use the terminal: to open it by name, to become its foreground group, and to
// read what is typed.
func terminals([]string) {
	signal.Ignore(unix.SIGTTOU, unix.SIGTTIN)
	fd, err := unix.Open("/dev/tty", unix.O_RDWR, 0)
	say("open /dev/tty", err)
	own := int32(unix.Getpgrp())
	for _, d := range []int{fd, 0, 1, 2} {
		name := fmt.Sprintf("foreground by %d", d)
		if d == fd {
			name = "foreground by /dev/tty"
		}
		say(name, raw(unix.SYS_IOCTL, uintptr(d), unix.TIOCSPGRP, uintptr(unsafe.Pointer(&own))))
	}
	for d := range 3 {
		unix.SetNonblock(d, true)
		n, err := unix.Read(d, make([]byte, 1))
		if n == 0 && err == nil {
			err = errors.New("nothing")
		}
		say(fmt.Sprintf("read %d", d), err)
		unix.SetNonblock(d, false)
	}
	for _, file := range []string{"/dev/console", "/proc/self/fd/0", "/proc/self/fd/2"} {
		fd, err := unix.Open(file, unix.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err == nil {
			var n int
			if n, err = unix.Read(fd, make([]byte, 1)); n == 0 && err == nil {
				err = errors.New("nothing")
			}
		}
		say("read by "+file, err)
	}
}

// spoil leaves the terminal in exclusive mode, with its output stopped, with a line discipline that
// reads nothing, and with a descriptor that does not wait.
func spoil([]string) {
	signal.Ignore(unix.SIGTTOU) // or it would be stopped where it is not in the foreground
	say("exclusive", raw(unix.SYS_IOCTL, 0, unix.TIOCEXCL, 0))
	raw(unix.SYS_IOCTL, 0, unix.TCXONC, unix.TCOOFF)
	null := int32(27) // N_NULL of linux/tty.h
	raw(unix.SYS_IOCTL, 0, unix.TIOCSETD, uintptr(unsafe.Pointer(&null)))
	unix.SetNonblock(0, true)
}

// outlive clears the signal for the launcher's death, says so, and goes on.
func outlive([]string) {
	say("cleared", raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0))
	time.Sleep(time.Hour)
}

// exchange exchanges two names in a directory as fast as it can, until its standard input ends. It
// prints how often.
func exchange(args []string) { again(args[0], func(fd int) bool { return swap(fd, args[1], args[2]) }) }

// catch waits until a directory is made, exchanges it for a symlink at once, and puts the symlink
// back for the next time, until its standard input ends. It prints how often.
func catch(args []string) {
	again(args[0], func(fd int) bool {
		if !swap(fd, args[1], args[2]) {
			return false
		}
		for unix.Unlinkat(fd, args[2], unix.AT_REMOVEDIR) == unix.EBUSY { // something is mounted there
			time.Sleep(100 * time.Microsecond)
		}
		return unix.Renameat(fd, args[1], fd, args[2]) == nil
	})
}

// swap exchanges two names in a directory.
func swap(fd int, a, b string) bool { return unix.Renameat2(fd, a, fd, b, unix.RENAME_EXCHANGE) == nil }

// again calls a function with a directory as fast as it can, until standard input ends, and prints
// how often the function returned true.
func again(dir string, do func(fd int) bool) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("begins")
	var n atomic.Int64
	go func() {
		os.Stdin.Read(make([]byte, 1))
		fmt.Println(n.Load())
		os.Exit(0)
	}()
	for {
		if do(fd) {
			n.Add(1)
		}
	}
}
