# SPDX-License-Identifier: GPL-2.0
"""The suite "fio": reads and writes by size, order, number of jobs and page cache."""

import json
import subprocess

from mounts import LL_MDCACHE, LL_TTL0, MOUNT, NATIVE, TTL0, attempt, run, say

CONFIGURATIONS = (NATIVE, TTL0, LL_MDCACHE, LL_TTL0, "passthrough_ll, cache=always",
                  "passthrough_hp, passthrough", "passthrough_ll 3.18, ttl 0, io_uring")
DIR = f"{MOUNT}/fio"
# block size -> bytes that each job reads or writes
SIZES = {"4k": "128k", "128k": "1m", "1m": "4m"}
GLOBAL = f"""[global]
directory={DIR}
filename_format=file.$jobnum
size=4m
ioengine=psync
thread=1
group_reporting=1
randrepeat=1
fallocate=none
invalidate=0
"""


def sections():
    for block, amount in SIZES.items():
        for pattern in ("read", "randread", "write", "randwrite"):
            for jobs in (1, 4):
                for direct in (0, 1):
                    name = f"{pattern}-{block}-{jobs}-{'direct' if direct else 'buffered'}"
                    yield (f"[{name}]\nstonewall\nrw={pattern}\nbs={block}\n"
                           f"io_size={amount}\nnumjobs={jobs}\ndirect={direct}\n")


def result_of(job):
    way = job["read"] if job["read"]["total_ios"] else job["write"]
    if job["error"] or not way["total_ios"]:
        return {"name": job["jobname"], "failed": f"errno {job['error']}", "requests": {}}
    return {"name": job["jobname"], "median": way["clat_ns"]["percentile"]["50.000000"],
            "mean": int(way["lat_ns"]["mean"]), "p99": way["clat_ns"]["percentile"]["99.000000"],
            "calls": way["total_ios"], "requests": {}}


def operations():
    run("mkdir", DIR)
    try:
        for i in range(4):
            run("dd", "if=/dev/zero", f"of={DIR}/file.{i}", "bs=1M", "count=4", "status=none")
        run("sync")
        text = subprocess.run(("fio", "--output-format=json", "-"), check=False,
                              input=GLOBAL + "".join(sections()),
                              stdout=subprocess.PIPE, text=True).stdout
    finally:
        run("rm", "-rf", DIR)
    return [result_of(job) for job in json.loads(text[text.index("{"):])["jobs"]]


def suite(configurations):
    result = {"suite": "fio", "unit": "instructions", "configurations": []}
    for configuration in configurations:
        if configuration.name in CONFIGURATIONS:
            say(f"fio: {configuration.name}")
            result["configurations"].append(attempt(configuration, operations))
            yield result
