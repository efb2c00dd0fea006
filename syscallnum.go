// Chapter 13: names and numbers of system calls, for every ABI that a filter may have to judge.
// man 2 syscall (the table of architectures), man 2 seccomp ("The arch field is not unique for
// all calling conventions").
//
// A kernel runs programs of more than one ABI: an amd64 kernel also runs programs of i386 (int
// 0x80) and x32, and an arm64 kernel those of arm. Each ABI has its own numbers, so a program
// could get around a filter that looks only at numbers by using another ABI.
//
// Differs from the tutorial: the tutorial filters the numbers of x86_64 and leaves the rest to
// libseccomp.

package main

import (
	"fmt"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

//go:generate go run gen/sysnum.go

// x32Bit is set in the numbers of x32's calls. x32 has the same AUDIT_ARCH as x86_64, so only
// the number distinguishes the two.
const x32Bit = 0x40000000

// abi is one of the ways in which programs call the kernel.
type abi struct {
	name   string // as --arch takes it
	scmp   string // as profiles write it
	goarch string // as a profile's includes and excludes write it (moby's spelling)
	audit  uint32 // seccomp_data.arch
	narrow bool   // its arguments are 32 bits wide
	bit    uint32 // added to each number
	family string // the kernel that runs it, by the name of its native ABI
	table  string // names in the order of their numbers, from syscalltable.go
	patch  string // the differences from table, in the same form

	once   sync.Once
	names  []sysname // by number
	byName []sysname // by name
}

type sysname struct {
	nr   uint32
	name string
}

// abis lists the ABIs; the native one of each family comes first. All are little-endian: the low
// half of an argument comes first in seccomp_data.
var abis = [...]abi{
	{name: "x86_64", scmp: "SCMP_ARCH_X86_64", goarch: "amd64", family: "x86_64", audit: unix.AUDIT_ARCH_X86_64, table: sysnumX8664},
	{name: "x86", scmp: "SCMP_ARCH_X86", goarch: "x86", family: "x86_64", audit: unix.AUDIT_ARCH_I386, narrow: true, table: sysnumX86},
	{name: "x32", scmp: "SCMP_ARCH_X32", goarch: "x32", family: "x86_64", audit: unix.AUDIT_ARCH_X86_64, narrow: true, bit: x32Bit,
		table: sysnumX8664, patch: sysnumX32},
	{name: "arm64", scmp: "SCMP_ARCH_AARCH64", goarch: "arm64", family: "arm64", audit: unix.AUDIT_ARCH_AARCH64, table: sysnumARM64},
	{name: "arm", scmp: "SCMP_ARCH_ARM", goarch: "arm", family: "arm64", audit: unix.AUDIT_ARCH_ARM, narrow: true, table: sysnumARM},
	{name: "riscv64", scmp: "SCMP_ARCH_RISCV64", goarch: "riscv64", family: "riscv64", audit: unix.AUDIT_ARCH_RISCV64, table: sysnumRISCV64},
}

// sysnumX32 is the difference between x32 and x86_64. Calls whose structures contain pointers
// have numbers of their own (512 and up; arch/x86/entry/syscalls/syscall_64.tbl, the rows marked
// x32), and some old calls are missing ("-").
const sysnumX32 = "=512 rt_sigaction rt_sigreturn ioctl readv writev recvfrom sendmsg recvmsg execve ptrace rt_sigpending " +
	"rt_sigtimedwait rt_sigqueueinfo sigaltstack timer_create mq_notify kexec_load waitid set_robust_list get_robust_list " +
	"vmsplice move_pages preadv pwritev rt_tgsigqueueinfo recvmmsg sendmmsg process_vm_readv process_vm_writev setsockopt " +
	"getsockopt io_setup io_submit execveat preadv2 pwritev2 " +
	"-uselib -_sysctl -create_module -get_kernel_syms -query_module -nfsservctl -set_thread_area -get_thread_area " +
	"-epoll_ctl_old -epoll_wait_old -vserver -uretprobe -uprobe -map_shadow_stack"

// abiNamed finds an ABI by any of its names. "" is the ABI of tincan itself.
func abiNamed(name string) (*abi, error) {
	if name == "" {
		name = runtime.GOARCH
	}
	known := make([]string, 0, len(abis))
	for i := range abis {
		a := &abis[i]
		if name == a.name || name == a.scmp || name == a.goarch {
			return a, nil
		}
		known = append(known, a.name)
	}
	switch name {
	case "386", "i386", "i686":
		return &abis[1], nil
	case "aarch64":
		return &abis[3], nil
	}
	return nil, fmt.Errorf("%q is not one of the architectures %s", name, strings.Join(known, ", "))
}

// native returns the native ABI of the kernel that runs a.
func (a *abi) native() *abi {
	for i := range abis {
		if abis[i].name == a.family {
			return &abis[i]
		}
	}
	return a
}

// load builds the two lookup tables. It is called at the first use, because most runs need only
// one ABI or none.
func (a *abi) load() {
	a.once.Do(func() {
		byNumber := map[uint32]string{}
		own := map[string]bool{} // the names in the patch, which override the table
		for _, text := range []string{a.patch, a.table} {
			next := uint32(0)
			for word := range strings.FieldsSeq(text) {
				switch word[0] {
				case '=':
					n, err := strconv.ParseUint(word[1:], 10, 32)
					if err != nil {
						continue // the whole table is read by a test
					}
					next = uint32(n)
				case '-':
					own[word[1:]] = true
				default:
					if text == a.patch {
						own[word] = true
						byNumber[next] = word
					} else if !own[word] {
						byNumber[next] = word
					}
					next++
				}
			}
		}
		for nr, name := range byNumber {
			a.names = append(a.names, sysname{nr | a.bit, name})
		}
		sort.Slice(a.names, func(i, j int) bool { return a.names[i].nr < a.names[j].nr })
		a.byName = append(a.byName, a.names...)
		sort.Slice(a.byName, func(i, j int) bool { return a.byName[i].name < a.byName[j].name })
	})
}

// number returns the number of a call, as in seccomp_data.nr.
func (a *abi) number(name string) (uint32, bool) {
	a.load()
	i := sort.Search(len(a.byName), func(i int) bool { return a.byName[i].name >= name })
	if i < len(a.byName) && a.byName[i].name == name {
		return a.byName[i].nr, true
	}
	return 0, false
}

// call returns the name of a number, or the number as text.
func (a *abi) call(nr uint32) string {
	a.load()
	i := sort.Search(len(a.names), func(i int) bool { return a.names[i].nr >= nr })
	if i < len(a.names) && a.names[i].nr == nr {
		return a.names[i].name
	}
	if a.bit != 0 && nr&a.bit != 0 {
		return fmt.Sprintf("x32 call %d", nr&^a.bit)
	}
	return fmt.Sprintf("call %d", nr)
}
