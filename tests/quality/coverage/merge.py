#!/usr/bin/env python3
"""merge.py BUILD HEADERS OUT SHAPES: what gcov counted below BUILD of the headers below HEADERS, as tracefiles of gcovr.

gcovr 5 reads gcov's text, which does not say of code that a translation unit does not run which of its branches are
those of exceptions: so each header that is included twice seems half tested. gcov's JSON leaves such branches out.

What is counted, and what is not:
- A branch is one that the source has: if, ?:, &&, ||, a loop, a case. The compiler's own branches to the clean-up
  behind a call that may throw are left out, as by gcovr --exclude-throw-branches; what runs in a catch counts as lines.
- The instantiations of a template are counted as one, as are the copies of an inline function: a branch counts as taken
  where any of them takes it.
- Where a line has not the same branches in all of them (`if constexpr`, a macro of a test's), nothing says which is
  which. Those of one shape are added up. In OUT the shape that is tested best stands for the line: the other ones are
  those of the tests that make OpenSSL's calls fail by macros, of other optimisation levels, and of types. In SHAPES each
  shape counts by itself, so that its branches are a bound from below.
- BUILD/every_header.gcno is of a translation unit that has every function which is no template, and is never run: so a
  function or a header that no test uses counts as not tested, and is not missing.
"""

import json
import re
import subprocess
import sys
from bisect import bisect
from collections import Counter
from pathlib import Path


def branches_of(line):
    """The counts of the branches that the source has; the way to a handler of exceptions comes behind the way past it."""
    branches = []
    for branch in line["branches"]:
        if not branch["throw"]:
            branches.append(branch)
        elif not branches or not branches.pop()["fallthrough"]:
            sys.exit(f"error: gcov lists branches in an order that this does not know: {line}")
    return [branch["count"] for branch in branches]


def merge(merged, report, headers):
    for file in report["files"]:
        path = Path(report["current_working_directory"], file["file"]).resolve()
        if headers not in path.parents:
            continue
        lines = merged.setdefault(path, {})
        functions = Counter(f["start_line"] for f in file["functions"])
        starts = sorted(functions)
        for line in file["lines"]:
            if any(name in line.get("function_name", "") for name in RUN_BY_THE_COMPILER) and not line["count"]:
                continue
            counted = lines.setdefault(line["line_number"], {"count": 0, "shapes": {}})
            counted["count"] += line["count"]
            branches = branches_of(line)
            # Those of all instantiations of a lambda come in a row.
            around = bisect(starts, line["line_number"])
            several = functions[starts[around - 1]] if around and not line.get("function_name") else 1
            size = len(branches) // several if len(branches) % several == 0 else len(branches)
            shape = counted["shapes"].setdefault(size, [0] * size)
            for i, count in enumerate(branches):
                shape[i % size] += count


def best(shapes):
    """The counts of the shape of which the most is taken; of the larger one where there are two."""
    return max(shapes.values(), key=lambda counts: (sum(map(bool, counts)) / len(counts) if counts else 0, len(counts)))


# Functions of which nothing is left when the program runs; by a part of their names in the object file.
RUN_BY_THE_COMPILER = ("12Base64Values", "14is_parsed_body", "17is_range_of_texts", "19check_header_source",
                       "26is_text_or_pointer_to_text")

# Where a compiler puts what nobody wrote: the ends of scopes, and functions that it makes itself.
NO_CODE = re.compile(r"\s*(\}|\{|\};|(template <.*> )?class \w.*|using .*;)\s*")


def tracefile(merged, headers, branches):
    """The lines, each with the counts of its branches that `branches` chooses of its shapes."""
    files = []
    for path, lines in sorted(merged.items()):
        source = path.read_text(encoding="utf-8").split("\n")
        files.append({"file": str(path.relative_to(headers.parents[0])), "functions": [], "lines": [
            {"line_number": number, "count": counted["count"], "gcovr/noncode": False, "gcovr/excluded": False,
             "branches": [{"count": c, "fallthrough": False, "throw": False} for c in branches(counted["shapes"])]}
            for number, counted in sorted(lines.items())
            if not NO_CODE.fullmatch(source[number - 1]) and "GCOVR_EXCL_LINE" not in source[number - 1]]})
    return json.dumps({"gcovr/format_version": "0.3", "files": files})


def main():
    build, headers = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    data = sorted(str(p) for p in build.rglob("*.gcda"))
    if not data:
        sys.exit(f"error: nothing was counted below {build}")
    data.append(str(build / "every_header.gcno"))
    merged = {}
    for start in range(0, len(data), 8):
        reports = subprocess.run(["gcov", "--branch-probabilities", "--json-format", "--stdout", *data[start:start + 8]],
                                 cwd=build, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        for report in reports.splitlines():
            merge(merged, json.loads(report), headers)
    Path(sys.argv[3]).write_text(tracefile(merged, headers, best), encoding="utf-8")
    Path(sys.argv[4]).write_text(tracefile(merged, headers, lambda shapes: sum(shapes.values(), [])), encoding="utf-8")


main()
