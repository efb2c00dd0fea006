# Shortens the output of `go test -v`. For a package that passes, it prints the package's line and
# the skipped tests with their reasons. For a package that fails, it prints everything except the
# tests that passed. The last line of the input is "status N", the status of go test.
/^=== (RUN|NAME|CONT|PAUSE)/ { current = $3; next }
/^status [0-9]+$/ { status = $2; next }
/^[ \t]*--- SKIP: / { skipped[++skips] = $3; lines = lines $0 "\n"; next }
/^[ \t]*--- PASS: / { next }
/^PASS$/ { next }
/^(ok|\?) *\t/ {
	if ($1 == "ok") print
	for (i = 1; i <= skips; i++) printf "     not run: %s: %s\n", skipped[i], reason[skipped[i]]
	total += skips; forget(); next
}
/^FAIL\t/ { printf "%s", lines; print; forget(); next }
/_test\.go:[0-9]+: / { text = $0; sub(/^.*_test\.go:[0-9]+: (skipped: )?/, "", text); reason[current] = text }
{ lines = lines $0 "\n" }
END {
	if (status != 0) printf "%s", lines
	if (total) printf "%d not run, for the reasons above\n", total
	exit status
}
function forget() { lines = ""; skips = 0; split("", reason) }
