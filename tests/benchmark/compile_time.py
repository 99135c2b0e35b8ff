#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What it costs to compile a file that includes <pivotal/webhook.hpp>, beside one that includes only what it is built
on: <nlohmann/json.hpp> and OpenSSL's headers.

Usage: compile_time.py [--rounds N] [--instructions] [--out FILE] [COMPILER...]

Seconds of processor time, fastest and median of N interleaved rounds; --instructions has valgrind count what the
compiler proper executes without optimisation, which repeats where time does not and takes about half a minute. FILE
gets the ratios of the fastest rounds, and those of the instructions.
"""
import argparse
import json
import os
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile

INCLUDE = pathlib.Path(__file__).resolve().parent.parent.parent / "include"
FILES = {
    "alone.cpp": "#include <nlohmann/json.hpp>\n"
                 "#include <openssl/crypto.h>\n#include <openssl/err.h>\n#include <openssl/evp.h>\n",
    "webhook.cpp": "#include <pivotal/webhook.hpp>\n",
}
TARGET = 1.15


def command(compiler, level, file):
    return [compiler, "-std=c++17", level, f"-I{INCLUDE}", "-c", file, "-o", os.devnull]


def processor_time(arguments):
    """User time, as what the system does for a compiler (memory, files) depends on everything else that runs."""
    process = subprocess.Popen(arguments)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit(f"this failed: {shlex.join(map(str, arguments))}")
    return usage.ru_utime


def count_instructions(arguments):
    """Of the compiler proper: the first program that the driver would run. callgrind comes to the same within a
    hundredth, but takes half as long again."""
    told = subprocess.run([*arguments, "-###"], capture_output=True, text=True, check=True).stderr
    proper = next(line for line in told.splitlines() if "cc1plus" in line or '"-cc1"' in line)
    return subprocess.Popen(["valgrind", "--tool=exp-bbv", "--instr-count-only=yes", *shlex.split(proper)],
                            stderr=subprocess.PIPE, text=True)


def counted(process):
    said = process.communicate()[1]
    if process.returncode != 0:
        sys.exit(f"this failed: {shlex.join(process.args)}\n{said}")
    return int(re.search(r"Total instructions: (\d+)", said)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--instructions", action="store_true")
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("compiler", nargs="*", default=["g++"])
    arguments = parser.parse_args()

    if arguments.instructions and not shutil.which("valgrind"):
        if os.environ.get("PIVOTAL_REQUIRE_ALL"):
            sys.exit("valgrind is missing: apt-get install valgrind")
        print("no instruction counts without valgrind: apt-get install valgrind")
        arguments.instructions = False
    out = arguments.out.resolve() if arguments.out else None
    print(f"Compiling <pivotal/webhook.hpp>, to <nlohmann/json.hpp> and OpenSSL's headers alone (to reach: {TARGET})")
    with tempfile.TemporaryDirectory() as folder:
        for name, text in FILES.items():
            (pathlib.Path(folder) / name).write_text(text)
        os.chdir(folder)
        builds = [(compiler, level) for compiler in arguments.compiler for level in ("-O0", "-O2")]
        times = {(build, file): [] for build in builds for file in FILES}
        for _ in range(arguments.rounds):
            for build, file in times:
                times[build, file].append(processor_time(command(*build, file)))
        found = {}
        for build in builds:
            alone, ours = (times[build, file] for file in FILES)
            fastest, median = min(ours) / min(alone), statistics.median(ours) / statistics.median(alone)
            print(f"{' '.join(build):<14} {min(ours):.2f} s to {min(alone):.2f} s: {fastest:.2f} by the fastest round, "
                  f"{median:.2f} by the median")
            found[" ".join(build)] = round(fastest, 3)
            if arguments.instructions and build[1] == "-O0":
                # Side by side: it makes no difference to a count.
                counting = [count_instructions(command(*build, file)) for file in FILES]
                counts = [counted(process) for process in counting]
                print(f"{'':<14} {counts[1] / counts[0]:.3f} by instructions ({counts[1]:,} to {counts[0]:,})")
                found[" ".join(build) + ", instructions"] = round(counts[1] / counts[0], 3)
    if out:
        out.write_text(json.dumps(found) + "\n")


main()
