# `make help` lists the targets. Tools are pinned here and installed below .tmp/bin, so that they stay out of go.mod.
BUF               := github.com/bufbuild/buf/cmd/buf@v1.75.0
PROTOC_GEN_GO     := google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12
PROTOC_GEN_GRPC   := google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2
PROTOC_GEN_GW     := github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway@v2.33.0
GOLANGCI_LINT     := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
# The last module that ships google/api/*.proto; only read while generating.
GOOGLEAPIS        := github.com/grpc-ecosystem/grpc-gateway@v1.16.0

TMP  := $(CURDIR)/.tmp
BIN  := $(TMP)/bin
LINT := $(firstword $(wildcard $(BIN)/golangci-lint) $(shell command -v golangci-lint))

.PHONY: help all generate build image e2e-slurm e2e-kubernetes checkbuild test slowtest laws lint bench fuzz peers regress report clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

all: generate build test ## generate, build and test

generate: $(BIN)/buf ## make pb/ anew from proto/
	@mkdir -p $(TMP)/googleapis
	@src="$$(cd $(TMP) && go mod download -json $(GOOGLEAPIS) | sed -n 's/.*"Dir": "\(.*\)",/\1/p')/third_party/googleapis/google/api" && \
		rm -rf $(TMP)/googleapis/google && install -D -m 644 -t $(TMP)/googleapis/google/api "$$src/annotations.proto" "$$src/http.proto"
	PATH="$(BIN):$$PATH" $(BIN)/buf generate --template proto/buf.gen.yaml $(addprefix --path ,$(wildcard proto/*/)) \
		--config '{"version":"v2","modules":[{"path":"proto"},{"path":".tmp/googleapis"}]}'

build: ## build ./server and ./loadgen into .tmp/bin
	go build -o $(BIN)/ ./server ./loadgen

IMAGE := grpcbench:latest

image: ## loadgen as a container image, IMAGE (grpcbench:latest): by docker, or by what DOCKER names
	$(or $(DOCKER),docker) build -t $(IMAGE) .

# Where users are. vet compiles the tests too. Everything is cached, but the first time each platform takes a minute or
# two of two cores: CI has time for one of each kind, PLATFORMS='...' is for others.
ALLPLATFORMS := linux/amd64 linux/arm64 linux/386 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64 freebsd/amd64 freebsd/arm64
PLATFORMS    := $(ALLPLATFORMS)

checkbuild: ## build and vet, tests included, for every platform of PLATFORMS (linux, darwin, windows, freebsd)
	@for p in $(PLATFORMS); do echo "go build, go vet: $$p"; \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 go build ./... && \
		GOOS=$${p%/*} GOARCH=$${p#*/} CGO_ENABLED=0 go vet ./... || exit 1; done

# RACE=-race is for CI and for whoever changes what goes on at once: it takes three times as long, and in such a build
# sockets are read another way.
test: ## vet, lint where golangci-lint is there, and every exact test: on a busy machine too (RACE=-race: with the race detector)
	go vet ./...
	@if [ -n "$(LINT)" ]; then echo "$(LINT) run"; $(LINT) run; \
		else echo "lint skipped: golangci-lint is not installed (make lint installs it)"; fi
	go test $(RACE) -short ./... $(if $(RETRY),|| go test $(RACE) -short -p 1 ./...)

# The tests of time, which -short leaves out, a package at a time but for PATIENT: they want the machine for themselves.
# Within one, those that need little of it go together; they share it out themselves.
# RETRY=1 gives a package that failed one more chance, for a machine that others use too: those that passed are cached.
FILES   := $(shell find loadgen server -name '*_test.go')
SLOW    := $(sort $(dir $(shell grep -l 'testing\.Short()' $(FILES))))
TESTS   := $(shell awk -F '[ \050]' '$$1 == "func" {test = ""} $$1 == "func" && $$2 ~ /^Test/ {test = $$2} \
	test && /testing.Short|(twoOfThree|overBoth|tries).t,/ {print test}' $(FILES) | sort -u)
empty   :=
# Those that mostly wait for a timeout of others, so that company does not hurt them.
PATIENT := $(filter loadgen/child/ loadgen/run/ loadgen/transport/%,$(SLOW))
SLOWRUN := go test -v $(RACE) -timeout 25m -parallel 8 -run '^($(subst $(empty) $(empty),|,$(TESTS)))$$'
SLOWALL := { $(SLOWRUN) -p 1 $(addprefix ./,$(filter-out $(PATIENT),$(SLOW))); failed=$$?; \
	$(SLOWRUN) -p 4 $(addprefix ./,$(PATIENT)) && [ $$failed = 0 ]; }

# -v tells what was skipped and why; what passed is left out of it.
SLOWTOLD := $(SLOWALL) | sed -E '/^(=== |PASS$$| *--- PASS)/d'

slowtest: SHELL := bash
slowtest: ## the tests of time; each is skipped, and says why, where the machine is busy
	@echo "go test $(RACE): the tests of time, $(words $(TESTS)) of them"
	@set -o pipefail; $(SLOWTOLD) $(if $(RETRY),|| $(SLOWTOLD))

laws: ## capacity of real targets whose law is known, SEARCHES (3) of each: two minutes a search of them all
	SEARCHES=$(or $(SEARCHES),3) go test -v -timeout 120m -run TestCapacityOfTargets ./loadgen

lint: $(if $(LINT),,$(BIN)/golangci-lint) ## golangci-lint; installed into .tmp/bin where it is missing
	$(or $(LINT),$(BIN)/golangci-lint) run

bench: ## the benchmark suite
	go test -run '^$$' -bench ./bench

fuzz: ## every fuzz target for FUZZTIME (1m)
	@grep -rn --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]*' loadgen server | sed 's|^\(.*\)/[^/]*:[0-9]*:func |./\1 |' | sort | while read -r pkg target; do \
		echo "go test $$pkg -fuzz $$target"; go test $$pkg -run '^$$' -fuzz "^$$target\$$" -fuzztime $(or $(FUZZTIME),1m) -fuzzminimizetime 10x || exit 1; done

