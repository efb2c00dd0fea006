#!/bin/sh
# What make test runs. usage: sh test/all.sh GO [FLAG OF go test]...
#
# The virtual machines (test/vm) run beside all other tests, one at a time: two would keep both
# processors busy, and then the kernel takes longer to unmount (its RCU grace periods wait for each
# processor). They share nothing with the containers of this machine. Their priority is a little
# lower: with SCHED_IDLE, a machine could stop for so long that its tests' time limits passed.
#
# Of the others, one package runs at a time (-p=1): the tests in test/ look for what containers
# leave behind on this machine, and would find other tests' containers. They run a second time,
# with -short, with a tincan that a plain go build makes, without the entry point before Go's
# runtime. The last line of the output is "status N" (summary.awk).
set -u
go=$1
shift

machines=$(mktemp)
trap 'rm -f "$machines"' EXIT
trap 'trap "" TERM; kill 0; exit 130' INT TERM HUP
nice -n 5 "$go" test -v -count=1 -parallel=1 -timeout=40m ./test/vm/... "$@" >"$machines" 2>&1 &

status=0
"$go" test -v -count=1 -p=1 -timeout=40m $("$go" list ./... | grep -v /test/vm) "$@" || status=$?
if [ $status = 0 ]; then
	TINCAN_TEST_PLAIN=1 "$go" test -v -short -count=1 \
		-skip 'AsUser|Hole2[345]|OpenFiles|Record|Tutorial|Pages|Recipes|Apt|EachFlag|BadInput|HostileProfiles|HostileArguments' \
		./test "$@" || status=$?
fi
wait $! || status=$?
cat "$machines"
echo "status $status"
