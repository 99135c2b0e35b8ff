#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Times this library, its floor and the official libraries of other languages over the same bodies, and counts the
instructions of this one.

PROGRAMS is the folder with pivotal_benchmark_driver and pivotal_instructions, BODIES what bodies.py wrote, PEERS where
tests/conformance/peers/peer.sh builds. Each LIBRARY is what Google Benchmark wrote about the library in a process
(--benchmark_out), COMPILE_TIME what compile_time.py wrote; both become part of OUT.

Each library is a process that is started with a secret and BODIES, reads lines and answers each with the nanoseconds
that it took:

    MODE SIZE COUNT ID TIMESTAMP SIGNATURE

COUNT times it verifies BODIES/SIZE.json with these headers (and parses it, in the mode `parse`). The message is signed
anew for every line, because the libraries read the clock, this one too. Each looks the headers up by their names, in
what its language has for them, but for the modes of this one that do not end in `-map`: there they are at hand, in a
`Headers` struct. The lines of all processes are interleaved: a round asks for every measurement once, in an order of
its own, and nothing else runs meanwhile.
"""
import argparse
import base64
import datetime
import hmac
import json
import os
import pathlib
import platform
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
SIZES = (350, 4096, 65536)
CONFORMANCE = pathlib.Path(__file__).resolve().parent.parent / "conformance"
PEER = CONFORMANCE / "peers" / "peer.sh"

# What is measured, in the order of the table: title, language (None: this library) and mode.
MEASUREMENTS = (
    ("floor: HMAC-SHA256 alone", None, "floor"),
    ("this library, authenticate", None, "authenticate"),
    ("this library, authenticate, headers from a map", None, "authenticate-map"),
    ("Java, verify", "java", "verify"),
    ("Go, verify", "go", "verify"),
    ("Rust, verify", "rust", "verify"),
    ("Python, verify", "python", "verify"),
    ("this library, verify by simdjson", None, "simdjson"),
    ("this library, verify by simdjson, headers from a map", None, "simdjson-map"),
    ("this library, verify", None, "verify"),
    ("Java, verify + Jackson", "java", "parse"),
    ("Go, verify + encoding/json", "go", "parse"),
    ("Rust, verify + serde_json", "rust", "parse"),
    ("Python, verify + json", "python", "parse"),
    ("JavaScript, verify + JSON.parse", "javascript", "parse"),
)

# The packages that are measured, where and how their versions stand (those of Java in the names of its jars, as svix
# chooses its Jackson), and how the language itself tells its own.
PINS = {
    "javascript": (["svix"], "interop/package.json", r'"{}": "(.+?)"', ["node", "-p", "'Node.js ' + process.version"]),
    "python": (["svix", "standardwebhooks"], "peers/python/requirements.txt", r"^{}==(\S+)", ["python3", "--version"]),
    "go": (["svix-webhooks"], "peers/go/go.mod", r"^require \S+/{} v(\S+)", ["go", "version"]),
    "rust": (["standardwebhooks", "serde_json"], "peers/rust/Cargo.lock", r'^name = "{}"\nversion = "(.+?)"',
             ["rustc", "--version"]),
    "java": (["svix", "jackson-databind"], None, r"^{}-(\d.*)\.jar$", ["java", "--version"]),
}
# What one of them is for, where that is not all that its language is asked for.
USED_FOR = {("python", "svix"): "verify and parse", ("python", "standardwebhooks"): "verify alone"}

COUNTED_BY = ("callgrind, on a processor without SHA extensions and AVX-512: OpenSSL hashes there, and simdjson parses, "
              "in other code than is timed")


class Library:
    """A process that answers lines."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def time(self, mode, size, body, count):
        """The nanoseconds of each of `count` deliveries."""
        message, timestamp = "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk", str(int(time.time()))
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        tag = hmac.digest(key, f"{message}.{timestamp}.".encode() + body, "sha256")
        signature = "v1," + base64.b64encode(tag).decode()
        self.process.stdin.write(f"{mode} {size} {count} {message} {timestamp} {signature}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"this has ended: {' '.join(map(str, self.command))}")
        return int(answer) / count

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def start(arguments):
    """The processes of the languages that are to be had; PIVOTAL_REQUIRE_ALL makes one that is not a failure."""
    libraries = {None: Library([arguments.programs / "pivotal_benchmark_driver", SECRET, arguments.bodies])}
    for language in PINS:
        folder = arguments.peers / language
        built = subprocess.run([PEER, "build", language, folder]).returncode
        if built == 0:
            libraries[language] = Library([PEER, "time", language, folder, SECRET, arguments.bodies.resolve()])
        elif built != 77:  # which says why it is skipped
            sys.exit(f"the official library of {language} was not built")
    return libraries


def measure(libraries, arguments):
    """The times of every measurement: {(mode's row, size): [nanoseconds of each round]}."""
    bodies = {size: (arguments.bodies / f"{size}.json").read_bytes() for size in SIZES}
    cells = {}
    for row in MEASUREMENTS:
        for size in SIZES:
            if row[1] in libraries:
                cells[row, size] = []
    counts = {}
    for row, size in cells:
        # Until it is warm: what compiles at run time needs seconds.
        end, count = time.monotonic() + arguments.warm_up / 1000, 1
        while True:
            each = libraries[row[1]].time(row[2], size, bodies[size], count)
            count = max(1, min(2 * count, round(arguments.batch * 1e6 / each)))
            if time.monotonic() >= end:
                break
        counts[row, size] = count
    order, draw = list(cells), random.Random(1)
    for _ in range(arguments.rounds):
        draw.shuffle(order)
        for row, size in order:
            cells[row, size].append(libraries[row[1]].time(row[2], size, bodies[size], counts[row, size]))
    return cells


def instructions(arguments):
    """What callgrind counts, {(mode, size): instructions}; nothing where there is no valgrind."""
    if not shutil.which("valgrind"):
        if os.environ.get("PIVOTAL_REQUIRE_ALL"):
            sys.exit("valgrind is missing: apt-get install valgrind")
        print("no instruction counts without valgrind: apt-get install valgrind")
        return {}
    counts = {}
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={folder}/out",
                        arguments.programs / "pivotal_instructions", arguments.bodies],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for file in pathlib.Path(folder).iterdir():
            text = file.read_text()
            name = re.search(r"^desc: Trigger: Client Request: ([\w-]+)/(\d+)$", text, re.MULTILINE)
            if name:
                total = re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
                counts[name[1], int(name[2])] = int(total[1])
    return counts


