# The short front of the build; CMake does the work underneath.
#
#	make		the program, at build/interlock
#	make demo	the main job, shown with nothing but the program
#	make demo-kafka	the same story on two real Kafka nodes
#	make test	everything, with sanitizers, on real Kafka
#
# demo, test, bench, soak and fuzz bring what they need by themselves: packages of the distribution (script/setup), and
# peers into .cache (script/peers).
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
SECONDS_EACH ?= 60
CACHE := $(or $(INTERLOCK_CACHE),.cache)
PYTHON := $(CACHE)/venv/bin/python
PYTEST := $(CACHE)/venv/bin/pytest

# $(call build,folder,options,target): configure once, then build what has changed of the target (all of it, if not
# said).  Quiet unless it fails.
define build
	@test -f build/$(1)/build.ninja || cmake -S . -B build/$(1) -G Ninja $(2) > build-$(1).log 2>&1 || \
		{ cat build-$(1).log; rm -rf build/$(1) build-$(1).log; exit 1; }
	@rm -f build-$(1).log
	@cmake --build build/$(1) -j $(JOBS) $(addprefix --target ,$(3))
endef

.PHONY: all
all:
	$(call build,release,-DCMAKE_BUILD_TYPE=Release,interlock pages)
	@ln -f build/release/interlock build/interlock

# Address, undefined and leak sanitizers.
.PHONY: build-test
build-test:
	$(call build,test,-DCMAKE_BUILD_TYPE=Debug -DINTERLOCK_SANITIZE=address)

.PHONY: build-thread
build-thread:
	$(call build,thread,-DCMAKE_BUILD_TYPE=Debug -DINTERLOCK_SANITIZE=thread,units)

# The second compiler, for its warnings.
.PHONY: build-clang
build-clang:
	$(call build,clang,-DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER=clang)

.PHONY: build-fuzz
build-fuzz:
	$(call build,fuzz,-DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_COMPILER=clang -DINTERLOCK_SANITIZE=fuzz)

.PHONY: setup
setup:
	@script/setup

.PHONY: peers
peers: setup
	@script/peers

.PHONY: demo
demo: setup
	@$(MAKE) --no-print-directory all
	@build/interlock demo

.PHONY: demo-kafka
demo-kafka: setup
	@$(MAKE) --no-print-directory all
	@script/peers venv
	@script/peers jars 3.9.1 4.3.1
	@$(PYTHON) demo/demo.py

# One after the other, for each fills the processors.  `all` is what people get, with the warnings of the optimizer;
# build-fuzz brings those of the second compiler.
.PHONY: builds
builds:
	@for one in all build-test build-thread build-fuzz; do $(MAKE) --no-print-directory $$one || exit 1; done

# The peers come while the builds are made: they wait for the network, and builds for processors.
# Three workers for two processors: most of a test on real clusters is waiting for them.  The last line is the test runner's own count.
.PHONY: test
test: setup
	@$(MAKE) --no-print-directory -j2 builds peers
	@$(PYTEST) -n 3 --dist loadfile --no-loadscope-reorder --durations=40 test

.PHONY: bench
bench: setup
	@$(MAKE) --no-print-directory all
	@script/peers venv
	@script/peers jars 3.9.1 4.3.1
	@script/peers helpers
	@script/bench

# Hours, not minutes: random workloads and faults on real clusters, until SOAK_MINUTES are over.
.PHONY: soak
soak: setup
	@$(MAKE) --no-print-directory build-test
	@script/peers
	@build/test/unit/store_sim --seeds 100000
	@build/test/unit/broker_sim --seeds 100000
	@build/test/unit/exit_sim --seeds 200000
	@script/peers streams rust
	@$(PYTEST) -p no:timeout test/real/soak_clients.py
	@$(PYTEST) -p no:timeout test/real/soak_random.py
	@ROUNDS=100 $(PYTEST) test/real/test_broker_history.py
	@CROSSINGS=1000 $(PYTEST) test/real/test_crossing.py -k whatever
	@CROSSINGS=1000 $(PYTEST) test/real/soak_crossings.py
	@INTERLOCK=build/test/interlock $(PYTHON) demo/demo.py

.PHONY: fuzz
fuzz: setup
	@script/fuzz $(SECONDS_EACH)

.PHONY: install
install: all
	@cmake --install build/release --prefix $(DESTDIR)$(PREFIX)

.PHONY: format
format:
	@git ls-files '*.c' '*.h' | xargs clang-format -i

.PHONY: format-check
format-check:
	@git ls-files '*.c' '*.h' | xargs clang-format --dry-run -Werror

.PHONY: clean
clean:
	rm -rf build
