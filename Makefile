# The short front of the build; CMake does the work underneath.
JOBS ?= $(shell nproc)

.PHONY: all
all:
	@cmake -S . -B build -DCMAKE_BUILD_TYPE=Release $(if $(wildcard build/CMakeCache.txt),,$(if $(shell command -v ninja),-G Ninja)) > /dev/null
	@cmake --build build -j $(JOBS)
