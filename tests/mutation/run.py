#!/usr/bin/env python3
"""Changes the headers, one operator, bound, constant or statement at a time, and sees whether the tests notice.

  tests/mutation/run.py               a random tenth of the mutants
  tests/mutation/run.py --all         every mutant
  tests/mutation/run.py --only NAME   those of headers whose name has NAME in it

It fails where a mutant survives that survivors.txt does not explain. That list is still to be made, so this is no step
of tests/run.sh --all yet.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from mutants import Header, place_of  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
HERE, BUILD, INCLUDE = ROOT / "tests/mutation", ROOT / "build/mutation", ROOT / "include/pivotal"
COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++17", "-O0", "-w", "-pthread", "-fmax-errors=0"]

CORE = ["body", "error", "event", "headers", "webhook", "detail/base64", "detail/ed25519", "detail/header_lookup",
        "detail/hmac_sha256", "detail/immortal", "detail/json_object", "detail/openssl", "detail/refusal",
        "detail/secret", "detail/signature_header", "detail/surrogates", "detail/text", "detail/timestamp",
        "detail/verifier"]
# Where none may survive but those that change nothing at all: what decides whether a delivery is authentic.
STRICT = ["detail/base64", "detail/header_lookup", "detail/hmac_sha256", "detail/openssl", "detail/signature_header",
          "detail/timestamp", "detail/verifier"]
OPTIONAL = ["detail/claim_record", "detail/incidents", "detail/random_token", "idempotency", "receiver", "resources",
            "router"]
# The tests of the optional headers; all others are of the core.
OPTIONAL_TESTS = {"diagnose", "idempotency", "inbox", "receiver", "resources", "router"}
UNUSED_TESTS = {"diagnose", "inbox", "main", "version"}
# For mutants of constants, which need a build each: the tests to try, in this order.
CLOSEST = {"detail/ed25519": ["webhook"], "detail/header_lookup": ["headers"], "detail/json_object": ["event"],
           "detail/secret": ["webhook_secrets"], "detail/verifier": ["detail_verifier", "webhook"],
           "detail/refusal": ["error"], "webhook": ["webhook", "webhook_sign"],
           "detail/claim_record": ["idempotency"], "detail/random_token": ["receiver"]}


class Program:
    """An executable of the tests."""

    def __init__(self, name, sources, flags=(), libraries=()):
        self.name, self.sources, self.flags, self.libraries = name, sources, list(flags), list(libraries)
        self.path = BUILD / name
        self.cases = {}      # name: (seconds, numbers of the mutants that it reaches)
        self.always = set()  # what its static objects reach


def programs(with_optional):
    unit = [s for s in sorted((ROOT / "tests/unit").glob("*.cpp")) if s.stem not in UNUSED_TESTS and
            (with_optional or s.stem not in OPTIONAL_TESTS)]
    injection = ROOT / "tests/failure_injection"
    return [Program("unit", unit),
            Program("failures", [injection / "failure_injection.cpp", injection / "memory.cpp"],
                    [f"-I{injection / 'shadow'}", f"-I{injection}", f'-DPIVOTAL_TEST_INCLUDE="{ROOT / "include"}"'],
                    ["-rdynamic", "-ldl"])]


# ---- Building ----

def write_ninja(suite):
    (BUILD / "common.hpp").write_text(f'#include "{HERE / "switch.hpp"}"\n#include <nlohmann/json.hpp>\n'
                                      "#include <catch2/catch.hpp>\n")
    cache = os.environ.get("CMAKE_CXX_COMPILER_LAUNCHER", "")
    lines = [f"flags = {' '.join(FLAGS)} -I{ROOT / 'tests/unit'}",
             f"rule cxx\n command = {cache} {COMPILER} -MMD -MF $out.d $flags $more -c $in -o $out\n depfile = $out.d",
             f"rule link\n command = {COMPILER} -pthread $in -lcrypto $libraries -o $out",
             f"build main.o: cxx {HERE / 'main.cpp'}",
             "build common.hpp.gch: cxx common.hpp\n more = -x c++-header"]
    for program in suite:
        objects = []
        for source in program.sources:
            objects.append(f"{program.name}-{source.stem}.o")
            flags = " ".join(program.flags).replace('"', '\\"').replace("$", "$$")
            lines.append(f"build {objects[-1]}: cxx {source} | common.hpp.gch\n"
                         f" more = -include common.hpp {flags} -I{BUILD / 'woven'}")
        lines.append(f"build {program.name}: link {' '.join(objects)} main.o\n libraries = {' '.join(program.libraries)}")
    (BUILD / "build.ninja").write_text("\n".join(lines) + "\n")


def weave(headers, mutants):
    """Writes the woven headers, and returns where each mutant stands in them."""
    places = {}
    for header in headers:
        chosen = [m for m in mutants if m.header == header.name and m.state == ""]
        text, places[header.name], left_out = header.woven(chosen)
        for m in left_out:
            m.state = "alone"
        path = BUILD / "woven/pivotal" / header.name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    return places


def build(suite, headers, mutants, jobs):
    """Builds the programs. A mutant that does not compile in its place is left out."""
    shutil.rmtree(BUILD / "woven", ignore_errors=True)
    shutil.copytree(ROOT / "include", BUILD / "woven")
    write_ninja(suite)
    # Most of what does not compile shows before anything is built.
    (BUILD / "check.cpp").write_text("".join(f"#include <pivotal/{h.name}>\n" for h in headers))
    steps = [[COMPILER, *FLAGS, "-fsyntax-only", "-include", str(HERE / "switch.hpp"), f"-I{BUILD / 'woven'}",
              str(BUILD / "check.cpp")], ["ninja", "-C", str(BUILD), "-j", str(jobs), "-k", "0"]]
    for _ in range(9):
        places = weave(headers, mutants)
        done = subprocess.run(steps[0], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            steps.pop(0)
            if not steps:
                return
            continue
        wrong = set()
        for level in (r": error:", r": +required from", r": note:"):
            for name, line, column in re.findall(r"woven/pivotal/(\S+?):(\d+):(\d+)" + level, done.stdout):
                for m in place_of(places[name], int(line), int(column)) if name in places else ():
                    wrong.add(m.number)
                    m.state = "alone"
            if wrong:
                break
        if not wrong:
            sys.exit(done.stdout[-6000:] + "\nerror: the woven headers do not compile")
        print(f"  {len(wrong)} mutants do not compile in their place", flush=True)
    sys.exit("error: the woven headers do not compile")


# ---- Running ----

def limit():
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(command, seconds, mutant=0, record=None):
    """0 where all tests pass, 1 where one fails, 2 where they do not end."""
    environment = dict(os.environ, MUTANT=str(mutant))
    if record:
        environment["MUTATION_RECORD"] = str(record)
    child = subprocess.Popen(command, cwd=BUILD, env=environment, preexec_fn=limit, stdin=subprocess.DEVNULL,
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return 1 if child.wait(timeout=seconds) else 0
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, 9)
        child.wait()
        return 2


def record(suite):
    for program in suite:
        path = BUILD / f"{program.name}.record"
        if run([program.path], 900, 0, path):
            sys.exit(f"error: without a mutant {program.name} fails")
        for line in path.read_text().splitlines():
            name, seconds, numbers = line.split("\t")
            reached = {int(n) for n in numbers.split()}
            if name:
                program.cases[name] = (float(seconds), reached)
            else:
                program.always = reached


def try_mutant(mutant, suite, directory):
    """Runs the tests that reach a mutant, the quick ones first."""
    start = time.monotonic()
    mutant.state = "survived"
    for program in suite:
        everywhere = mutant.number in program.always
        cases = sorted((seconds, name) for name, (seconds, reached) in program.cases.items()
                       if everywhere or mutant.number in reached)
        # Batches of growing length; a later one is begun only if the earlier one noticed nothing.
        for low, high in ((0, 0.02), (0.02, 0.5), (0.5, 1e9)):
            batch = [(s, n) for s, n in cases if low <= s < high]
            if not batch:
                continue
            names = directory / f"{mutant.number}.txt"
            names.write_text("".join('"' + n.replace(",", "\\,") + '"\n' for _, n in batch))
            result = run([program.path, "--abort", "--input-file", str(names)], 10 + 10 * sum(s for s, _ in batch),
                         mutant.number)
            if result:
                mutant.state, mutant.by = "killed", "hang" if result == 2 else program.name
                mutant.seconds = time.monotonic() - start
                return
    mutant.seconds = time.monotonic() - start


def try_alone(mutant, header, worker):
    """For what is decided as the program is compiled: builds the closest tests with this one mutant."""
    start = time.monotonic()
    place = BUILD / f"alone-{worker}"
    if not place.exists():
        shutil.copytree(ROOT / "include", place / "include")
    target = place / "include/pivotal" / header.name
    target.write_text(header.applied(mutant))
    stem = header.name[:-4]
    tests = CLOSEST.get(stem, [stem.replace("/", "_")])
    if "contract" not in tests:
        tests = tests + ["contract"]
    mutant.state = "survived"
    try:
        for test in tests:
            source = ROOT / f"tests/unit/{test}.cpp"
            if not source.exists():
                continue
            program, log = place / "test", place / "log"
            program.unlink(missing_ok=True)
            with open(log, "w", encoding="utf-8") as output:
                built = subprocess.run(
                    [COMPILER, *FLAGS, "-include", str(BUILD / "common.hpp"), f"-I{place / 'include'}",
                     f"-I{ROOT / 'tests/unit'}", str(source), str(BUILD / "main.o"), "-lcrypto", "-o", str(program)],
                    cwd=BUILD, stdout=output, stderr=output)
            if built.returncode:
                mutant.state = "refused"  # by the compiler
                return
            result = run([program, "--abort"], 120)
            if result:
                mutant.state, mutant.by = "killed", "hang" if result == 2 else f"{test}, built for it"
                return
    finally:
        target.write_text(header.source)
        mutant.seconds = time.monotonic() - start


# ---- Survivors ----

def read_survivors():
    """Of survivors.txt: the reason of each, by its key."""
    reasons, key = {}, None
    for line in (HERE / "survivors.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if not line.strip():
            key = None
        elif line.startswith("        "):
            if key is None:
                sys.exit(f"error: survivors.txt: a reason without a mutant: {line}")
            reasons[key] = (reasons.get(key, "") + " " + line.strip()).strip()
        elif line.startswith("    "):
            key = f"{first}\n{line.rstrip()}"
        else:
            first, key = line.rstrip(), None
    return reasons


def report(mutants, reasons):
    def row(name, some):
        killed = [m for m in some if m.state == "killed"]
        survived = [m for m in some if m.state == "survived"]
        explained = [m for m in survived if m.key in reasons]
        counted = len(killed) + len(survived)
        share = f"{100 * len(killed) / counted:5.1f} %" if counted else "      -"
        print(f"  {name:<28}{counted:>8}{len(killed):>8}{share:>9}{len(explained):>12}{len(survived) - len(explained):>8}"
              f"{sum(m.state == 'refused' for m in some):>10}")
        return len(killed), counted

    print(f"\n  {'header':<28}{'mutants':>8}{'killed':>8}{'share':>9}{'equivalent':>12}{'alive':>8}{'refused':>10}")
    for name in sorted({m.header for m in mutants}):
        row(name, [m for m in mutants if m.header == name])
    row("those that must be perfect", [m for m in mutants if m.header[:-4] in STRICT])
    killed, counted = row("all", mutants)
    print("  refused: by the compiler, and not counted")
    hangs = sum(m.by == "hang" for m in mutants)
    if hangs:
        print(f"  {hangs} of the killed did not end in ten times the usual time")
    alive = [m for m in mutants if m.state == "survived" and m.key not in reasons]
    for m in alive:
        print(f"\nalive: include/pivotal/{m.header}:{m.line}\n{m.key}")
    failed = bool(alive)
    if counted and killed < 0.95 * counted:
        print(f"\nerror: less than 95 % are killed")
        failed = True
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant, not a tenth")
    parser.add_argument("--core", action="store_true", help="without the optional headers")
    parser.add_argument("--only", metavar="NAME", help="only headers whose name has NAME in it, every mutant")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31), help="chooses the tenth")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true", help="lists the mutants and does nothing")
    options = parser.parse_args()

    names = CORE + ([] if options.core else OPTIONAL)
    if options.only:
        names = [n for n in CORE + OPTIONAL if options.only in n]
    headers = [Header(f"{n}.hpp", (INCLUDE / f"{n}.hpp").read_text(encoding="utf-8")) for n in names]
    mutants = [m for h in headers for m in h.mutants]
    total = len(mutants)
    if not options.all and not options.only:
        print(f"a random tenth; again with --seed {options.seed}")
        mutants = random.Random(options.seed).sample(mutants, -(-total // 10))
    for number, m in enumerate(mutants, 1):
        m.number = number
    if options.list:
        for m in mutants:
            print(m.key)
        return
    reasons = read_survivors()
    known = {m.key for h in headers for m in h.mutants}
    if not options.only and not options.core and (stale := [k for k in reasons if k not in known]):
        sys.exit("error: survivors.txt has what is no mutant (any more):\n" + "\n".join(stale))

    start = time.monotonic()
    BUILD.mkdir(parents=True, exist_ok=True)
    with_optional = any(h.name[:-4] in OPTIONAL for h in headers)
    suite = programs(with_optional)
    build(suite, headers, mutants, options.jobs)
    print(f"  {len(mutants)} of {total} mutants are built in ({time.monotonic() - start:.0f} s)", flush=True)
    record(suite)
    reached = set().union(*(p.always for p in suite), *(r for p in suite for _, r in p.cases.values()))
    for m in mutants:
        if m.state == "" and m.number not in reached:
            m.state = "alone"
    woven, alone = [m for m in mutants if m.state == ""], [m for m in mutants if m.state == "alone"]
    print(f"  {len(woven)} are reached as the tests run ({time.monotonic() - start:.0f} s)", flush=True)
    directory = BUILD / "names"
    directory.mkdir(exist_ok=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda m: try_mutant(m, suite, directory), woven))
    save(mutants)
    print(f"  {len(alone)} need a build each ({time.monotonic() - start:.0f} s)", flush=True)
    by_name = {h.name: h for h in headers}
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda w: [try_alone(m, by_name[m.header], w) for m in alone[w::options.jobs]],
                      range(options.jobs)))
    save(mutants)
    print(f"  done ({time.monotonic() - start:.0f} s)")
    sys.exit(report(mutants, reasons))


def save(mutants):
    (BUILD / "results.json").write_text(json.dumps(
        [dict(key=m.key, line=m.line, state=m.state, by=m.by, seconds=round(m.seconds, 2)) for m in mutants], indent=1))


if __name__ == "__main__":
    main()
