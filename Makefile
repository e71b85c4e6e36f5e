# The front door: `make` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help run test check generate bench bench-detect bench-peers bench-scan bench-elastic instructions profile report soak versus testbed lint deny audit record

CARGO ?= cargo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Scan the example events with the built-in rules
	$(CARGO) run --release --locked -- scan examples/audit.jsonl

test: ## Build and start the real servers, and pass all tests
	$(CARGO) test --workspace --locked --tests

check: lint deny test ## Everything that must hold before a commit: format, lints, licences, tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

deny: ## Check licences, sources and bans of the dependencies
	@command -v cargo-deny >/dev/null || $(CARGO) install cargo-deny --version 0.20.2 --locked
	$(CARGO) deny --workspace check bans licenses sources

audit: ## Check the dependencies for known vulnerabilities (fetches the advisory database)
	@command -v cargo-deny >/dev/null || $(CARGO) install cargo-deny --version 0.20.2 --locked
	$(CARGO) deny --workspace check advisories

generate: ## Write all generated files: CRDs, chart copy, manifests, CLI reference
	UPDATE_GENERATED=1 $(CARGO) test --locked --test it generated

bench: bench-detect bench-peers bench-scan bench-elastic ## Measure everything, in one run; prints the tables of docs/performance.md

report: ## Measure everything, and write the tables of docs/performance.md
	benches/report.sh

bench-detect: ## Measure detection: beside its reader, a plain loop, on two cores; compiling
	$(CARGO) bench --locked -p k8scop-engine --bench detect

# Hyperscan is measured where its library is: `apt-get install libhyperscan-dev`.
PEERS = --release --locked --manifest-path benches/peers/Cargo.toml --target-dir target/peers \
	$(shell pkg-config --exists libhs 2>/dev/null && echo --features hyperscan)

bench-peers: ## Measure detection beside other engines, and the memory of compiled rules
	$(CARGO) run $(PEERS) --bin k8scop-peers
	$(CARGO) run $(PEERS) --bin memory

bench-scan: ## Measure `k8scop scan`, the whole process, beside ripgrep
	$(CARGO) bench --locked --bench scan

bench-elastic: ## Measure the way from a real Elasticsearch to alerts, over EVENTS (1000000), for MINUTES (10)
	$(CARGO) bench --locked --bench pipeline

instructions: ## Record anew how many instructions an event may take
	UPDATE_INSTRUCTIONS=1 $(CARGO) test --locked --test it instructions::

profile: ## Show where the instructions of detection go
	CARGO="$(CARGO)" benches/profile.sh

soak: ## Run a job under random faults for MINUTES (20); the report goes to target/soak.md
	SOAK_MINUTES=$(or $(MINUTES),20) SOAK_SEED=$(SEED) $(CARGO) test --locked --test it soak:: -- --nocapture

versus: ## Run K8sCop and ElastAlert2 side by side under the same faults; takes ten minutes
	$(CARGO) test --locked --test versus

testbed: ## Start the real servers for a person; prints the exports to use them
	$(CARGO) run --locked -p k8scop-testbed --bin testbed -- up

record: ## Record examples/audit.jsonl anew from a real apiserver
	$(CARGO) run --locked --example record
