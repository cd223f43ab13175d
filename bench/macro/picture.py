#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bars of a result of mails_per_second, as one SVG that stands alone.

    python3 bench/macro/picture.py RESULT.md PICTURE.svg [--scenarios A0,B1,C]

Drawn from the tables of the result, so that a picture says what they say. See bench/README.md.
"""

import argparse
import dataclasses
import html
import pathlib
import re
import sys

WIDTH_PX = 860
NAME_PX = 250
BARS_PX = 420
ROW_PX = 22
BAR_PX = 14
HEAD_PX = 34

HEADING = re.compile(r"## (\w+): (.*)")
# | server | messages/s (min-max) | CPU ms/message | ...
ROW = re.compile(r"\| (?P<server>[^|]+) \| (?P<rate>[\d.]+) \([^)]*\) \| (?P<cpu>[\d.]+) \|")
OURS = "mailrace"

STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f; dominant-baseline: middle; }
.head { font-weight: 600; }
rect { fill: #8b949e; }
.ours rect { fill: #1f6feb; }
.limit rect { fill: none; stroke: #8b949e; stroke-dasharray: 3 2; }
@media (prefers-color-scheme: dark) { text { fill: #c9d1d9; } }
"""


@dataclasses.dataclass(frozen=True)
class Bar:
    server: str
    rate: float    # messages/s
    cpu_ms: float  # of the server, for a message


def read_bars(text):
    """{scenario: (what it is, [Bar, ...])} of a result in Markdown."""
    scenarios, bars = {}, None
    for line in text.splitlines():
        if heading := HEADING.fullmatch(line):
            bars = []
            scenarios[heading[1]] = (heading[2], bars)
        elif line.startswith("## "):
            bars = None
        elif bars is not None and (row := ROW.match(line)):
            bars.append(Bar(row["server"], float(row["rate"]), float(row["cpu"])))
    return {name: found for name, found in scenarios.items() if found[1]}


def kind_of(server):
    if server.startswith(OURS):
        return "ours"
    return "limit" if server.startswith("null") else "other"


def draw_bar(bar, most, y):
    width = max(bar.rate / most * BARS_PX, 1)
    text = f"{bar.rate:,.0f}/s, {1000 * bar.cpu_ms:,.0f} µs"
    return (f'<g class="{kind_of(bar.server)}"><text x="{NAME_PX - 10}" y="{y}" text-anchor="end">'
            f"{html.escape(bar.server)}</text><rect x=\"{NAME_PX}\" y=\"{y - BAR_PX / 2}\""
            f' width="{width:.1f}" height="{BAR_PX}" rx="2"/>'
            f'<text x="{NAME_PX + width + 8:.1f}" y="{y}">{text}</text></g>')


def draw(scenarios):
    """scenarios   as of read_bars()"""
    lines, y = [], 0
    for name, (what, bars) in scenarios.items():
        y += HEAD_PX
        lines.append(f'<text class="head" x="10" y="{y - HEAD_PX / 2 + 4}">'
                     f"{html.escape(f'{name}: {what}')}</text>")
        most = max(bar.rate for bar in bars)
        for bar in bars:
            lines.append(draw_bar(bar, most, y + ROW_PX / 2))
            y += ROW_PX
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {y + 10}" role="img"'
        ' aria-label="messages per second, and server CPU for each">',
        f"<style>{STYLE}</style>", *lines, "</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("result", type=pathlib.Path, help="what mails_per_second wrote")
    parser.add_argument("picture", type=pathlib.Path, help="SVG to write")
    parser.add_argument("--scenarios", help="comma-separated (default: all that are in it)")
    arguments = parser.parse_args()
    scenarios = read_bars(arguments.result.read_text(encoding="utf-8"))
    wanted = arguments.scenarios.split(",") if arguments.scenarios else list(scenarios)
    unknown = [name for name in wanted if name not in scenarios]
    if unknown or not wanted:
        sys.exit(f"picture: {arguments.result}: no table of {', '.join(unknown) or 'anything'}"
                 f" (there are {', '.join(scenarios) or 'none'})")
    arguments.picture.write_text(draw({name: scenarios[name] for name in wanted}),
                                 encoding="utf-8")


if __name__ == "__main__":
    main()
