# Every target is plain Go commands; there is nothing here you cannot type.
# Only `race`, `check` and `e2e` want more than Go: a C compiler, moto_server.

TOOL    = go tool -modfile=.tools/go.mod
REPORT  = awk -f .tools/report.awk
FUZZTIME ?= 5s

.PHONY: help build demo test race lint fuzz generate bench test-aws check

help: ## say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

build: ## build ./firebreak
	CGO_ENABLED=0 go build -trimpath ./cmd/firebreak

demo: ## play one leaked-key incident here, with no account and no network, into demo-out
	CGO_ENABLED=0 go run ./cmd/firebreak demo --out demo-out

test: ## run the tests with Go alone, and say what was skipped
	@{ CGO_ENABLED=0 go test -short -timeout 10m -v ./... 2>&1; echo "exit $$?"; } | $(REPORT)

race: ## run the tests with the race detector (needs a C compiler)
	@{ go test -race -timeout 12m -v ./... 2>&1; echo "exit $$?"; } | $(REPORT)

lint: ## gofmt, go vet, staticcheck
	@files=$$(gofmt -l actions runbooks engine chatops cmd); test -z "$$files" || { echo "run gofmt -w on:"; echo "$$files"; exit 1; }
	go vet ./...
	$(TOOL) staticcheck ./...

fuzz: ## run each fuzz target for FUZZTIME (5s), two at a time with one worker each
	@found=$$(CGO_ENABLED=0 go test -list '^Fuzz' ./...) || { echo "$$found"; exit 1; }; \
	echo "$$found" | awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' | \
	xargs -P 2 -L 1 sh -c 'said=$$(CGO_ENABLED=0 go test -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -parallel 1 "$$0" </dev/null 2>&1) && echo "$$0 $$1" || { echo "$$said"; exit 255; }'

generate: ## rewrite the generated files
	go generate ./...

bench: ## run the benchmarks
	go test -run '^$$' -bench . -benchmem ./...

test-aws: ## run what talks to AWS through the real SDK against moto_server, and say what was skipped
	@{ CGO_ENABLED=0 go test -timeout 20m -v ./actions/aws/... ./runbooks/iampolicy ./cmd/internal/app ./cmd/internal/e2e 2>&1; echo "exit $$?"; } | $(REPORT)

check: lint ## all that CI does; nothing lands without it
	go mod tidy -diff
	go mod verify
	@before=$$(git diff | git hash-object --stdin); go generate ./... && test "$$before" = "$$(git diff | git hash-object --stdin)" || \
		{ echo "generated files are stale; run make generate and commit"; exit 1; }
	FIREBREAK_REQUIRE_EMULATOR=1 $(MAKE) race
	CGO_ENABLED=0 go test -run '^(TestLibraryNoticesEveryEdit|TestLibraryScenariosNeedEveryLine|TestExportIsFlat)$$' ./cmd/internal/app ./engine/timeline
	$(MAKE) fuzz
	CGO_ENABLED=0 go run ./cmd/firebreak demo --out "$$(mktemp -d)"
