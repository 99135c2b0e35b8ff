# SPDX-License-Identifier: MIT
"""Draws what peers.py measured: plot.py BENCHMARK.JSON OUT.SVG (needs the packages of requirements.txt)."""
import json
import pathlib
import sys

import matplotlib

from report import digest

matplotlib.use("svg")
# Text stays text, and two runs over the same figures give the same file.
matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pivotal-webhook", "font.size": 10,
                            "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans", "Verdana", "sans-serif"]})
import matplotlib.pyplot as plt  # noqa: E402 (the backend is chosen before)

COLOURS = {"java": "#b07219", "go": "#00829c", "rust": "#a63c06", "python": "#3572a5", "javascript": "#8a7a00",
           "c++": "#c2185b"}
PANELS = {
    "The signature alone": {
        ("c++", "floor"): "HMAC alone (the floor)",
        ("c++", "authenticate"): "C++, authenticate",
        ("java", "verify"): "Java, svix",
        ("go", "verify"): "Go, svix",
        ("rust", "verify"): "Rust, standardwebhooks",
        ("python", "verify"): "Python, standardwebhooks",
    },
    "The signature and the JSON": {
        ("c++", "floor"): "HMAC alone (the floor)",
        ("c++", "simdjson"): "C++, verify (simdjson)",
        ("c++", "verify"): "C++, verify (nlohmann)",
        ("java", "parse"): "Java, Jackson",
        ("go", "parse"): "Go, encoding/json",
        ("rust", "parse"): "Rust, serde_json",
        ("python", "parse"): "Python, json",
        ("javascript", "parse"): "JavaScript, JSON.parse",
    },
}
TICKS = {350: "350 B", 4096: "4 KiB", 65536: "64 KiB"}
TIMES = {300: "300 ns", 1000: "1 µs", 3000: "3 µs", 10_000: "10 µs", 30_000: "30 µs", 100_000: "100 µs",
         300_000: "300 µs", 1_000_000: "1 ms", 3_000_000: "3 ms"}


def apart(ends, least):
    """Moves the places of labels, {label: place}, apart by no less than the factor `least`, and no further."""
    names = sorted(ends, key=ends.get)
    places = [ends[name] for name in names]
    for _ in range(200):
        for i in range(1, len(places)):
            gap = places[i] / places[i - 1]
            if gap < least:
                factor = (least / gap) ** 0.5
                places[i - 1] /= factor
                places[i] *= factor
    return dict(zip(names, places))


def main(source, target):
    measured = json.loads(pathlib.Path(source).read_text())
    lines = {}
    for result in measured["peers"]:
        lines.setdefault((result["language"], result["mode"]), {})[result["body"]] = (
            result["median"], *result["quartiles"])

    figure, axes = plt.subplots(1, 2, figsize=(12, 5.6), sharey=True)
    for axis, (title, panel) in zip(axes, PANELS.items()):
        ends = {}
        for key, label in panel.items():
            if key not in lines:
                continue
            sizes, spreads = zip(*sorted(lines[key].items()))
            times, lows, highs = zip(*spreads)
            floor, ours = key[1] == "floor", key[0] == "c++"
            colour = "#777777" if floor else COLOURS[key[0]]
            axis.loglog(sizes, times, color=colour, marker="o", markersize=4, linewidth=2.5 if ours else 1.5,
                        linestyle=":" if floor else "-", zorder=3 if ours else 2)
            axis.plot([sizes, sizes], [lows, highs], color=colour, marker="_", markersize=9, linewidth=1.5, zorder=4)
            ends[label] = (times[-1], colour, ours and not floor)
        for label, place in apart({label: end[0] for label, end in ends.items()}, 1.42).items():
            axis.annotate(label, (65536, ends[label][0]), (65536 * 1.35, place), color=ends[label][1], va="center",
                          weight="bold" if ends[label][2] else "normal", annotation_clip=False)
        axis.set_title(title, loc="left", weight="bold")
        axis.set_xticks(list(TICKS), list(TICKS.values()))
        axis.set_yticks(list(TIMES), list(TIMES.values()))
        axis.minorticks_off()
        axis.grid(color="#dddddd", linewidth=0.8)
        axis.set_axisbelow(True)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlabel("size of the body")
        axis.tick_params(labelleft=True)
    axes[0].set_ylabel("time for one delivery (median and quartiles)")

    machine = measured["machine"]
    figure.text(0.01, 0.01, "C++ has its headers at hand, the others look theirs up in a map. JavaScript's package cannot "
                "verify without parsing.\n"
                f"{machine['cores']} cores of {machine['processor']}, {machine['system']}; "
                f"{measured['date']}, {measured['command']}", color="#555555", size=8.5, linespacing=1.4)
    figure.tight_layout(rect=(0, 0.06, 1, 1), w_pad=2)
    figure.savefig(target, metadata={"Date": None, "Identifier": digest(pathlib.Path(source))})


main(*sys.argv[1:])
