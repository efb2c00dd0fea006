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

// inotify takes as many inotify instances as the user may have, says how many, and holds
// them until its standard input ends.
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

// terminals tries to get hold of the terminal: its name, its foreground, what is typed, and to
// leave it unusable.
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
}

// spoil leaves the terminal for exclusive use, with its output stopped.
func spoil([]string) {
	say("exclusive", raw(unix.SYS_IOCTL, 0, unix.TIOCEXCL, 0))
	raw(unix.SYS_IOCTL, 0, unix.TCXONC, unix.TCOOFF)
}

// outlive clears the signal that comes with the launcher's death, says so, and goes on.
func outlive([]string) {
	say("cleared", raw(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0))
	time.Sleep(time.Hour)
}

// exchange swaps two names of a directory for each other as fast as it can, until its
// standard input ends. It prints how often.
func exchange(args []string) {
	fd, err := unix.Open(args[0], unix.O_PATH|unix.O_DIRECTORY, 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("begins")
	go func() {
		os.Stdin.Read(make([]byte, 1))
		fmt.Println(exchanges.Load())
		os.Exit(0)
	}()
	for {
		if unix.Renameat2(fd, args[1], fd, args[2], unix.RENAME_EXCHANGE) == nil {
			exchanges.Add(1)
		}
	}
}

var exchanges atomic.Int64
