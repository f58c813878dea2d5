# Everything that is done with this repository. "make" alone tells what there is.

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc
BINDIR ?= $(PREFIX)/bin
# For what only the units run.
LIBDIR ?= $(PREFIX)/lib/cri-logshim
# Manual pages, completions.
DATADIR ?= $(PREFIX)/share
UNITS := cri-logshim.service cri-logshim.socket cri-logshim-bypass.service cri-logshim-retry.service
# Where systemd looks: beside a binary in /usr or /usr/local, else in /etc.
UNITDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),$(PREFIX)/lib,/etc)/systemd/system
FUZZTIME ?= 20s
SOAKTIME ?= 20m
SOAKFLAGS ?=
DEMOFLAGS ?=
BENCHFLAGS ?=
BIN ?= bin/cri-logshim
# kubectl-logshim, and what is made of the help of the program, are built beside it.
BESIDE = $$(dirname '$(BIN)')
# Of packages and releases; GOARCH in the environment is that of build and install.
ARCHES ?= amd64 arm64
OUT ?=

# Under sudo git refuses a repository of somebody else, unless it is told.
GIT = git -c safe.directory='$(CURDIR)'
export GIT_CONFIG_COUNT := 1
export GIT_CONFIG_KEY_0 := safe.directory
export GIT_CONFIG_VALUE_0 := $(CURDIR)
VERSION ?= $(shell $(GIT) describe --tags --always --dirty 2>/dev/null)

# Asked for only by what needs Go; find-go.sh says itself what is wrong.
GO ?= $(or $(shell hack/find-go.sh),$(error no Go, see above))
export GOWORK := off

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## Tell what there is (the default)
	@printf 'Usage: make TARGET\n\n'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  %-10s %s\n' "$$target" "$$text"; done

.PHONY: demo
demo: ## Show it at work before a real containerd (as root: sudo make demo)
	hack/demo.sh $(DEMOFLAGS)

.PHONY: test
test: ## Run every test, and the linters (as root, else those that need no root)
	tools/test.sh

.PHONY: build
build: ## Build bin/cri-logshim and bin/kubectl-logshim, static binaries
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o '$(BIN)' ./cmd/cri-logshim
	CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=auto -ldflags '-s -w -X main.version=$(VERSION)' -o "$(BESIDE)/kubectl-logshim" ./cmd/kubectl-logshim

# A binary for another machine cannot write anything here, so one for this machine does.
.PHONY: share
share: build
	@rm -rf "$(BESIDE)/share"
	@for program in cri-logshim kubectl-logshim; do \
		generator='$(BIN)'; [ "$$program" = cri-logshim ] || generator="$(BESIDE)/$$program"; \
		"$$generator" version >/dev/null 2>&1 || { \
			generator="$(BESIDE)/generator"; \
			CGO_ENABLED=0 GOOS= GOARCH= $(GO) build -trimpath -ldflags '-s -w' -o "$$generator" "./cmd/$$program" || exit 1; \
		}; \
		"$$generator" generate man "$(BESIDE)/share/man/man1" && "$$generator" generate completions "$(BESIDE)/share" || exit 1; \
	done

.PHONY: package
package: ## Build Debian and RPM packages for ARCHES into out/ (OUT)
	VERSION='$(VERSION)' ARCHES='$(ARCHES)' tools/release.sh packages '$(or $(OUT),out)'

.PHONY: release
release: ## Build packages, archives and their sums, the same bytes everywhere, into out/release (OUT)
	VERSION='$(VERSION)' ARCHES='$(ARCHES)' tools/release.sh all '$(or $(OUT),out/release)'

.PHONY: lint
lint: ## Run the linters over all modules
	tools/lint.sh

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZTIME
	FUZZTIME='$(FUZZTIME)' tools/fuzz.sh

.PHONY: soak
soak: ## Kill and disturb it for SOAKTIME and look for every line (as root)
	SOAKTIME='$(SOAKTIME)' tools/soak.sh $(SOAKFLAGS)

.PHONY: bench
bench: ## Measure against the bare runtime, a typed proxy and kubelet; out/bench.json (as root)
	tools/bench.sh $(BENCHFLAGS)

