# make run      shows a container
# make test     runs the tests
# make install  installs the program, its man page and completions
# make help     lists all targets

# RELEASE and DATE are also in the man page: run make docs after a change.
RELEASE     := 0.1.0
DATE        := 2026-11-26
# Unless the commit has the tag v$(RELEASE), the version names the commit.
VERSION     := $(RELEASE)$(shell [ ! -e .git ] || git tag --points-at HEAD 2>/dev/null | grep -qx 'v$(RELEASE)' || git log -1 --abbrev=12 --format=-%h 2>/dev/null)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
ARCHES      := amd64 arm64 riscv64

GO      ?= go
GOFILES  = $(shell git ls-files '*.go' 2>/dev/null || find . -name '*.go')
# By default, Go aligns functions at 32 bytes on amd64, which adds 110 KiB, and inlines functions,
# which adds 260 KiB. Neither makes a start faster (docs/performance.md).
# -E makes the program start at its own entry point, before Go's runtime (start.go). Without -E
# everything works, but starts slower.
LDFLAGS := -s -w -funcalign=1 -E main.entry -X main.version=$(VERSION)
GCFLAGS := all=-l
BUILD    = $(GO) build -trimpath -buildvcs=false -gcflags '$(GCFLAGS)' -ldflags '$(LDFLAGS)'

# The directories for make install. DESTDIR is put before each of them. Debian's zsh searches
# /usr/share/zsh/vendor-completions instead.
PREFIX  ?= /usr/local
BINDIR  ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
ZSHDIR  ?= $(DATADIR)/zsh/site-functions
INSTALL ?= install

# Link statically on every machine, with or without a C compiler.
export CGO_ENABLED = 0

.PHONY: build install install-files uninstall dist run test test-vm check lint quick race fuzz bench docs cover clean help
.DEFAULT_GOAL := build

build: ## the static, stripped binary: ./tincan
	$(BUILD) -o tincan .

