# SPDX-License-Identifier: GPL-2.0
#
# What everything under userspace/ is built with. A component's Makefile sets
#
#   COMPONENT   name of its directory, here and in the output directory
#   SRCS        its sources without main.c
#   PKGS        pkg-config names of what it uses
#   TESTS       names of test programs, test/NAME.c each (cmocka)
#
# then includes this file and adds its own all and install targets with
# $(OUT)/*.o as prerequisites. Variables a caller may set:
#
#   O        output directory, absolute; nothing is written elsewhere
#   DESTDIR  put before every installed path
#   PREFIX   /usr
#   CFLAGS   optimization and debugging; the warnings are always on

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
O ?= $(TOP)/build/out
PREFIX ?= /usr
VERSION := 0.1.0

CC ?= gcc
AR ?= ar
PKG_CONFIG ?= pkg-config
INSTALL ?= install
CFLAGS ?= -O2 -g

OUT := $(O)/$(COMPONENT)
LIBEXTFUSE := $(O)/libextfuse/libextfuse.a
LIBEXTFUSE_PKGS := libnl-genl-3.0 libnl-3.0 libbpf

ALL_CPPFLAGS = -D_GNU_SOURCE -DEXTFUSE_VERSION='"$(VERSION)"' -I$(TOP)/userspace \
	-I$(TOP)/userspace/libextfuse -I$(TOP)/kmod/uapi $(CPPFLAGS) $(PKG_CFLAGS)
ALL_CFLAGS = -std=gnu11 -Wall -Wextra -Werror $(CFLAGS)
CHECK_CFLAGS = -std=gnu11 -Wall -Wextra -Werror -O1 -g -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all

ifneq ($(PKGS),)
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(PKGS))
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(PKGS))
endif

OBJS := $(SRCS:%.c=$(OUT)/%.o)
CHECK_OBJS := $(SRCS:%.c=$(OUT)/check/%.o)
TEST_PROGS := $(TESTS:%=$(OUT)/check/%)

all:

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/check/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(CHECK_CFLAGS) -MMD -MP -c -o $@ $<

$(OUT)/check/test/%.o: test/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CPPFLAGS) $(CHECK_CFLAGS) -I. -MMD -MP -c -o $@ $<

# CHECK_LIBS comes after the objects: archives that the component needs,
# themselves built with the sanitizers.
$(TEST_PROGS): $(OUT)/check/%: $(OUT)/check/test/%.o $(CHECK_OBJS) $(CHECK_LIBS)
	$(CC) $(CHECK_CFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(LDLIBS) -lcmocka

# Every test program runs, whatever happened to the one before it.
check: $(TEST_PROGS) $(CHECK_EXTRA)
	@failed=; for t in $(TEST_PROGS); do \
		echo "# $(COMPONENT) $${t##*/}"; \
		CMOCKA_MESSAGE_OUTPUT=TAP $$t || failed="$$failed $${t##*/}"; \
	done; \
	if [ -n "$$failed" ]; then echo "# failed:$$failed"; exit 1; fi

clean:
	rm -rf $(OUT)

.PHONY: all install check clean
.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(OUT)/*.d $(OUT)/check/*.d $(OUT)/check/test/*.d)
