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

.PHONY: help all generate build test lint bench report clean

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