# The target is a file, not "build": sudo make install must not need Go, which root's PATH may lack.
tincan: $(filter-out %_test.go,$(wildcard *.go)) $(wildcard *.s filters/*) go.mod go.sum
	$(MAKE) build

install: tincan ## binary, man page, completions, documents (PREFIX=/usr/local, DESTDIR=)
	@$(MAKE) -s install-files BINARY=tincan

# The files that are installed, and those in a release's archive.
BINARY = tincan
PAGES := $(sort $(wildcard docs/*.md)) docs/bench.svg
install-files:
	$(INSTALL) -D -m 755 '$(BINARY)' '$(DESTDIR)$(BINDIR)/tincan'
	$(INSTALL) -D -m 644 docs/tincan.1 '$(DESTDIR)$(DATADIR)/man/man1/tincan.1'
	$(INSTALL) -D -m 644 completions/tincan.bash '$(DESTDIR)$(DATADIR)/bash-completion/completions/tincan'
	$(INSTALL) -D -m 644 completions/_tincan '$(DESTDIR)$(ZSHDIR)/_tincan'
	$(INSTALL) -D -m 644 completions/tincan.fish '$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/tincan.fish'
	$(INSTALL) -D -m 644 -t '$(DESTDIR)$(DATADIR)/doc/tincan' LICENSE README.md SECURITY.md TUTORIAL.md
	$(INSTALL) -D -m 644 -t '$(DESTDIR)$(DATADIR)/doc/tincan/docs' $(PAGES)

uninstall: ## remove the files that make install installs
	rm -f '$(DESTDIR)$(BINDIR)/tincan' '$(DESTDIR)$(DATADIR)/man/man1/tincan.1' \
		'$(DESTDIR)$(DATADIR)/bash-completion/completions/tincan' '$(DESTDIR)$(ZSHDIR)/_tincan' \
		'$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/tincan.fish'
	[ ! -d '$(DESTDIR)$(DATADIR)/doc/tincan' ] || { cd '$(DESTDIR)$(DATADIR)/doc/tincan' && rm -f LICENSE README.md SECURITY.md TUTORIAL.md $(PAGES); }
	rmdir '$(DESTDIR)$(DATADIR)/doc/tincan/docs' '$(DESTDIR)$(DATADIR)/doc/tincan' 2>/dev/null || :

# The same source and the same version of Go give the same bytes on any machine: DISTENV fixes
# what the environment could change, and gen/pack.go packs. The licenses of the modules in the
# binary must be distributed with it. Go's own license is that of golang.org/x.
DISTENV = GOOS=linux GOFLAGS=-trimpath GOAMD64=v1 GOARM64=v8.0 GORISCV64=rva20u64 GOFIPS140=off

dist: ## a release in dist/: an archive and a list of contents for each architecture, SHA256SUMS
	@[ '$(origin VERSION)' = 'command line' ] || [ ! -e .git ] || [ -z "$$(git status --porcelain)" ] || \
		{ echo 'make dist: there are changes that are not committed: commit them, or give a version, such as VERSION=$(RELEASE)-test'; exit 1; }
	$(GO) test -count=1 -run '^TestDocs$$' .
	rm -rf dist
	set -e; for arch in $(ARCHES); do \
		name=tincan-$(VERSION)-linux-$$arch; \
		$(DISTENV) GOARCH=$$arch $(BUILD) -o dist/tincan .; \
		$(MAKE) -s install-files BINARY=dist/tincan DESTDIR=dist/$$name BINDIR=/bin DATADIR=/share ZSHDIR=/share/zsh/site-functions; \
		(cd dist && $(GO) version -m tincan) >dist/$$name.sbom.txt; \
		$(GO) list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}} {{.Dir}}{{end}}{{end}}' . | sort -u | while read -r module dir; do \
			$(INSTALL) -D -m 644 "$$dir"/LICENSE "dist/$$name/share/doc/tincan/licenses/$$module" 2>/dev/null || \
			$(INSTALL) -D -m 644 "$$dir"/COPYING "dist/$$name/share/doc/tincan/licenses/$$module"; \
		done; \
		rm dist/tincan; \
	done
	GOOS= GOARCH= $(GO) run gen/pack.go dist $(DATE)

run: build ## build it and show a container at work; on a terminal, a shell in it
	@sh docs/demo.sh ./tincan

test: ## all tests; names those that it skips because they need root or a missing tool
	@sh test/all.sh '$(GO)' $(TESTFLAGS) 2>&1 | awk -f test/summary.awk

# ARCH=arm64 for another architecture. FULL=1 for everything on every kernel, and a boot for each
# exit status: half an hour.
test-vm: ## only the tests that boot virtual machines (qemu; ARCH=arm64, FULL=1)
	@{ TINCAN_VM_ARCH=$(ARCH) TINCAN_VM_FULL=$(FULL) $(GO) test -v -count=1 -timeout=3h ./test/vm $(TESTFLAGS) 2>&1; echo "status $$?"; } | awk -f test/summary.awk

check: lint quick race ## run this before a commit: lint, quick and race

lint: ## format, modules, build and vet for each architecture, staticcheck
	@echo '== gofmt'
	@out=$$(gofmt -l $(GOFILES)); [ -z "$$out" ] || { echo "not formatted: $$out"; exit 1; }
	@echo '== go.mod and go.sum'
	@$(GO) mod tidy -diff
	@$(GO) mod verify
	@for arch in $(ARCHES); do \
		echo "== go build and go vet for $$arch"; \
		GOARCH=$$arch $(BUILD) -o /dev/null . && GOARCH=$$arch $(GO) vet ./... || exit 1; \
	done
	@echo '== staticcheck'
	@$(GO) run $(STATICCHECK) ./...

quick: ## golden plans, tables, flags, the binary and its loop: a part of make test
	@echo '== golden plans, tables, flags'
	@$(GO) test -count=1 -run 'Golden|Plans|Steps|Cap|Rlimit|Hostnames|Devices|Seccomp|Sizes|Maps|Adds|Tmpfs|Lines|Durations|Numbers|Kernel|Environment|Refused|Quote|Fuzz|Covers|Forbidden|Docs|ManPage|Completions' . $(TESTFLAGS)
	@echo '== the loop and the binary: only system calls, static, small'
	@$(GO) test -count=1 -run 'Loop|Binary|Version|Dependencies' . $(TESTFLAGS)

race: ## the tests of Go code in this directory, with the race detector
	@echo '== race'
	@if command -v gcc >/dev/null; then CGO_ENABLED=1 $(GO) test -race -short -count=1 -timeout=15m -skip 'Loop|Binary|Version|Dependencies|Dist|Install|Start|Emulation|Sabotage|Completions|ManPage|Docs|AnyUser' . $(TESTFLAGS); \
	elif [ -n "$$MUST_WORK" ]; then echo 'MUST_WORK is set, but gcc, which go test -race needs, is not installed'; exit 1; \
	else echo 'skipped: race tests: gcc is not installed'; fi

# Numbers of inputs instead of times: with a time limit Go 1.26 sometimes fails with "context
# deadline exceeded" (go.dev/issue/75804). Without -fuzzminimizetime, FuzzProfile spends a minute
# on making one input smaller.
FUZZTIMES ?= 3

fuzz: ## half a minute for each fuzz target (FUZZTIMES=60 for ten minutes)
	@targets=$$($(GO) test -list '^Fuzz' .) && for f in $$(echo "$$targets" | grep ^Fuzz); do \
		case $$f in FuzzRules) n=6000;; FuzzProfile) n=50000;; *) n=200000;; esac; \
		$(GO) test -run '^$$' -fuzz "^$$f\$$" -fuzztime $$(($(FUZZTIMES) * n))x -fuzzminimizetime 100x . || exit 1; \
	done

# Run this on a machine that does nothing else. BENCH=starts,scale,limits measures only these
# tables, which are the ones with targets; BENCHFLAGS=-help lists the other tables and the flags.
bench: build ## what a container costs, compared with bwrap, unshare, runc; draws docs/bench.svg (root; BENCH=starts)
	$(GO) run ./test/bench -tincan ./tincan -svg docs/bench.svg -sections='$(BENCH)' $(BENCHFLAGS)

docs: ## write docs/tincan.1 and completions/, after a change of the flags
	$(GO) test -count=1 -run '^TestDocs$$' -update .

cover: ## how much of the source the tests in this directory cover
	$(GO) test -count=1 -coverprofile=cover.out . && $(GO) tool cover -func=cover.out | tail -1

clean: ## remove the files that the other targets make
	rm -rf tincan cover.out dist

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r t w; do printf '  make %-9s %s\n' "$$t" "$$w"; done
