#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""hazards.py [HAZARD]...: the test of each hazard passes, and fails on a build without
what protects from it. HAZARD: a number, or with a letter as "breakages" has it.

PART=I/N in the environment: of all, every Nth from the Ith on. GOOD=known: leave out
the good build. In a guest, beside what selftests/hazards/build made.
"""

import collections
import glob
import os
import re
import subprocess
import sys
import time

import breakages

HERE = os.path.dirname(os.path.realpath(__file__))
SELFTESTS = os.environ.get("SELFTESTS", "/opt/extfuse/selftests")
KSELFTEST = os.environ.get("KSELFTEST") or sorted(
    glob.glob("/usr/src/linux-source-*/tools/testing/selftests"))[-1]
sys.path.append(KSELFTEST + "/kselftest")
import ksft  # noqa: E402  pylint: disable=import-error,wrong-import-position

SLOWER = int(os.environ.get("SLOWER", 1))  # how many times as long to wait
BROKEN = "/sys/module/extfuse/parameters/broken"
RESULT = re.compile(r"(not ok|ok) \d+ (?:- )?(.*?)( # SKIP.*)? *$")


def run_tests(script, names, policy=None):
    """The output, and of each test, by its name, "ok", "not ok" or "skip"."""
    env = dict(os.environ)
    if policy:
        env["POLICY_FILE"] = policy
    try:
        out = subprocess.run([f"{SELFTESTS}/{script}", *names], env=env, check=False,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             text=True, timeout=300 * SLOWER).stdout
    except subprocess.TimeoutExpired as e:
        out = (e.stdout or b"").decode() + "\n(timeout)"
    results = {}
    for line in out.splitlines():
        found = RESULT.match(line)
        if found:
            results[found[2]] = "skip" if found[3] else found[1]
    return out, results


def verdict(results, name):
    """Of the test with that name, or all whose names contain it: what they are."""
    if name in results:
        return results[name]
    found = {result for test, result in results.items() if name in test}
    return found.pop() if len(found) == 1 else ", ".join(sorted(found)) or "nothing"


def by_script(entries):
    tests = collections.defaultdict(set)
    for entry in entries:
        for script, name in entry.tests:
            tests[script].add(name)
    return tests


def show(out):
    """Why which tests failed; or the end, if none did."""
    lines = out.splitlines()
    failed = [i for i, line in enumerate(lines) if line.startswith("not ok")]
    for i in sorted({i + near for i in failed for near in (-2, -1, 0)}) or range(len(lines))[-9:]:
        if i >= 0:
            ksft.print_msg(lines[i])


def good_build(entries):
    """(script, name): what the good build makes of it; those with a policy of their own
    apart."""
    results = {}
    if os.environ.get("GOOD") == "known":
        return {test: "ok" for e in entries for test in e.tests}
    own = [e for e in entries if any(edit.good_too for edit in e.edits)]
    for policy, group in [(None, [e for e in entries if e not in own]),
                          *((f"{HERE}/policies/{e.id}-good.bpf.o", [e]) for e in own)]:
        for script, names in by_script(group).items():
            out, found = run_tests(script, sorted(names), policy)
            for name in names:
                results[script, name] = verdict(found, name)
                if results[script, name] not in ("ok", "skip"):
                    show(out)
    return results


def load_module(path):
    deadline = time.monotonic() + 20 * SLOWER
    while os.path.isdir("/sys/module/extfuse"):
        if not subprocess.run(["rmmod", "extfuse"], check=False,
                              stderr=subprocess.DEVNULL).returncode:
            break
        if time.monotonic() > deadline:
            raise SystemExit("the module stays")
        time.sleep(0.1)
    subprocess.run(["insmod", path], check=True)


def found_out(entry):
    """True if each test fails with the broken build."""
    if not os.path.exists(BROKEN):
        # some scripts leave without it
        load_module(HERE + "/extfuse.ko")
    with open(BROKEN, "w", encoding="ascii") as f:
        f.write(str(1 << entry.index if entry.of_module() else 0))
    policy = f"{HERE}/policies/{entry.id}.bpf.o" if entry.of_policy() else None
    right = True
    for script, names in by_script([entry]).items():
        out, results = run_tests(script, sorted(names), policy)
        for name in sorted(names):
            if verdict(results, name) != "not ok":
                ksft.print_msg(f"broken, and {script}: {name}: {verdict(results, name)}")
                show(out)
                right = False
    if os.path.exists(BROKEN):
        with open(BROKEN, "w", encoding="ascii") as f:
            f.write("0")
    return right


def choose(entries):
    if len(sys.argv) > 1:
        return [e for e in entries if e.id in sys.argv[1:] or str(e.number) in sys.argv[1:]]
    i, n = map(int, os.environ.get("PART", "0/1").split("/"))
    return entries[i % n::n]


def main():
    sys.stdout.reconfigure(line_buffering=True)
    chosen = choose(breakages.load())
    entries = [e for e in chosen if e.here()]
    ksft.print_header()
    ksft.set_plan(len(chosen))
    start = time.monotonic()
    good = good_build(entries)
    ksft.print_msg(f"the good build: {time.monotonic() - start:.0f} s")
    load_module(HERE + "/extfuse.ko")
    for entry in chosen:
        what = f"hazard {entry.id}: {entry.name}"
        start = time.monotonic()
        of_good = {good.get(test) for test in entry.tests}
        if entry not in entries or of_good == {"skip"}:
            ksft.test_result_skip(f"{what}: not on this kernel")
        elif of_good != {"ok"}:
            ksft.print_msg(f"the good build: {of_good}")
            ksft.test_result_fail(f"{what}: fails with the good build")
        elif found_out(entry):
            ksft.test_result_pass(f"{what}: found")
        else:
            ksft.test_result_fail(f"{what}: NOT found")
        ksft.print_msg(f"{time.monotonic() - start:.0f} s")
    load_module(subprocess.run(["modinfo", "-n", "extfuse"], check=True, capture_output=True,
                               text=True).stdout.strip())
    ksft.finished()


main()
