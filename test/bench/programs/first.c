/* The command whose first instruction is measured: it reads the clock and writes the
 * time to standard output, as struct timespec. It has no C library, whose start would
 * be measured too. With HOLD it then sleeps until standard input ends. */
#define _GNU_SOURCE
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

void _start(void)
{
	struct timespec now;
	char byte;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	syscall(SYS_write, 1, &now, sizeof now);
#ifdef HOLD
	syscall(SYS_read, 0, &byte, 1);
#endif
	syscall(SYS_exit_group, 0);
}
