# SPDX-License-Identifier: GPL-2.0
"""Results of bench.py: read, related to each other and to the bars, shown as tables."""

import collections
import json
import os
import re

from mounts import LL_ABSENT, LL_MDCACHE, LL_TTL0, NATIVE, OWN, TTL0, TTL0_PEERS, TTL0_RING

HERE = os.path.dirname(os.path.realpath(__file__))
SUITES = ("ops", "threads", "jobs", "fio", "mem", "profile")
# how much more than before is noise
NOISE = {"ops": 1.05, "jobs": 1.05}

# what: for whom it stands; ratio: None if one of the two failed
Bar = collections.namedtuple("Bar", "suite operation configuration base ratio bar")
Bar.met = property(lambda self: self.ratio is not None and
                   (self.ratio < self.bar if self.base == "the best peer" else
                    round(self.ratio, 2) <= self.bar))


def load(directory):
    """suite -> result"""
    results = {}
    for suite in SUITES:
        path = os.path.join(directory, f"{suite}.json")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                results[suite] = json.load(f)
    return results


def costs(result):
    """configuration -> operation -> median, or, where that says little, mean; no failures"""
    by = "mean" if result["suite"] in ("fio", "threads") else "median"
    return {c["name"]: {o["name"]: o[by] for o in c["operations"] if by in o}
            for c in result["configurations"]}


def ratio(cost, operation, configuration, base):
    a = cost.get(configuration, {}).get(operation)
    b = cost.get(base, {}).get(operation)
    return a / b if a and b else None


def cheapest(cost, operation, configurations):
    """None: none of them was measured."""
    return min((c for c in configurations if cost.get(c, {}).get(operation)),
               key=lambda c: cost[c][operation], default=None)


def best_peer(cost, operation):
    """The cheapest that lets the VFS cache as little."""
    return cheapest(cost, operation, TTL0_PEERS)


def best_own(cost, operation):
    """disgrafsd with the module at ttl 0: peers over io_uring are met over io_uring."""
    return cheapest(cost, operation, (TTL0, TTL0_RING)) or TTL0


def table_of_bars():
    with open(os.path.join(HERE, "bars.full"), encoding="ascii") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                suite, operation, *bars = line.split("\t")
                yield suite, operation, [float(b) for b in bars]


def bars(results):
    """All bars that the results have something to say about."""
    cost = {suite: costs(results[suite]) for suite in ("ops", "jobs") if suite in results}
    for suite, operation, (own, ttl0, mdcache) in table_of_bars():
        for configuration, base, bar in ((OWN, NATIVE, own), (TTL0, NATIVE, ttl0),
                                         (LL_MDCACHE, LL_TTL0, mdcache)):
            if suite in cost and configuration in cost[suite]:
                yield Bar(suite, operation, configuration, base,
                          ratio(cost[suite], operation, configuration, base), bar)
    for suite in cost:
        for operation in cost[suite].get(TTL0, ()):
            peer = best_peer(cost[suite], operation)
            if peer and operation != "tag-query":
                best = best_own(cost[suite], operation)
                yield Bar(suite, operation, best, "the best peer",
                          ratio(cost[suite], operation, best, peer), 1.0)
    if LL_TTL0 not in cost.get("ops", {}):
        return
    for operation in cost["ops"].get(LL_ABSENT, ()):
        yield Bar("ops", operation, LL_TTL0, LL_ABSENT,
                  ratio(cost["ops"], operation, LL_TTL0, LL_ABSENT), 1.0)


def grown(results, before):
    """(suite, operation, configuration, ratio to ext4, ratio before) that is more than noise,
    or None: it could be measured before."""
    for suite, noise in NOISE.items():
        if suite not in results or suite not in before:
            continue
        cost = costs(results[suite])
        for (operation, configuration), old in before[suite].items():
            new = ratio(cost, operation, configuration, NATIVE)
            if new is None or new > old * noise + 0.01:
                yield suite, operation, configuration, new, old


# Tables: simple ones of reStructuredText, which bars reads again.

def table(rows):
    """The first row is the header."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    rule = "  ".join("=" * w for w in widths)
    lines = ["  ".join([row[0].ljust(widths[0])] + [c.rjust(w) for c, w in zip(row[1:], widths[1:])])
             for row in rows]
    return "\n".join(line.rstrip() for line in [rule, lines[0], rule, *lines[1:], rule])


def others(result):
    return [c["name"] for c in result["configurations"] if c["name"] != NATIVE]


def ratios(result):
    """Costs on ext4, and of each other configuration, by number, relative to it."""
    cost = costs(result)
    names = others(result)
    rows = [["operation", "ext4"] + [f"({n})" for n in range(1, len(names) + 1)]]
    for operation in (o["name"] for o in result["configurations"][0]["operations"]):
        native = cost[NATIVE].get(operation)
        row = [operation, f"{native:,}" if native else "failed"]
        for name in names:
            r = ratio(cost, operation, name, NATIVE)
            row.append("failed" if r is None else f"{r:.2f}")
        rows.append(row)
    return table(rows)


def legend(result):
    return "\n".join(f"({n}) {name}" for n, name in enumerate(others(result), 1))


def read_summary(path):
    """kernel -> suite -> (operation, configuration) -> ratio, as ratios() and legend() wrote it"""
    summary = collections.defaultdict(lambda: collections.defaultdict(dict))
    kernel = suite = None
    names = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            if m := re.match(r"Linux (\d+\.\d+): (\w+)$", line):
                kernel, suite = m.groups()
                names = {}
            elif m := re.match(r" *\((\d+)\) (.*)$", line):
                names[int(m[1])] = m[2]
            elif suite and re.match(r"[a-z]", line) and len(line.split()) == len(names) + 2:
                operation, _, *row = line.split()
                for number, value in enumerate(row, 1):
                    if re.match(r"[\d.]+$", value):
                        summary[kernel][suite][operation, names[number]] = float(value)
    return summary


def requests_of(result, configuration, operation):
    for c in result["configurations"]:
        for o in c["operations"]:
            if (c["name"], o["name"]) == (configuration, operation):
                return o["requests"]
    return {}