def first_line(command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0]


def machine():
    """The machine as a reader of the figures has to know it."""
    info = pathlib.Path("/proc/cpuinfo")
    cpuinfo = info.read_text() if info.exists() else ""
    name = re.search(r"^model name\s*: (.*)$", cpuinfo, re.MULTILINE)
    try:
        system = platform.freedesktop_os_release()["PRETTY_NAME"]
    except OSError:
        system = platform.system()
    return {
        "processor": name[1] if name else platform.processor(),
        "cores": os.cpu_count(),
        "sha_extensions": bool(re.search(r"\bsha_ni\b|\bsha2\b", cpuinfo)),
        "virtual": bool(re.search(r"\bhypervisor\b", cpuinfo)),
        "load": round(os.getloadavg()[0], 1),
        "system": system,
    }


def versions(libraries, arguments):
    found = {"c++": first_line([arguments.programs / "pivotal_benchmark_driver", "--versions"])}
    for language, (packages, file, pin, command) in PINS.items():
        if language not in libraries:
            continue
        text = (CONFORMANCE / file).read_text() if file else "\n".join(os.listdir(arguments.peers / language / "lib"))
        parts = []
        for package in packages:
            pinned = re.findall(pin.format(re.escape(package)), text, re.MULTILINE)
            if len(pinned) != 1:
                sys.exit(f"the version of {package} ({language}) is not to be had: {pinned}")
            use = USED_FOR.get((language, package))
            parts.append(f"{package} {pinned[0]}" + (f" ({use})" if use else ""))
        found[language] = ", ".join([*parts, first_line(command)])
    return found


def fastest_of_library(files):
    """The fastest rounds of what Google Benchmark measured, of all processes: {name: {size: nanoseconds}}."""
    fastest = {}
    for run in (run for file in files for run in json.loads(file.read_text())["benchmarks"]):
        if run.get("aggregate_name") == "min":
            name, size, *threads = run["run_name"].split("/")
            if threads:
                name += " " + threads[-1].split(":")[1]
            times = fastest.setdefault(name, {})
            times[size] = min(round(run["real_time"], 1), times.get(size, float("inf")))
    return {name: dict(sorted(times.items(), key=lambda item: int(item[0]))) for name, times in sorted(fastest.items())}


def summary(times, to_floor, count):
    low, median, high = statistics.quantiles(times, n=4)
    found = {"fastest": round(min(times)), "median": round(median), "quartiles": [round(low), round(high)],
             "fastest_to_floor": round(min(times) / min(to_floor), 2),
             "median_to_floor": round(median / statistics.median(to_floor), 2)}
    if count:
        found["instructions"] = count
    return found


def show(results):
    """The table; the ratios to the floor are those of the medians, and of the fastest rounds."""
    for size in SIZES:
        print(f"\n{size} B: nanoseconds".ljust(48) + "     fastest      median   quartiles              "
              "ratio to floor: fastest  median   instructions")
        for result in results:
            if result["body"] == size:
                quartiles = "{} to {}".format(*result["quartiles"])
                count = result.get("instructions", "")
                print(f"{result['name']:<47}{result['fastest']:>12}{result['median']:>12}   {quartiles:<22}"
                      f"{result['fastest_to_floor']:>24.2f}{result['median_to_floor']:>8.2f}{count:>15}")
    if any("instructions" in result for result in results):
        print(f"\nInstructions are counted by {COUNTED_BY}.")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batch", type=float, default=1)
    parser.add_argument("--warm-up", type=float, default=50)
    parser.add_argument("--library", type=pathlib.Path, nargs="+")
    parser.add_argument("--compile-time", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--command", default=" ".join(sys.argv))
    for name in "programs", "bodies", "peers":
        parser.add_argument(name, type=pathlib.Path)
    arguments = parser.parse_args()

    counts = instructions(arguments)
    libraries = start(arguments)
    described = machine()
    cells = measure(libraries, arguments)
    results = []
    for (row, size), times in cells.items():
        name, language, mode = row
        count = counts.get((mode, size)) if language is None else None
        results.append({"name": name, "language": language or "c++", "mode": mode, "body": size,
                        **summary(times, cells[MEASUREMENTS[0], size], count)})
    show(results)
    if arguments.out:
        written = {
            "command": arguments.command,
            "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
            "commit": first_line(["git", "-C", CONFORMANCE, "describe", "--always", "--dirty"]),
            "machine": described,
            "versions": versions(libraries, arguments),
            "rounds": arguments.rounds,
            "unit": "nanoseconds for one delivery",
            "peers": results,
        }
        if counts:
            written["instructions counted by"] = COUNTED_BY
        if arguments.library:
            written["processes"] = len(arguments.library)
            written["library, fastest rounds"] = fastest_of_library(arguments.library)
        if arguments.compile_time:
            written["compile time"] = json.loads(arguments.compile_time.read_text())
        arguments.out.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")
    for library in libraries.values():
        library.close()


main()
