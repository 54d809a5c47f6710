# Needs Go; the tests also need Postgres and PgBouncer (scripts/test-prerequisites sees to them). Works with make 3.81.

# What `agent version` prints. The tag where there is one; a tree without git (a source archive) is "dev".
VERSION = $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  = $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
# The commit's date, not that of the build: the same source gives the same binary.
DATE    = $(shell git log -1 --format=%cI 2>/dev/null | grep . || echo unknown)
LDFLAGS = -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.date=$(DATE)

# Where make build puts the program; GOOS, GOARCH and GOARM say for what system.
OUT = bin/agent

# The developers' tools have a module file of their own, so that the agent's stays small.
TOOL = go tool -modfile=tools/go.mod

# How long each fuzz target runs.
FUZZTIME = 30s

# How long each suite of soak runs.
DURATION = 10m

.PHONY: help build dist image demo test check lint fmt fmt-check vet vulns fuzz fuzz-briefly mutants crashes soak bench clean

help: ## list what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile

# Without what Go would note about the working tree: the same source gives the same binary also where there is no git.
build: ## build bin/agent, a static binary
	CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags "$(LDFLAGS)" -o "$(OUT)" ./cmd/agent

dist: ## build archives for Linux and macOS with checksums into dist/
	VERSION="$(VERSION)" COMMIT="$(COMMIT)" DATE="$(DATE)" scripts/dist

image: ## build the container image resoagent:VERSION; needs Docker
	docker build --build-arg VERSION="$(VERSION)" --build-arg COMMIT="$(COMMIT)" --build-arg DATE="$(DATE)" -t resoagent:$(VERSION) .

demo: ## sync from a simulated feed into an embedded database; needs Go alone
	go run ./cmd/agent demo

# checkptr=0: the check of pointer arithmetic that comes with -race makes SQLite, which is translated from C, crawl.
# parallel 8: many tests wait for pauses that the agent keeps, so more run at once than there are cores.
# The protocol's tests also with one window at a time and with four; the race detector sees two.
test: ## run all tests under the race detector
	scripts/test-prerequisites
	go test -parallel 8 -timeout 20m ./agent -parallel-windows 1
	go test -parallel 8 -timeout 20m ./agent -parallel-windows 4
	go test -race -gcflags=all=-d=checkptr=0 -parallel 8 -timeout 40m ./...

check: fmt-check vet lint vulns fuzz-briefly test ## what has to pass before a change goes in

lint: ## golangci-lint, with the rules of who may import whom
	$(TOOL) golangci-lint run ./...

fmt: ## format with gofumpt
	$(TOOL) gofumpt -w .

fmt-check:
	@if ! changes=$$($(TOOL) gofumpt -d .) || [ -n "$$changes" ]; then \
		echo "$$changes"; echo "not formatted; run: make fmt" >&2; exit 1; fi

vet:
	go vet ./...
	go vet -tags crashpoints ./internal/crashpoint ./cmd/agent
	go vet -tags nocheckpoints ./agent

vulns: ## look for known vulnerabilities, where the Go project's database can be reached
	scripts/vulns

# go test -fuzz takes one target of one package at a time.
fuzz: ## run every fuzz target for FUZZTIME (30s)
	@grep -rl --include='*_test.go' '^func Fuzz' . | while read -r file; do \
		sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$file" | while read -r target; do \
			echo "$$target in $$(dirname "$$file")"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) "$$(dirname "$$file")" || exit 1; \
		done || exit 1; \
	done

# A number of inputs, not a time: a busy machine cannot make it fail.
fuzz-briefly:
	@$(MAKE) --no-print-directory fuzz FUZZTIME=1000x

# The long form of what make test does in short.
crashes: ## kill the agent, PostgreSQL and the source 200 times at random, and the agent at each step of its protocol
	scripts/test-prerequisites
	go test -count=1 -timeout 1h -v -run 'TestCrashPoints$$|TestRandomKills' ./cmd/agent -random.kills 200

soak: ## simulation, then random kills, each for DURATION (10m)
	scripts/test-prerequisites
	go test -count=1 -timeout 0 -v -run TestSimulation ./agent -simulation.for $(DURATION)
	go test -count=1 -timeout 0 -v -run 'TestCrashPoints$$|TestRandomKills' ./cmd/agent -random.for $(DURATION)

mutants: ## plant every bug of scripts/mutants in turn and show that the tests catch it (an hour)
	scripts/mutants.sh

# ONLY names one table; the others in the document stay.
bench: ## measure against COPY and the old way, and write docs/BENCHMARKS.md (an hour; ONLY=backfill for one table)
	scripts/test-prerequisites
	go test -count=1 -timeout 0 -v -run TestBenchmarks ./bench -full -write $(CURDIR)/docs -only "$(ONLY)"

clean: ## remove what build and dist made
	rm -rf bin dist