e2e-slurm: ## four shards on a real Slurm, brought up here and taken down (root; Debian: slurm-wlm munge jq)
	CGO_ENABLED=0 go build -o $(BIN)/static/loadgen ./loadgen
	bash bench/engines/e2e-slurm.sh $(BIN)/static/loadgen

e2e-kubernetes: ## four shards on a real Kubernetes, built once, brought up here and taken down (root; see bench/engines)
	CGO_ENABLED=0 go build -o $(BIN)/static/loadgen ./loadgen
	bash bench/engines/e2e-kubernetes.sh $(BIN)/static/loadgen

peers: ## what loadgen costs beside other generators: h2load, ghz and k6 where they are on the PATH
	go run ./bench/peers

regress: ## what a call costs loadgen, against the commit that bench/regress/base names
	go run ./bench/regress

# The runs of `make report` where there is none yet: every RPC, briefly.
RPCS := Search SearchIn SearchOut SearchIO CreateRepo GetUser GetHelp Check Watch

report: build ## results/report.md and results/report.html of all runs below results/; makes a short set where there is none
	@if [ -z "$$(find results -name result.json -not -path 'results/baseline/*' -print -quit 2>/dev/null)" ]; then \
		for rpc in $(RPCS); do $(BIN)/loadgen -rpc $$rpc -c 8 -d 2s -q || exit; done; \
		for method in GET POST; do $(BIN)/loadgen -rpc Search -transport rest -http-method $$method -name "Search $$method" -c 8 -d 2s -q || exit; done; \
	fi
	$(BIN)/loadgen report -format md -o results/report.md results
	$(BIN)/loadgen report -format html -o results/report.html results
	@echo "results/report.md results/report.html"

$(BIN)/buf: Makefile
	GOBIN=$(BIN) go install $(BUF)
	GOBIN=$(BIN) go install $(PROTOC_GEN_GO)
	GOBIN=$(BIN) go install $(PROTOC_GEN_GRPC)
	GOBIN=$(BIN) go install $(PROTOC_GEN_GW)
	@touch $@

$(BIN)/golangci-lint: Makefile
	GOBIN=$(BIN) go install $(GOLANGCI_LINT)
	@touch $@

clean: ## remove what was built, not what was measured
	rm -rf $(TMP)
