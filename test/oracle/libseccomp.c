/* Prints the filter that libseccomp makes of a list of rules, to compare tincan's with it.
 *
 * Standard output is the filter as raw struct sock_filter. Standard input has these lines:
 *   default ACTION             libseccomp's action value, in decimal
 *   optimize N                 SCMP_FLTATR_CTL_OPTIMIZE
 *   arch NAME                  x86_64 x86 x32 aarch64 arm riscv64; the first replaces the native one
 *   rule ACTION CALL N [INDEX OP A B]...
 * Standard error names the calls that this libseccomp does not know ("unknown CALL"), the calls of rules that contradict
 * an earlier rule ("exists CALL"), which are left out because the earlier rule wins, and the time taken
 * ("microseconds N").
 */
#include <errno.h>
#include <seccomp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static void fail(const char *what, int rc)
{
	fprintf(stderr, "%s: %s\n", what, strerror(-rc));
	exit(1);
}

int main(void)
{
	char word[64], name[128];
	scmp_filter_ctx ctx = NULL;
	int archs = 0, rc;
	double spent = 0, start;

	while (scanf("%63s", word) == 1) {
		if (!strcmp(word, "default")) {
			uint32_t action;
			if (scanf("%u", &action) != 1)
				fail("default", -EINVAL);
			start = now();
			ctx = seccomp_init(action);
			if (!ctx)
				fail("seccomp_init", -ENOMEM);
			if ((rc = seccomp_attr_set(ctx, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS)))
				fail("badarch", rc);
			spent += now() - start;
		} else if (!strcmp(word, "optimize")) {
			int level;
			if (scanf("%d", &level) != 1)
				fail("optimize", -EINVAL);
			if ((rc = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, level)))
				fail("optimize", rc);
		} else if (!strcmp(word, "arch")) {
			if (scanf("%127s", name) != 1)
				fail("arch", -EINVAL);
			uint32_t arch = seccomp_arch_resolve_name(name);
			if (!arch)
				fail(name, -EINVAL);
			rc = seccomp_arch_add(ctx, arch);
			if (rc && rc != -EEXIST)
				fail("seccomp_arch_add", rc);
			if (archs++ == 0 && arch != seccomp_arch_native() && (rc = seccomp_arch_remove(ctx, SCMP_ARCH_NATIVE)))
				fail("seccomp_arch_remove", rc);
		} else if (!strcmp(word, "rule")) {
			uint32_t action;
			unsigned n;
			struct scmp_arg_cmp cmp[6];
			if (scanf("%u %127s %u", &action, name, &n) != 3 || n > 6)
				fail("rule", -EINVAL);
			for (unsigned i = 0; i < n; i++) {
				unsigned index, op;
				unsigned long a, b;
				if (scanf("%u %u %lu %lu", &index, &op, &a, &b) != 4)
					fail("comparison", -EINVAL);
				cmp[i] = (struct scmp_arg_cmp){ index, op, a, b };
			}
			start = now();
			int nr = seccomp_syscall_resolve_name(name);
			if (nr == __NR_SCMP_ERROR) {
				fprintf(stderr, "unknown %s\n", name);
				continue;
			}
			rc = seccomp_rule_add_array(ctx, action, nr, n, cmp);
			spent += now() - start;
			if (rc == -EEXIST)
				fprintf(stderr, "exists %s\n", name);
			else if (rc)
				fail(name, rc);
		} else {
			fail(word, -EINVAL);
		}
	}
	start = now();
	rc = seccomp_export_bpf(ctx, 1);
	if (rc)
		fail("seccomp_export_bpf", rc);
	spent += now() - start;
	fprintf(stderr, "microseconds %.0f\n", spent);
	return 0;
}
