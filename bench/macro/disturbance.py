# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run had the machine for itself: what it was stolen, and what others used of it."""

import dataclasses
import os
import pathlib

import processes

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Look:
    """Seconds of CPU time so far. ours: what the caller, its children and the server have had."""
    total: float
    busy: float  # user and system; interrupts are nobody's
    stolen: float
    ours: float


@dataclasses.dataclass(frozen=True)
class Shares:
    """Parts of the time of all CPUs between two looks, 0 to 1."""
    stolen: float
    others: float


def parse_stat(text):
    """Seconds in total, busy and stolen, of /proc/stat. Time of guests is within user time."""
    fields = text.split("\n", 1)[0].split()
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    seconds = (user + nice + system + idle + iowait + irq + softirq + steal,
               user + nice + system, steal)
    return [ticks / TICKS_PER_SECOND for ticks in seconds]


def look(server_pid):
    """Now. Children of ours count when they have ended, the server and its family at once."""
    own = os.times()
    ours = own.user + own.system + own.children_user + own.children_system
    ours += sum(processes.cpu_ms(server_pid)) / 1000
    return Look(*parse_stat(pathlib.Path("/proc/stat").read_text()), ours)


def shares(before, after):
    total = after.total - before.total
    if total <= 0:
        return Shares(0.0, 0.0)
    others = (after.busy - before.busy) - (after.ours - before.ours)
    return Shares((after.stolen - before.stolen) / total, max(others / total, 0.0))


def undisturbed(run_once, bounds, repeats_max):
    """Runs until others leave it alone.

    run_once      returns a dict, with "shares"
    bounds        Shares that are still fine
    repeats_max   runs behind the first; the last one counts if all were disturbed
    returns       the dict, with "disturbed" and "repeats"
    """
    for repeats in range(repeats_max + 1):
        result = run_once()
        seen = result["shares"]
        disturbed = seen.stolen > bounds.stolen or seen.others > bounds.others
        if not disturbed:
            break
    return {**result, "disturbed": disturbed, "repeats": repeats}
