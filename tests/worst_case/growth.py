"""Reads what callgrind counted (`worst_case count`) in a folder, and fails where something grows faster than linearly.
    growth.py FOLDER [SECURITY.md]     the kinds must be those of the table in that file

Of an amount, twice and four times as much: where the work is linear, the second step costs twice the first. By sorting
it is a little more, and where it grows with the square it is four times.
"""
import pathlib
import re
import sys

LINEAR = 2.4

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
    linear = second <= max(LINEAR * first, four / 100)
    print(f"  {kind:56} {one:11,} {two:11,} {four:11,}   {'' if linear else 'FASTER THAN LINEAR'}")
    wrong |= not linear

if len(sys.argv) > 2:
    table = pathlib.Path(sys.argv[2]).read_text()
    table = table[table.index("| input | time |"):]
    documented = re.findall(r"^\| ([^|]+) \| [\d.]+ .s \| ×", table[:table.index("\n\n")], re.MULTILINE)
    for kind in set(documented) ^ set(counts):
        print(f"  {kind}: it is " + ("documented but not counted" if kind in documented else "not documented"))
        wrong = True
sys.exit(wrong)
