# tidegate: what can be asked of make
#
#   make            build/tidegate
#   make demo       install what is missing, build, and watch a camera behind a forward at work, in namespaces
#   make test       install what is missing, then every test; TEST="unit rules" runs some (tests/run --help)
#   make bench      measure beside peers, and write bench.md; make bench-PART one part of it (tools/bench --help)
#   make install    to DESTDIR, under PREFIX
#
# Knobs: CC CFLAGS LDFLAGS PREFIX DESTDIR V=1, BUILD=dir, SANITIZE=address,undefined, WITH_PCAP=no (a router needs no
# captures: no libpcap, no replay), WITH_DOCS=no (nor manual pages and completion), SMALL=yes (as small as it gets: for
# flash, with a libc that knows packed relocations).

VERSION   := 0.1.0
comma     := ,
BUILD     ?= build
PREFIX    ?= /usr/local
SMALL     ?= no
CFLAGS    ?= $(if $(filter yes,$(SMALL)),-Os,-O2) -g
WITH_PCAP ?= yes
WITH_DOCS ?= yes
SANITIZE  ?=
V         ?= 0

WARNINGS  := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-align -Wcast-qual \
             -Wwrite-strings -Wpointer-arith -Wnull-dereference -Wvla -Wformat=2 -Wundef
cflags    := -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -DTIDEGATE_VERSION='"$(VERSION)"' -Iinclude -Isrc $(WARNINGS) -MMD -MP -fno-strict-aliasing \
             -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
ldflags   := -pthread -Wl,--gc-sections $(if $(filter yes,$(SMALL)),-Wl$(comma)-z$(comma)pack-relative-relocs$(comma)-z$(comma)noseparate-code$(comma)-z$(comma)now)
ifneq ($(SANITIZE),)
cflags    += -fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all
ldflags   += -fsanitize=$(SANITIZE)
endif

# The engine knows no I/O and links only libc; the rules language too. Drivers have the libraries.
engine    := $(wildcard src/wire/*.c src/pages/*.c src/packet/*.c src/fragment/*.c src/meter/*.c src/watch/*.c src/network/*.c src/classify/*.c src/policy/*.c src/connection/*.c src/translate/*.c \
             src/helper/*.c src/engine/*.c src/probe/*.c src/rules/*.c src/analysis/*.c)
drivers   := $(wildcard src/report/*.c src/import/*.c src/live/*.c src/cli/*.c)
libs      := -lnetfilter_queue -lnfnetlink -lmnl -ljson-c
ifeq ($(WITH_PCAP),yes)
drivers   += $(wildcard src/replay/*.c)
cflags    += -DWITH_PCAP
libs      += -lpcap
endif
tests     := $(wildcard tests/unit/test_*.c)

object     = $(patsubst %.c,$(BUILD)/%.o,$(1))
quiet      = $(if $(filter 1,$(V)),,@echo '  $(1)' $(patsubst $(BUILD)/%,%,$@);)

all: $(BUILD)/tidegate

$(BUILD)/libtidegate.a: $(call object,$(engine))
	$(call quiet,AR  )rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tidegate: $(call object,$(drivers)) $(BUILD)/libtidegate.a
	$(call quiet,LD  )$(CC) $(CFLAGS) -o $@ $^ $(ldflags) $(LDFLAGS) $(libs)

$(BUILD)/%.o: %.c
	$(call quiet,CC  )mkdir -p $(@D) && $(CC) $(cflags) $(CFLAGS) $(level) -c -o $@ $<

# A test itself need not be fast, and is compiled in a fifth of the time; what it tests is as it is for users.
$(BUILD)/tests/unit/%.o: level := -O0

# No packet waits for these: where flash is short, as small as the compiler can make them.
unhurried := cli/% rules/% analysis/% import/% probe/% report/% classify/b% classify/c% classify/kinds classify/tables policy/build \
             live/command live/hooks% live/live live/lock live/notify
ifeq ($(SMALL),yes)
$(patsubst %,$(BUILD)/src/%.o,$(unhurried)): level := $(shell $(CC) -Oz -E - </dev/null >/dev/null 2>&1 && echo -Oz)
endif

# Tests of drivers need them as a library, without main().
$(BUILD)/libdrivers.a: $(call object,$(filter-out src/cli/main.c,$(drivers)))
	$(call quiet,AR  )rm -f $@ && $(AR) rcs $@ $^

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(BUILD)/libdrivers.a $(BUILD)/libtidegate.a
	$(call quiet,LD  )$(CC) $(CFLAGS) -o $@ $^ $(ldflags) $(LDFLAGS) $(libs) -lcmocka

unit-tests: $(patsubst %.c,$(BUILD)/%,$(tests))

setup:
	@tools/setup

demo: setup
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)/tidegate

test: setup
	@tests/run $(TEST)

bench: setup
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@tools/bench --write bench.md $(BUILD)/tidegate
	@cp $(BUILD)/bench/growth.svg tools/bench.d/

# One part of it, with the peers that it can be measured beside.
bench-%: setup
	@tools/setup bench
	@$(MAKE) --no-print-directory all
	@tools/bench $(BUILD)/tidegate $*

format:
	clang-format -i $$(git ls-files '*.c' '*.h')

install: all
	install -D -m 755 $(BUILD)/tidegate $(DESTDIR)$(PREFIX)/sbin/tidegate
	install -d $(DESTDIR)$(PREFIX)/share/tidegate/rules
	install -m 644 rules/*.rules $(DESTDIR)$(PREFIX)/share/tidegate/rules
ifeq ($(WITH_DOCS),yes)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man5 board/man/tidegate.rules.5
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 board/man/tidegate.8
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/bash-completion/completions board/bash-completion/tidegate
endif

clean:
	rm -rf $(BUILD)

.PHONY: all unit-tests setup demo test bench format install clean
.PRECIOUS: $(BUILD)/%.o
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
