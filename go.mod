module tincan

go 1.26.0

require (
	github.com/alecthomas/kong v1.17.0
	golang.org/x/net v0.62.0
	golang.org/x/sys v0.49.0
)
