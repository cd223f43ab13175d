# SPDX-License-Identifier: GPL-3.0-or-later
"""The comparison as one page of HTML, with bars; nothing in it is fetched from anywhere."""

import html

import comparison

BAR_PX = 22
ROW_PX = 30
NAME_PX = 250
BARS_PX = 420
WIDTH_PX = 900

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Messages per second</title>
<style>
:root {{ color-scheme: light dark; --ours: #1f6feb; --others: #8b949e; }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: {width}px; margin: 2em auto;
        padding: 0 1em; }}
svg {{ width: 100%; height: auto; }}
text {{ fill: currentColor; font-size: 14px; dominant-baseline: middle; }}
rect {{ fill: var(--others); }}
.ours rect {{ fill: var(--ours); }}
.ours text {{ font-weight: 600; }}
h2 {{ font-size: 1.1em; margin: 2em 0 .3em; }}
ul {{ font-size: .9em; }}
</style>
</head>
<body>
<h1>Messages per second</h1>
<p>The longer, the better. Behind a rate: how many times as many mailrace takes, if both had the
machine for themselves. Those that sync before their 250 are compared with mailrace, disk, others
with mailrace, page cache.</p>
{charts}
<h2>How</h2>
<ul>
{facts}
</ul>
</body>
</html>
"""


def bar(number, cell, most, title, stored):
    y = number * ROW_PX + ROW_PX / 2
    width = max(cell.rate / most * BARS_PX, 1) if most > 0 else 1
    name = html.escape(title + (f", {stored}" if stored else ""))
    ours = ' class="ours"' if not stored else ""
    text = f"{cell.rate:,.0f}/s"
    if cell.ratio is not None:
        text += f" · {comparison.ratio_text(cell.ratio)}"
    return (f'<g{ours}><text x="{NAME_PX - 10}" y="{y}" text-anchor="end">{name}</text>'
            f'<rect x="{NAME_PX}" y="{y - BAR_PX / 2}" width="{width:.1f}" height="{BAR_PX}"'
            f' rx="3"/><text x="{NAME_PX + width + 8:.1f}" y="{y}">{html.escape(text)}</text></g>')


def chart(scenario, what, row, titles, durabilities):
    most = max(cell.rate for cell in row)
    bars = [bar(number, cell, most, titles[cell.server], durabilities.get(cell.server, ""))
            for number, cell in enumerate(row)]
    return "\n".join([f"<h2>{html.escape(scenario)}: {html.escape(what)}</h2>",
                      f'<svg viewBox="0 0 {WIDTH_PX} {len(row) * ROW_PX}" role="img"'
                      f' aria-label="{html.escape(scenario)}">',
                      *bars, "</svg>"])


def page(results, scenarios, titles, durabilities, facts):
    """facts: lines of a Markdown list, what a result must state."""
    charts = []
    for scenario, by_server in results.items():
        row = [cell for cell in comparison.cells(by_server, durabilities)
               if cell.server in durabilities or cell.server in comparison.BASELINES.values()]
        if row:
            charts.append(chart(scenario, scenarios[scenario][0], row, titles, durabilities))
    items = [f"<li>{html.escape(fact.removeprefix('- '))}</li>" for fact in facts]
    return PAGE.format(width=WIDTH_PX, charts="\n".join(charts), facts="\n".join(items))
