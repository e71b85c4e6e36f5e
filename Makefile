# The front door: `make` lists what there is.

.DEFAULT_GOAL := help
.PHONY: help run test check generate bench bench-elastic soak versus testbed lint deny audit record

CARGO ?= cargo

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

bench: ## Measure detection against a plain loop, in one run
	$(CARGO) bench --locked --bench detect

bench-elastic: ## Measure the way from a real Elasticsearch to alerts, over EVENTS (1000000), for MINUTES (10)
	$(CARGO) bench --locked --bench pipeline

soak: ## Run a job under random faults for MINUTES (20); the report goes to target/soak.md
	SOAK_MINUTES=$(or $(MINUTES),20) SOAK_SEED=$(SEED) $(CARGO) test --locked --test it soak:: -- --nocapture

versus: ## Run K8sCop and ElastAlert2 side by side under the same faults; takes ten minutes
	$(CARGO) test --locked --test versus

testbed: ## Start the real servers for a person; prints the exports to use them
	$(CARGO) run --locked -p k8scop-testbed --bin testbed -- up

record: ## Record examples/audit.jsonl anew from a real apiserver
	$(CARGO) run --locked --example record
