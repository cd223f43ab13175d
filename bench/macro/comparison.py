# SPDX-License-Identifier: GPL-3.0-or-later
"""mailrace beside other servers: what there is to say of the same rounds, as numbers and Markdown.

A ratio is the median over the rounds in which neither side was disturbed. With less than half of
them there is none.
"""

import dataclasses
import statistics

# Who is compared with whom: what is stored before 250 decides.
BASELINES = {"disk": "disk", "page cache": "page-cache", "stores nothing": "page-cache"}
DISTURBED = "disturbed"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A server under a scenario. rate: messages/s, median. ratio: how many times as many mailrace
    takes; a number, DISTURBED, or None where mailrace was not measured or is the server itself."""
    server: str
    rate: float
    ratio: object = None


def ratio(base_runs, runs):
    pairs = [base["rate"] / run["rate"] for base, run in zip(base_runs, runs)
             if not base["disturbed"] and not run["disturbed"] and run["rate"] > 0]
    if 2 * len(pairs) < len(runs):
        return DISTURBED
    return statistics.median(pairs)


def cells(by_server, durabilities):
    """Of one scenario. by_server: runs of each server, as mails_per_second has them. durabilities:
    of the servers that mailrace is compared with."""
    row = []
    for server, runs in by_server.items():
        if not runs:
            continue
        base = by_server.get(BASELINES.get(durabilities.get(server)))
        row.append(Cell(server, statistics.median(run["rate"] for run in runs),
                        ratio(base, runs) if base else None))
    return row


def repeated(results):
    """A sentence on all runs."""
    runs = [run for by_server in results.values() for some in by_server.values() for run in some]
    repeats = sum(run["repeats"] for run in runs)
    disturbed = sum(run["disturbed"] for run in runs)
    return (f"{len(runs)} runs, {repeats} repeated because others used the machine,"
            f" {disturbed} disturbed to the end")


def ratio_text(value):
    if value is None or value == DISTURBED:
        return value or ""
    return f"{value:.1f}×" if value < 10 else f"{value:.0f}×"


def cell_text(cell):
    text = f"{cell.rate:.0f}"
    return text if cell.ratio is None else f"{text} ({ratio_text(cell.ratio)})"


def table(results, titles, durabilities):
    """Markdown, or nothing without other servers."""
    servers = [server for server in next(iter(results.values()))
               if server in durabilities or server in BASELINES.values()]
    if not set(servers) & set(durabilities):
        return []
    heads = [titles[server] + (f" ({durabilities[server]})" if server in durabilities else "")
             for server in servers]
    lines = ["## Beside other servers", "",
             "Messages/s, and how many times as many mailrace takes in the same rounds. In brackets"
             " behind a name: what it has stored before its 250. Those that sync are compared with"
             " mailrace, disk, others with mailrace, page cache.", "",
             "| scenario | " + " | ".join(heads) + " |", "| --- " * (len(servers) + 1) + "|"]
    for scenario, by_server in results.items():
        texts = {cell.server: cell_text(cell) for cell in cells(by_server, durabilities)}
        row = [scenario, *(texts.get(server, "failed") for server in servers)]
        lines.append(f"| {' | '.join(row)} |")
    return [*lines, ""]
