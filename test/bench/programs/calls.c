/* What a system call costs under a filter: makes each call many times and prints
 * nanoseconds per call. With these arguments the kernel has nothing to do. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define MEASURE(name, ...) \
	do { \
		struct timespec a, b; \
		clock_gettime(CLOCK_MONOTONIC, &a); \
		for (long i = 0; i < many; i++) syscall(SYS_##name, __VA_ARGS__); \
		clock_gettime(CLOCK_MONOTONIC, &b); \
		printf("%s %.3f\n", #name, ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) / many); \
	} while (0)

int main(int argc, char **argv)
{
	long many = argc > 1 ? atol(argv[1]) : 1;
	MEASURE(getppid, 0);                 /* allowed by all filters, with any arguments */
	MEASURE(close, -1);                  /* the same, with a number near the other end */
	MEASURE(ioctl, -1, TIOCGWINSZ, 0);   /* tincan's default looks at the request */
	MEASURE(fchmod, -1, 0644);           /* tincan's default looks at the mode */
	MEASURE(personality, 0xffffffffL);   /* moby's looks at the persona */
	MEASURE(keyctl, 9999);               /* refused by both, and by the kernel, which has no such request */
	return 0;
}
