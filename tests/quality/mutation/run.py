#!/usr/bin/env python3
"""Changes the headers, one operator, bound, constant or statement at a time, and sees whether the tests notice.

  tests/quality/mutation/run.py               a random tenth of the mutants
  tests/quality/mutation/run.py --seed N      the same tenth again
  tests/quality/mutation/run.py --all         every mutant
  tests/quality/mutation/run.py --only NAME   every mutant of the headers whose name has NAME in it
  tests/quality/mutation/run.py --prune       takes out of survivors.txt what is no mutant any more, and says what

The headers are those of the core, which every user includes, and idempotency, inbox, receiver, resources and router
with what they are built on. Left out are
  the stores   their tests start servers, and take minutes
  diagnose     it explains and accepts nothing, and its 2000 mutants are more than all others together

It fails where a mutant survives that survivors.txt does not explain, where survivors.txt explains what is no mutant or
is killed, and (with --all) where fewer than 95 % are killed. A tenth only names those of the headers that are not
strict, and fails where fewer than 90 % are killed. Strict are the headers that decide whether a delivery is authentic:
every mutant of them that is tried must be killed, or be explained to change nothing, a tenth or not, and one of them
that is not mutated at all is an error too. What it needs besides the library: g++, ninja, Catch2.
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

ROOT = Path(__file__).resolve().parents[3]
HERE, BUILD, INCLUDE = ROOT / "tests/quality/mutation", ROOT / "build/mutation", ROOT / "include/pivotal"
UNIT = ROOT / "tests/unit"
COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++17", "-O0", "-w", "-pthread", "-fmax-errors=0"]

def names(folder, pattern):
    return sorted(str(p.relative_to(folder).with_suffix("")) for p in folder.glob(pattern))


CORE = ["body", "error", "event", "headers", "secrets", "webhook", *names(INCLUDE, "detail/core/*.hpp")]
# Where none may survive but those that change nothing at all: what decides whether a delivery is authentic.
STRICT = ["headers", *(f"detail/core/{n}" for n in ("base64", "ed25519", "header_lookup", "hmac_sha256", "openssl",
                                                    "signature_header", "text", "timestamp", "verifier"))]
OPTIONAL = [*names(INCLUDE, "detail/receiver/*.hpp"), "inbox", "inbox_worker", "observation", "receiver", "resources", "router", "stores/memory"]
# The tests of the optional headers; all others are of the core.
OPTIONAL_TESTS = {*names(UNIT, "detail/receiver/*.cpp"), "inbox_worker", "receiver", "resources", "router", "stores/memory"}
UNUSED_TESTS = {*names(UNIT, "detail/stores/**/*.cpp"), "diagnose", "main", "version"}
# For mutants of constants, which need a build each: the tests to try, in this order.
CLOSEST = {"detail/core/ed25519": ["webhook", "webhook_secrets"],
           "detail/core/header_lookup": ["detail/core/header_lookup", "headers"], "detail/core/json_object": ["event"],
           "detail/core/numeric_locale": ["event"], "detail/core/openssl": ["detail/core/openssl", "webhook"],
           "detail/core/refusal": ["error"], "detail/core/secret": ["webhook_secrets"],
           "detail/core/text": ["detail/core/text", "headers", "contract"],
           "detail/core/verifier": ["detail/core/verifier", "webhook"], "webhook": ["webhook", "webhook_sign"],
           "detail/receiver/store_time": ["detail/receiver/store_time", "stores/memory"],
           "detail/receiver/observe": ["receiver"],
           "detail/receiver/wakeups": ["detail/receiver/wakeups", "inbox_worker"],
           "inbox": ["inbox_worker"], "observation": ["receiver"]}
# What stands behind #if is compiled only with these.
ALONE_FLAGS = {"body": ["-std=c++20"], "detail/core/json_object": ["-DJSON_DIAGNOSTICS=1"], "detail/core/openssl": ["-DPIVOTAL_DETAIL_NO_FETCH"]}


def closest_tests(stem):
    """Where there is none the mutants survive, for no compiler is asked."""
    tests = [UNIT / f"{test}.cpp" for test in CLOSEST.get(stem, [stem])]
    return [test for test in tests if test.exists()]


class Program:
    """An executable of the tests."""

    def __init__(self, name, sources, flags=(), libraries=()):
        self.name, self.sources, self.flags, self.libraries = name, sources, list(flags), list(libraries)
        self.path = BUILD / name
        self.cases = {}      # name: (seconds, numbers of the mutants that it reaches)
        self.always = set()  # what its static objects reach


def programs(of_core, of_optional):
    unit = [UNIT / f"{n}.cpp" for n in names(UNIT, "**/*.cpp") if n not in UNUSED_TESTS and
            (of_optional if n in OPTIONAL_TESTS else of_core)]
    if not of_core:
        return [Program("unit", unit)]
    injection = ROOT / "tests/hostile/failure_injection"
    return [Program("unit", unit),
            Program("failures", [injection / "failure_injection.cpp", injection / "memory.cpp"],
                    [f"-I{injection / 'shadow'}", f"-I{injection}", f'-DPIVOTAL_TEST_INCLUDE="{ROOT / "include"}"',
                     f'-DPIVOTAL_TEST_SHADOW="{injection / "shadow/pivotal/detail/core/openssl.hpp"}"'],
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
            objects.append(f"{program.name}-{'-'.join(source.with_suffix('').parts[-3:])}.o")
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


def run_twice(command, seconds, mutant=0):
    """The same. What does not end in time is given thrice as long, so that a busy machine makes no hang."""
    result = run(command, seconds, mutant)
    return run(command, 3 * seconds, mutant) if result == 2 else result


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
            result = run_twice([program.path, "--abort", "--input-file", str(names)],
                               10 + 10 * sum(s for s, _ in batch), mutant.number)
            if result:
                mutant.state, mutant.by = "killed", "hang" if result == 2 else program.name
                mutant.seconds = time.monotonic() - start
                return
    mutant.seconds = time.monotonic() - start


def try_alone(mutant, header, worker):
    """For what is decided as the program is compiled: builds the closest tests with this one mutant."""
    start = time.monotonic()
    place = BUILD / f"alone-{worker}"
    target = place / "include/pivotal" / header.name
    target.write_text(header.applied(mutant))
    stem = header.name[:-4]
    mutant.state = "survived"
    try:
        for source in closest_tests(stem):
            program, log = place / "test", place / "log"
            program.unlink(missing_ok=True)
            with open(log, "w", encoding="utf-8") as output:
                built = subprocess.run(
                    [COMPILER, *FLAGS, *ALONE_FLAGS.get(stem, ()), "-include", str(BUILD / "common.hpp"), f"-I{place / 'include'}",
                     f"-I{ROOT / 'tests/unit'}", str(source), str(BUILD / "main.o"), "-lcrypto", "-o", str(program)],
                    cwd=BUILD, stdout=output, stderr=output)
            if built.returncode:
                # By the compiler, or by what a test asks of it.
                asked = re.search(r"/tests/unit/\S+ error: static assertion failed", log.read_text(errors="replace"))
                mutant.state, mutant.by = ("killed", f"{source.stem}, compiled for it") if asked else ("refused", "")
                return
            result = run_twice([program, "--abort"], 60)
            if result:
                mutant.state, mutant.by = "killed", "hang" if result == 2 else f"{source.stem}, built for it"
                return
    finally:
        target.write_text(header.source)
        mutant.seconds = time.monotonic() - start


# ---- Survivors ----

def read_survivors():
    """What survivors.txt begins with, and its entries: a line of code, its mutants, and the reason that they share."""
    head, *texts = (HERE / "survivors.txt").read_text(encoding="utf-8").rstrip("\n").split("\n\n")
    entries, seen = [], set()
    for text in texts:
        parts = re.fullmatch(r"(\S.*\n)((?: {4}\S.*\n)+)((?: {8}\S.*\n)+)", text + "\n")
        if not parts:
            sys.exit(f"error: survivors.txt: not a line of code, its mutants and their reason:\n{text}")
        keys = [parts[1] + mutant for mutant in parts[2].splitlines()]
        if twice := seen.intersection(keys):
            sys.exit(f"error: survivors.txt: twice: {twice.pop()}")
        seen.update(keys)
        entries.append((keys, parts[3]))
    return head, entries


def write_survivors(head, entries):
    texts = [head + "\n"]
    for keys, reason in entries:
        mutants = "".join(key.split("\n")[1] + "\n" for key in keys)
        texts.append(keys[0].split("\n")[0] + "\n" + mutants + reason)
    (HERE / "survivors.txt").write_text("\n".join(texts), encoding="utf-8")


def report(mutants, explained, whole, least):
    def row(name, some):
        killed = sum(m.state == "killed" for m in some)
        survived = [m for m in some if m.state == "survived"]
        equivalent = sum(m.key in explained for m in survived)
        counted = killed + len(survived)
        share = f"{100 * killed / counted:5.1f} %" if counted else "      -"
        print(f"  {name:<28}{counted:>8}{killed:>8}{share:>9}{equivalent:>12}{len(survived) - equivalent:>8}"
              f"{sum(m.state == 'refused' for m in some):>10}")
        return killed, counted

    print(f"\n  {'header':<28}{'mutants':>8}{'killed':>8}{'share':>9}{'equivalent':>12}{'alive':>8}{'refused':>10}")
    for name in sorted({m.header for m in mutants}):
        row(name, [m for m in mutants if m.header == name])
    strict = [m for m in mutants if m.header[:-4] in STRICT]
    row("the strict ones", strict)
    row("the core", [m for m in mutants if m.header[:-4] in CORE])
    row("the optional ones", [m for m in mutants if m.header[:-4] in OPTIONAL])
    killed, counted = row("all", mutants)
    print("\n  killed:     a test fails, crashes or hangs\n"
          "  equivalent: not killed, and survivors.txt says why no test can\n"
          "  alive:      not killed, for no reason; there must be none in the strict ones, and with --all none at all\n"
          "  refused:    the compiler notices; not counted")
    for m in mutants:
        if m.by == "hang":
            print(f"\nhangs: include/pivotal/{m.header}:{m.line}\n{m.key}")
    failed = False
    for m in mutants:
        if m.state == "survived" and m.key not in explained:
            failed = failed or whole or m in strict
            print(f"\nalive: include/pivotal/{m.header}:{m.line}\n{m.key}")
        elif m.state != "survived" and m.key in explained:
            failed = failed or whole or m in strict
            print(f"\nin survivors.txt, but {m.state} ({m.by}): include/pivotal/{m.header}:{m.line}\n{m.key}")
    if alive := sum(m.state not in ("killed", "refused") and m.key not in explained for m in strict):
        failed = True
        print(f"\nerror: {alive} of the strict headers' mutants are not killed, and no reason says that none can")
    if counted and killed < least * counted:
        failed = True
        print(f"\nerror: less than {100 * least:.0f} % are killed")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="every mutant, not a tenth")
    parser.add_argument("--again", action="store_true", help="as --all, but believes the last run what it saw killed, hangs apart")
    parser.add_argument("--only", metavar="NAME", nargs="+", help="only headers whose name has NAME in it, every mutant")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 31), help="chooses the tenth")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--prune", action="store_true", help="takes out of survivors.txt what is no mutant, and ends")
    parser.add_argument("--list", action="store_true", help="lists the mutants and does nothing")
    options = parser.parse_args()

    if absent := set(STRICT) - set(CORE):
        sys.exit(f"error: of the strict headers these are not mutated: {', '.join(sorted(absent))}")
    headers = [Header(f"{n}.hpp", (INCLUDE / f"{n}.hpp").read_text(encoding="utf-8")) for n in CORE + OPTIONAL]
    (head, entries), known = read_survivors(), {m.key for h in headers for m in h.mutants}
    explained = {key for keys, _ in entries for key in keys}
    if stale := explained - known:
        print("survivors.txt has what is no mutant (any more):\n" + "\n".join(sorted(stale)))
    if options.prune:
        entries = [([key for key in keys if key in known], reason) for keys, reason in entries]
        return write_survivors(head, [entry for entry in entries if entry[0]])
    if stale:
        sys.exit("error: run.py --prune takes it out")
    if options.only:
        headers = [h for h in headers if any(name in h.name for name in options.only)]
    mutants = [m for h in headers for m in h.mutants]
    total = len(mutants)
    options.all = options.all or options.again
    if not options.all and not options.only:
        print(f"a random tenth; again with --seed {options.seed}")
        mutants = random.Random(options.seed).sample(mutants, -(-total // 10))
    if not mutants:
        sys.exit("error: no header of that name has a mutant")
    for number, m in enumerate(mutants, 1):
        m.number = number
    if options.list:
        for m in mutants:
            print(m.key)
        return

    start = time.monotonic()
    BUILD.mkdir(parents=True, exist_ok=True)
    everything = mutants
    if options.again:
        believe_last_run(mutants)
        mutants = [m for m in mutants if m.state == ""]
        print(f"  {len(everything) - len(mutants)} were killed the last time", flush=True)
    suite = programs(*(any(m.header[:-4] in some for m in mutants) for some in (CORE, OPTIONAL)))
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
    with ThreadPoolExecutor(2 * options.jobs) as pool:  # most that hang only wait
        for done, _ in enumerate(pool.map(lambda m: try_mutant(m, suite, directory), woven), 1):
            if done % 100 == 0:
                save(everything)
    print(f"  {len(alone)} need a build each ({time.monotonic() - start:.0f} s)", flush=True)
    by_name = {h.name: h for h in headers}
    for worker in range(options.jobs):
        place = BUILD / f"alone-{worker}"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(ROOT / "include", place / "include")
    with ThreadPoolExecutor(options.jobs) as pool:
        list(pool.map(lambda w: [try_alone(m, by_name[m.header], w) for m in alone[w::options.jobs]],
                      range(options.jobs)))
    save(everything)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"  done ({time.monotonic() - start:.0f} s; {used.ru_utime + used.ru_stime:.0f} s of processors' time)")
    whole = options.all or options.only
    sys.exit(report(everything, explained, whole, 0 if options.only else 0.95 if options.all else 0.9))


def save(mutants):
    (BUILD / "results.json").write_text(json.dumps(
        [dict(key=m.key, state=m.state, by=m.by, seconds=round(m.seconds, 2)) for m in mutants], indent=1))


def believe_last_run(mutants):
    last = {r["key"]: r for r in json.loads((BUILD / "results.json").read_text())}
    for m in mutants:
        if last.get(m.key, {}).get("state") == "killed" and last[m.key]["by"] != "hang":
            m.state, m.by, m.seconds = "killed", last[m.key]["by"], last[m.key]["seconds"]


if __name__ == "__main__":
    main()
