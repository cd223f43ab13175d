# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a run had the machine for itself: what it was stolen, and what others used of it."""

import dataclasses
import functools
import gzip
import os
import pathlib

import processes

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Look:
    """Seconds of CPU time so far. ours: what the caller, its children and the server have had."""
    total: float
    busy: float  # all that is accounted to processes
    stolen: float
    ours: float


@dataclasses.dataclass(frozen=True)
class Shares:
    """Parts of the time of all CPUs between two looks, 0 to 1."""
    stolen: float
    others: float


@functools.cache
def has_own_interrupt_time():
    """Whether the kernel takes the time of interrupts out of that of the process which they meet.
    Most do not, and then the network's part of what a process costs is among its system time, and
    in /proc/stat among `softirq`."""
    for path, opened in (("/proc/config.gz", gzip.open),
                         (f"/boot/config-{os.uname().release}", open)):
        try:
            with opened(path, "rt") as file:
                return "CONFIG_IRQ_TIME_ACCOUNTING=y\n" in file.readlines()
        except OSError:
            continue
    return False


def parse_stat(text, own_interrupt_time):
    """Seconds in total, busy and stolen, of /proc/stat. Time of guests is within user time."""
    fields = text.split("\n", 1)[0].split()
    user, nice, system, idle, iowait, irq, softirq, steal = (int(field) for field in fields[1:9])
    interrupts = irq + softirq
    seconds = (user + nice + system + idle + iowait + interrupts + steal,
               user + nice + system + (0 if own_interrupt_time else interrupts), steal)
    return [ticks / TICKS_PER_SECOND for ticks in seconds]


def look(server_pid):
    """Now. Children of ours count when they have ended, the server and its family at once."""
    own = os.times()
    ours = own.user + own.system + own.children_user + own.children_system
    ours += sum(processes.cpu_ms(server_pid)) / 1000
    stat = pathlib.Path("/proc/stat").read_text()
    return Look(*parse_stat(stat, has_own_interrupt_time()), ours)


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
