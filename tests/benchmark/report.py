#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Says what benchmark.json means: the library beside its floors and the targets, and README.md of this folder.

Usage: report.py BENCHMARK.JSON                     prints the figures and which targets are met; fails if one is missed
       report.py BENCHMARK.JSON --write README      writes them into the README, between two markers
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
LONG = 100  # rounds; by fewer no time is judged
NONE = (None, None, None)  # no target
BEGIN = "<!-- What follows is written by report.py, from benchmark.json. -->"
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
    ("verify by simdjson, five fields", "verify, simdjson"),
)


class Report:
    def __init__(self, measured):
        self.measured = measured
        self.missed = False  # a target, by what was shown
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

    def faster_than_peers(self, mode, size, statistic):
        peer = self.best_peer("parse", size, statistic)
        return peer and peer[statistic] / self.time("c++", mode, size, statistic)

    def to_floor_with_clock(self, mode, size):
        return self.time("c++", mode, size, "median_to_floor")

    def threads(self, name, size):
        return self.at(f"{name} 1", size) / self.at(f"{name} 2", size)

    def targets(self):
        """What is compared: a title, its value for each size (None: not measured) and the limit of each (None: no
        target), and whether that is the least or the most."""
        rows = [
            ("authenticate / floor", self.each(lambda s: self.to_floor("authenticate", s)), (1.30, 1.06, 1.03), "most"),
            ("  the clock read, by the median", self.each(lambda s: self.to_floor_with_clock("authenticate", s)),
             NONE, "most"),
            ("  and headers from a map", self.each(lambda s: self.to_floor_with_clock("authenticate-map", s)),
             NONE, "most"),
            ("a map of ten: ns more", self.each(lambda s: self.at("authenticate, map of ten", s) -
                                                self.at("authenticate", s)), (150, 150, None), "most"),
            ("constructed each time / floor", self.each(lambda s: self.to_floor("construct and authenticate", s)),
             (5.0, None, None), "most"),
            ("verify / (authenticate + parse)", self.each(lambda s: self.at("verify", s) / (
                self.at("authenticate", s) + self.at("nlohmann parse", s))), (1.03, 1.03, 1.03), "most"),
            ("verify by simdjson / floor", self.each(lambda s: self.to_floor("verify, simdjson", s)), NONE, "most"),
            ("  the clock read, by the median", self.each(lambda s: self.to_floor_with_clock("simdjson", s)), NONE, "most"),
            ("  and headers from a map", self.each(lambda s: self.to_floor_with_clock("simdjson-map", s)), NONE, "most"),
            ("two threads / one, throughput", self.each(lambda s: self.threads("threads", s)), (1.9, 1.9, 1.9), "least"),
            ("  of the floor", self.each(lambda s: self.threads("floor threads", s)), NONE, "least"),
            ("simdjson: times as fast as peers", self.each(lambda s: self.faster_than_peers("simdjson", s, "median")),
             (4.0, 4.0, 4.0), "least"),
            ("  headers from a map, as theirs", self.each(lambda s: self.faster_than_peers("simdjson-map", s, "median")),
             NONE, "least"),
            ("  by the fastest rounds", self.each(lambda s: self.faster_than_peers("simdjson", s, "fastest")),
             NONE, "least"),
        ]
        return rows, list(self.measured.get("compile time", {}).items())

    def each(self, value):
        def known(size):
            try:
                return value(size)
            except KeyError:
                return None
        return [known(size) for size in SIZES]

    def show(self):
        judged = self.measured["rounds"] >= LONG
        print("\nThe moment of verification is given, unless it says that the clock is read.")
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
            # Instructions repeat, whatever else the machine does.
            print(f"{'compiling, ' + build:<34}{ratio:>12.2f}{'':>24}" +
                  self.verdict([ratio], [1.15], "most", judged or build.endswith("instructions")))
        if not judged:
            print(f"\nNo time is judged by {self.measured['rounds']} rounds: tests/benchmark/all.sh --long")

    def verdict(self, values, limits, bound, judged):
        compared = [(value, limit) for value, limit in zip(values, limits) if None not in (value, limit)]
        if not compared:
            return ""
        texts = list(dict.fromkeys(f"{limit:g}" for _, limit in compared))
        met = all(round(value, 2) <= limit if bound == "most" else round(value, 2) >= limit
                  for value, limit in compared)
        self.missed |= judged and not met
        return f"   at {bound} {', '.join(texts)}" + (f": {'met' if met else 'MISSED'}" if judged else "")

    def program(self):
        processes = self.measured.get("processes", 1)
        return "[another program](library.cpp)" + (f" in {processes} processes" if processes > 1 else "")

    def readme(self):
        """The section of the README, between its markers."""
        def row(title, cells):
            return f"| {title} | " + " | ".join(cells) + " |"

        def cell(peer, name=""):
            low, high = peer["quartiles"]
            return f"{peer['median']:,}{name}<br><sub>{low:,} to {high:,}</sub>"

        def ours(title, mode):
            if ("c++", mode, "350") not in self.peers:
                return []
            return [row(title, [cell(self.peers["c++", mode, size]) for size in SIZES])]

        def others(title, mode):
            best = [self.best_peer(mode, size) for size in SIZES]
            if None in best:  # the languages are missing
                return []
            return [row(title, [cell(peer, f" ({peer['name'].replace(', verify', '').replace(' +', ',')})")
                                for peer in best])]

        def ratios(name):
            first, second, third = (f"{self.to_floor(name, size):.2f}" for size in SIZES)
            return f"{first}, {second} and {third} times"

        def paragraph(text):
            return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False)

        machine, versions = self.measured["machine"], self.measured["versions"]
        lines = [
            "![Time for one delivery against the size of its body, one line for each library, both axes logarithmic]"
            "(benchmark.svg)",
            "",
            row("median, nanoseconds for one delivery<br><sub>and its quartiles</sub>", SIZES.values()),
            "| --- |" + " ---: |" * len(SIZES),
            *ours("HMAC-SHA256 alone, with the key's schedule at hand: the floor", "floor"),
            *ours("`authenticate`", "authenticate"),
            *ours("`authenticate`, headers from a map", "authenticate-map"),
            *others("the fastest other official library that only verifies", "verify"),
            *ours("`verify` of a type that reads five fields by simdjson", "simdjson"),
            *ours("`verify` of such a type, headers from a map", "simdjson-map"),
            *ours("`verify`, into `nlohmann::json`", "verify"),
            *others("the fastest other official library that also parses", "parse"),
            "",
            paragraph(
                "The table is timed as users call the libraries: all but the floor read the clock. The others look the "
                "headers up by name in a map, as this one does where the row says so; in its other rows they are at hand, "
                "in a `Headers` struct. The others are Svix's packages, or Standard Webhooks' own for Rust and for "
                "verifying alone in Python; JavaScript's cannot verify without parsing, and so has no figure for "
                "verifying alone."),
            "",
            paragraph(
                f"Against the floor, by the fastest of {self.measured['rounds']} interleaved rounds of "
                f"{self.program()}, where the moment of verification is given instead of read "
                f"from the clock, `authenticate` takes {ratios('authenticate')} as long" +
                (f", and `verify` by simdjson {ratios('verify, simdjson')}" if "verify, simdjson" in self.library
                 else "") + ". These repeat where ratios of medians do not, and the targets are set for them."),
            "",
            paragraph(
                f"Measured on {self.measured['date']}, of commit {self.measured['commit']}" +
                ("" if ("c++", "simdjson", "350") in self.peers
                 else ", before there was a type that is read by simdjson, which has no figures therefore") +
                f": {machine['cores']} "
                f"{'virtual ' if machine['virtual'] else ''}cores of {machine['processor']}"
                f"{' with SHA extensions' if machine['sha_extensions'] else ''}, {machine['system']}, "
                f"{re.sub(r' [0-9]+ [A-Z][a-z]+ [0-9]{4}', '', versions['c++'])}; "
                "[benchmark.json](benchmark.json) has the versions of the others, and every figure. "
                f"`{self.measured['command']}` measures it on yours."),
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
    if arguments.write:
        arguments.write.write_text(with_section(arguments.write.read_text(), report.readme()))
        return
    report.show()
    if report.missed:
        sys.exit("A target is missed.")


if __name__ == "__main__":
    main()
