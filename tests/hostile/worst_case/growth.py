"""Reads what callgrind counted (`worst_case count`) in a folder, and fails where something grows faster than linearly,
or faster than n log n where its name says that it is sorted.
    growth.py FOLDER [SECURITY.md]     the kinds must be those of the table in that file

Of an amount, twice and four times as much: where the work is linear, the second step costs twice the first. Where it is
n log n, it is 2.14 times from 4096 on and 2.11 from 65,536 on; where it grows with the square, four times.
"""
import pathlib
import re
import sys

LINEAR, N_LOG_N = 2.1, 2.2

counts = {}  # by kind: (amount, instructions)
for file in sorted(pathlib.Path(sys.argv[1]).glob("callgrind.*"), key=lambda file: file.stat().st_mtime_ns):
    text = file.read_text()
    name = re.search(r"^desc: Trigger: Client Request: (\d+) (.+)$", text, re.MULTILINE)
    if name:
        total = int(re.search(r"^(?:totals|summary): (\d+)", text, re.MULTILINE).group(1))
        counts.setdefault(name.group(2), []).append((int(name.group(1)), total))

wrong = not counts
print(f"  {'instructions for an amount, twice, four times':>92}")
for kind, counted in counts.items():
    (_, one), (_, two), (_, four) = sorted(counted)
    first, second = two - one, four - two
    # What is bounded does not grow at all; a hundredth of the whole is no growth.
    limit = N_LOG_N if "n log n" in kind else LINEAR
    fine = second <= max(limit * first, four / 100)
    print(f"  {kind:56} {one:11,} {two:11,} {four:11,}   {'' if fine else f'FASTER THAN IT MAY: {second / first:.2f}'}")
    wrong |= not fine

if len(sys.argv) > 2:
    table = pathlib.Path(sys.argv[2]).read_text()
    table = table[table.index("| input | time |"):]
    documented = re.findall(r"^\| ([^|]+) \| [\d.]+ .s \| ×", table[:table.index("\n\n")], re.MULTILINE)
    for kind in set(documented) ^ set(counts):
        print(f"  {kind}: it is " + ("documented but not counted" if kind in documented else "not documented"))
        wrong = True
sys.exit(wrong)
