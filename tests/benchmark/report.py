#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what benchmark.json means: the library beside its floors and the targets, and the README's section on it.

Usage: report.py BENCHMARK.JSON                     prints the figures and, of a long run, which targets are met
       report.py BENCHMARK.JSON --write README      and writes them into the README, between two markers
       report.py BENCHMARK.JSON --check README SVG  fails unless both were made from it
"""
import argparse
import hashlib
import json
import pathlib
import re
import sys
import textwrap

SIZES = {"350": "350 B", "4096": "4 KiB", "65536": "64 KiB"}
LONG = 100  # rounds; of fewer no target is judged
BEGIN = "<!-- What follows is written by tests/benchmark/report.py, from benchmark.json. -->"
END = "<!-- Up to here. -->"

# What Google Benchmark measured: title and name.
LIBRARY = (
    ("HMAC-SHA256 alone (the floor)", "floor"),
    ("authenticate", "authenticate"),
    ("authenticate, map of ten", "authenticate, map of ten"),
    ("construct and authenticate", "construct and authenticate"),
    ("nlohmann::json::parse", "nlohmann parse"),
    ("verify", "verify"),
    ("simdjson DOM, parse alone", "simdjson DOM"),
    ("EventView, three fields read", "view"),
)


class Report:
    def __init__(self, measured):
        self.measured = measured
        self.library = measured["library, fastest rounds"]
        self.peers = {(peer["language"], peer["mode"], str(peer["body"])): peer for peer in measured["peers"]}

    def at(self, name, size):
        return self.library[name][size]

    def time(self, language, mode, size, statistic="median"):
        return self.peers[language, mode, size][statistic]

    def best_peer(self, mode, size, statistic="median"):
        return min((peer for peer in self.measured["peers"]
                    if peer["language"] != "c++" and peer["mode"] == mode and str(peer["body"]) == size),
                   key=lambda peer: peer[statistic], default=None)

    def to_floor(self, name, size):
        return self.at(name, size) / self.at("floor", size)

    def faster_than_peers(self, size, statistic):
        peer = self.best_peer("parse", size, statistic)
        return peer and peer[statistic] / self.time("c++", "view", size, statistic)

    def threads(self, name, size):
        return self.at(f"{name} 1", size) / self.at(f"{name} 2", size)

    def targets(self):
        """What is compared: a title, its value for each size (None: not measured) and the limit of each (None: no
        target), and whether that is the least or the most."""
        rows = [
            ("authenticate / floor", self.each(lambda s: self.to_floor("authenticate", s)), (1.30, 1.06, 1.03), "most"),
            ("a map of ten: ns more", self.each(lambda s: self.at("authenticate, map of ten", s) -
                                                self.at("authenticate", s)), (150, 150, None), "most"),
            ("constructed each time / floor", self.each(lambda s: self.to_floor("construct and authenticate", s)),
             (5.0, None, None), "most"),
            ("verify / (authenticate + parse)", self.each(lambda s: self.at("verify", s) / (
                self.at("authenticate", s) + self.at("nlohmann parse", s))), (1.03, 1.03, 1.03), "most"),
            ("EventView / floor", self.each(lambda s: self.to_floor("view", s)), (2.0, 1.9, 1.8), "most"),
            ("two threads / one, throughput", self.each(lambda s: self.threads("threads", s)), (1.9, 1.9, 1.9), "least"),
            ("  of the floor", self.each(lambda s: self.threads("floor threads", s)), (None, None, None), "least"),
            ("EventView: times as fast as peers", self.each(lambda s: self.faster_than_peers(s, "median")),
             (4.0, 4.0, 4.0), "least"),
            ("  by the fastest rounds", self.each(lambda s: self.faster_than_peers(s, "fastest")),
             (None, None, None), "least"),
        ]
        compile_time = self.measured.get("compile time")
        return rows, list(compile_time.items()) if compile_time else []

    def each(self, value):
        def known(size):
            try:
                return value(size)
            except KeyError:
                return None
        return [known(size) for size in SIZES]

    def show(self):
        judged = self.measured["rounds"] >= LONG
        print(f"\nFastest of {self.measured['rounds']} rounds, nanoseconds".ljust(35) +
              "".join(f"{size:>12}" for size in SIZES.values()))
        for title, name in LIBRARY:
            print(f"{title:<34}" + "".join(f"{'':>12}" if time is None else f"{time:>12,.0f}"
                                           for time in self.each(lambda s: self.at(name, s))))
        rows, compile_time = self.targets()
        print(f"\n{'Ratios':<34}" + "".join(f"{size:>12}" for size in SIZES.values()) + "   to reach")
        for title, values, limits, bound in rows:
            print(f"{title:<34}" + "".join(f"{'':>12}" if value is None else f"{value:>12.2f}" for value in values) +
                  self.verdict(values, limits, bound, judged))
        for build, ratio in compile_time:
            print(f"{'compile time, ' + build:<34}{ratio:>12.2f}{'':>24}" +
                  self.verdict([ratio], [1.15], "most", judged))
        if not judged:
            print(f"\nNothing is judged by {self.measured['rounds']} rounds: tests/benchmark/all.sh --long")

    @staticmethod
    def verdict(values, limits, bound, judged):
        compared = [(value, limit) for value, limit in zip(values, limits) if None not in (value, limit)]
        if not compared:
            return ""
        limits = list(dict.fromkeys(f"{limit:g}" for _, limit in compared))
        met = all(round(value, 2) <= limit if bound == "most" else round(value, 2) >= limit
                  for value, limit in compared)
        return f"   at {bound} {', '.join(limits)}" + (f": {'met' if met else 'MISSED'}" if judged else "")

    def readme(self):
        """The section of the README, between its markers."""
        def row(title, cells):
            return f"| {title} | " + " | ".join(cells) + " |"

        def ours(title, mode):
            return row(title, [f"{self.time('c++', mode, size):,}" for size in SIZES])

        def others(title, mode):
            best = [self.best_peer(mode, size) for size in SIZES]
            return row(title, [f"{peer['median']:,} ({peer['name'].replace(', verify', '').replace(' +', ',')})"
                               for peer in best])

        def ratios(name):
            first, second, third = (f"{self.to_floor(name, size):.2f}" for size in SIZES)
            return f"{first}, {second} and {third} times"

        machine, versions = self.measured["machine"], self.measured["versions"]
        lines = [
            "![Time for one delivery against the size of its body, one line for each library, both axes logarithmic]"
            "(tests/benchmark/benchmark.svg)",
            "",
            row("median, nanoseconds for one delivery", SIZES.values()),
            "| --- |" + " ---: |" * len(SIZES),
            ours("HMAC-SHA256 alone, with the key's schedule at hand: the floor", "floor"),
            ours("`authenticate`", "authenticate"),
            others("the fastest other official library that only verifies", "verify"),
            ours("`EventView`, five fields read", "view"),
            ours("`verify`, into `nlohmann::json`", "verify"),
            others("the fastest other official library that also parses", "parse"),
            "",
            textwrap.fill(
                f"By the fastest of {self.measured['rounds']} interleaved rounds, which repeats where a median does "
                f"not, `authenticate` takes {ratios('authenticate')} as long as the floor, and `EventView` "
                f"{ratios('view')}. Measured on {self.measured['date']}: {machine['cores']} "
                f"{'virtual ' if machine['virtual'] else ''}cores of {machine['processor']}"
                f"{' with SHA extensions' if machine['sha_extensions'] else ''}, {machine['system']}, "
                f"{re.sub(r' [0-9]+ [A-Z][a-z]+ [0-9]{4}', '', versions['c++'])}; "
                "[benchmark.json](tests/benchmark/benchmark.json) has the versions of the others, and every figure. "
                f"`{self.measured['command']}` measures it on yours.", 120, break_long_words=False,
                break_on_hyphens=False),
        ]
        return "\n".join(lines)


def digest(source):
    """What plot.py leaves in the plot, to tell which figures it shows."""
    return "sha256 of its figures: " + hashlib.sha256(source.read_bytes()).hexdigest()


def with_section(readme, section):
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"the README lacks a marker: {BEGIN} or {END}")
    return f"{head}{begin}\n\n{section}\n\n{end}{tail}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=pathlib.Path)
    parser.add_argument("--write", type=pathlib.Path, metavar="README")
    parser.add_argument("--check", type=pathlib.Path, nargs=2, metavar=("README", "SVG"))
    arguments = parser.parse_args()

    report = Report(json.loads(arguments.measured.read_text()))
    if arguments.check:
        readme, plot = arguments.check
        for file, good in ((readme, with_section(readme.read_text(), report.readme()) == readme.read_text()),
                           (plot, digest(arguments.measured) in plot.read_text())):
            if not good:
                sys.exit(f"{file} does not show what {arguments.measured} says; it is written by "
                         "tests/benchmark/all.sh --long, never by hand")
        return
    report.show()
    if arguments.write:
        arguments.write.write_text(with_section(arguments.write.read_text(), report.readme()))


if __name__ == "__main__":
    main()
