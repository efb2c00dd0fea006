// QEMU's isa-debug-exit device: a write to its port ends qemu with a status.
//
// iopl(2), QEMU's hw/misc/debugexit.c.

package main

import (
	"fmt"
	"runtime"

	"golang.org/x/sys/unix"
)

// haveDebugExit reports whether this architecture has the device isa-debug-exit.
const haveDebugExit = true

// outb writes a byte to an I/O port (machineexit_amd64.s). The thread needs iopl(3).
func outb(port uint16, value byte)

// debugExit ends qemu with the exit status 2*status+1, of which the host's kernel keeps eight
// bits. It returns if there is no such device.
func debugExit(port, status int) error {
	runtime.LockOSThread() // iopl(2) applies to the thread
	if _, _, e := unix.RawSyscall(unix.SYS_IOPL, 3, 0, 0); e != 0 {
		return &callError{call: "iopl(3)", err: e}
	}
	outb(uint16(port), byte(status))
	return fmt.Errorf("there is no device at port %#x: start qemu with -device isa-debug-exit,iobase=%#x,iosize=0x02", port, port)
}
