package main

import (
	"fmt"
	"os"

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
