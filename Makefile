# SPDX-License-Identifier: GPL-2.0
#
# extfuse: the module (kmod/, by Kbuild), the policies (bpf/), the programs
# (userspace/), and what tests them in a guest (selftests/). `make help` says
# what can be made. Variables:
#
#   KDIR     the kernel's build directory (default: of the running kernel)
#   O        where policies and programs are built (default: build/out)
#   DESTDIR  put before every installed path
#   PREFIX   where programs and policies go (default: /usr)

KDIR ?= /lib/modules/$(shell uname -r)/build
O ?= build/out
PREFIX ?= /usr
INSTALL ?= install

# O means something else to the kernel's own Makefile: do not hand it down.
override O := $(abspath $(O))
MAKEOVERRIDES := $(filter-out O=%,$(MAKEOVERRIDES))

all: modules bpf userspace

modules:
	$(MAKE) -C $(KDIR) M=$(CURDIR) modules

bpf:
	$(MAKE) -C bpf O=$(O) KDIR=$(KDIR)

userspace:
	$(MAKE) -C userspace O=$(O) PREFIX=$(PREFIX)

modules_install: modules
	release=$$(cat $(KDIR)/include/config/kernel.release) && \
	$(INSTALL) -D -m 644 extfuse.ko $(DESTDIR)/lib/modules/$$release/extra/extfuse.ko && \
	if [ -z "$(DESTDIR)" ]; then depmod $$release; fi

bpf_install: bpf
	$(MAKE) -C bpf install O=$(O) KDIR=$(KDIR) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

userspace_install: userspace
	$(MAKE) -C userspace install O=$(O) DESTDIR=$(DESTDIR) PREFIX=$(PREFIX)

install: modules_install bpf_install userspace_install

# Below: on this machine without loading anything into its kernel. The guest and
# everything that it is made from live in build/vm/.

setup:
	selftests/vm/setup

check check-unit check-style check-vm check-bars check-kernel check-hazards \
check-powercut check-debug:
	selftests/check $@

demo:
	selftests/demo/run

bench:
	KERNEL=$(KERNEL) ONLY=$(ONLY) selftests/bench/run

bench-plot:
	selftests/bench/plot

bench-profile:
	@[ -n "$(OP)" ] || { echo 'make bench-profile OP=stat: which operation?' >&2; exit 2; }
	KERNEL=$(or $(KERNEL),6.12) OP=$(OP) ALL=$(ALL) selftests/bench/run

clean:
	if [ -e $(KDIR)/Makefile ]; then $(MAKE) -C $(KDIR) M=$(CURDIR) clean; fi
	rm -rf $(O)

# The root may hold files of subordinate users, which only its own tools remove.
distclean: clean
	selftests/vm/setup --remove
	rm -rf build

help:
	@echo 'Building:'
	@echo '  all             module, policies and programs'
	@echo '  modules         extfuse.ko for the kernel of KDIR=$(KDIR)'
	@echo '  bpf             the policies, into $(O)/bpf'
	@echo '  userspace       library and programs, into $(O)'
	@echo '  install         all of it, under DESTDIR=$(DESTDIR) and PREFIX=$(PREFIX)'
	@echo
	@echo 'Testing, in a guest that is made under build/vm on first use:'
	@echo '  demo            what the module does, on real trees'
	@echo '  bench           what calls, programs, reads and writes, and memory cost on ext4,'
	@echo '                  daemons, and with the module, on both kernels or that of KERNEL=,'
	@echo '                  or only ONLY=ops|jobs|fio|mem of it; into build/bench/. Fails if a'
	@echo '                  bar is not met'
	@echo '  bench-plot      draws that: build/bench/KERNEL/SUITE.svg'
	@echo '  bench-profile   which functions of the kernel the instructions of OP= are in, on'
	@echo '                  ext4 and with the module; with ALL=1 those of the daemon and'
	@echo '                  of other threads too'
	@echo '  check           unit, style, vm, bars and kernel, then one line of totals'
	@echo '  check-unit      unit tests of the programs, with sanitizers'
	@echo '  check-style     checkpatch and sparse'
	@echo '  check-vm        the test machine itself'
	@echo '  check-bars      what answered requests cost, in instructions, on both kernels'
	@echo '  check-kernel    kselftests on both kernels'
	@echo '  check-hazards   builds that lack what keeps mdcache true: does a test find each?'
	@echo '                  not part of check'
	@echo '  check-powercut  the power of a guest is cut a hundred times while files are tagged; not'
	@echo '                  part of check'
	@echo '  check-debug     kselftests on a kernel with KASAN, lockdep, kmemleak and fault'
	@echo '                  injection, which is built first; not part of check: takes hours'
	@echo '  setup           what these need: host packages and the guest'
	@echo
	@echo '  clean           remove what was built, but not the guest'
	@echo '  distclean       remove the guest too'
	@echo '  selftests/vm/run --help, selftests/run-in-guest --help: one thing at a time'

.PHONY: all modules bpf userspace modules_install bpf_install userspace_install install
.PHONY: setup check check-unit check-style check-vm check-bars check-kernel
.PHONY: check-hazards check-powercut check-debug demo bench bench-plot bench-profile clean distclean help