.PHONY: install
install: share ## Install binaries, systemd units, default configuration, manual pages (DESTDIR, PREFIX)
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(LIBDIR)' '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(SYSCONFDIR)/cri-logshim'
	install -m 0755 '$(BIN)' '$(DESTDIR)$(BINDIR)/cri-logshim'
	install -m 0755 "$(BESIDE)/kubectl-logshim" cmd/kubectl-logshim/kubectl_complete-logshim '$(DESTDIR)$(BINDIR)'
	@find "$(BESIDE)/share" -type f -printf '%P\n' | while read -r file; do \
		installed='$(DESTDIR)$(DATADIR)'/$$file; \
		install -d "$${installed%/*}" && install -m 0644 "$(BESIDE)/share/$$file" "$$installed" || exit 1; \
	done
	install -m 0755 systemd/bypass.sh '$(DESTDIR)$(LIBDIR)/bypass.sh'
	@for unit in $(UNITS); do \
		installed='$(DESTDIR)$(UNITDIR)'/$$unit; \
		sed 's|/usr/local/bin/|$(BINDIR)/|; s|/usr/local/lib/cri-logshim/|$(LIBDIR)/|' systemd/$$unit > "$$installed.new" && chmod 0644 "$$installed.new" || exit 1; \
		if cmp -s "$$installed.new" "$$installed"; then rm "$$installed.new"; else echo "installed $$installed"; mv "$$installed.new" "$$installed"; fi; \
	done
	@if [ -e '$(DESTDIR)$(SYSCONFDIR)/cri-logshim/config.yaml' ]; then \
		echo 'kept $(DESTDIR)$(SYSCONFDIR)/cri-logshim/config.yaml as it is'; \
	else \
		install -m 0644 systemd/config.yaml '$(DESTDIR)$(SYSCONFDIR)/cri-logshim/config.yaml'; \
	fi
	@[ -n '$(DESTDIR)' ] || printf '%s\n' 'Next, the first time: systemctl daemon-reload && systemctl enable --now cri-logshim.socket cri-logshim.service' \
		'Next, after an upgrade: systemctl reload cri-logshim (restart after daemon-reload, if a unit was installed above)'

.PHONY: uninstall
uninstall: ## Remove what install installed, but for the configuration
	@[ -n '$(DESTDIR)' ] || echo 'Before: point kubelet at the runtime, then systemctl disable --now cri-logshim.socket cri-logshim.service'
	rm -f '$(DESTDIR)$(BINDIR)/cri-logshim' '$(DESTDIR)$(BINDIR)/kubectl-logshim' '$(DESTDIR)$(BINDIR)/kubectl_complete-logshim' '$(DESTDIR)$(LIBDIR)/bypass.sh' $(foreach unit,$(UNITS),'$(DESTDIR)$(UNITDIR)/$(unit)')
	@for program in cri-logshim kubectl-logshim; do \
		rm -f '$(DESTDIR)$(DATADIR)'/man/man1/$$program.1 '$(DESTDIR)$(DATADIR)'/man/man1/$$program-*.1 '$(DESTDIR)$(DATADIR)'/bash-completion/completions/$$program \
			'$(DESTDIR)$(DATADIR)'/fish/vendor_completions.d/$$program.fish '$(DESTDIR)$(DATADIR)'/zsh/site-functions/_$$program; \
	done
	[ ! -d '$(DESTDIR)$(LIBDIR)' ] || rmdir '$(DESTDIR)$(LIBDIR)'
	@# Folders that install has made, if they were not there: nothing else is in them then.
	@for folder in '$(DESTDIR)$(UNITDIR)' '$(DESTDIR)$(dir $(UNITDIR))' '$(DESTDIR)$(DATADIR)'/man/man1 \
		'$(DESTDIR)$(DATADIR)'/bash-completion/completions '$(DESTDIR)$(DATADIR)'/bash-completion \
		'$(DESTDIR)$(DATADIR)'/fish/vendor_completions.d '$(DESTDIR)$(DATADIR)'/fish \
		'$(DESTDIR)$(DATADIR)'/zsh/site-functions '$(DESTDIR)$(DATADIR)'/zsh; do \
		[ ! -d "$$folder" ] || rmdir --ignore-fail-on-non-empty "$$folder"; \
	done
	@echo 'kept $(DESTDIR)$(SYSCONFDIR)/cri-logshim'

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin out
