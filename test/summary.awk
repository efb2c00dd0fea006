# Shortens the output of `go test -v`. For a package that passes, it prints the package's line and
# the skipped tests with their reasons. For a package that fails, it prints everything except the
# tests that passed. At the end, it repeats what the tests that failed have said, since much else
# may have been printed after it. The last line of the input is "status N", the status of go test.
/^=== (RUN|NAME|CONT|PAUSE)/ { current = $3; next }
/^status [0-9]+$/ { status = $2; next }
/^[ \t]*--- SKIP: / { skipped[++skips] = $3; lines = lines $0 "\n"; next }
/^[ \t]*--- PASS: / { next }
/^[ \t]*--- FAIL: / { if (said[$3] != "") failed = failed "\n" $3 "\n" said[$3]; lines = lines $0 "\n"; next }
/^PASS$/ { next }
/^(ok|\?) *\t/ {
	if ($1 == "ok") print
	for (i = 1; i <= skips; i++) printf "     not run: %s: %s\n", skipped[i], reason[skipped[i]]
	total += skips; forget(); next
}
/^FAIL\t/ { printf "%s", lines; print; forget(); next }
/_test\.go:[0-9]+: / { text = $0; sub(/^.*_test\.go:[0-9]+: (skipped: )?/, "", text); reason[current] = text }
{ lines = lines $0 "\n"; if (++count[current] <= 40) said[current] = said[current] $0 "\n" }
END {
	if (status != 0) printf "%s", lines
	if (failed != "") printf "\nwhat failed:\n%s", failed
	if (total) printf "%d not run, for the reasons above\n", total
	exit status
}
function forget() { lines = ""; skips = 0; split("", reason); split("", said); split("", count) }
