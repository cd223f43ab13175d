# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers as processes: what they cost, whether they listen, how they end."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
LISTEN_WITHIN_S = 10
STOP_WITHIN_S = 10


def process_family(pid):
    """The process and everything it started, while it runs."""
    family, index = [pid], 0
    while index < len(family):
        for task in pathlib.Path(f"/proc/{family[index]}/task").glob("*/children"):
            try:
                family += [int(child) for child in task.read_text().split()]
            except OSError:
                pass  # it ended meanwhile
        index += 1
    return family


def cpu_ms(pid):
    """User time and system time of a process with all its threads, and of all its children, those
    that have ended included."""
    ticks = [0, 0]
    for member in process_family(pid):
        try:
            fields = pathlib.Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        utime, stime, cutime, cstime = (int(field) for field in fields[11:15])
        ticks = [ticks[0] + utime + cutime, ticks[1] + stime + cstime]
    return [count * 1000.0 / TICKS_PER_SECOND for count in ticks]


def wait_for_listener(process, port, within_s=LISTEN_WITHIN_S):
    """Looks for the socket and does not connect: no server sees a connection that is none."""
    wanted = f":{port:04X}"
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[1].endswith(wanted) and fields[3] == "0A":  # LISTEN
                return True
        time.sleep(0.02)
    return False


def require_free_port(port):
    """Waits a little: the kernel takes down a ring, and its sockets, behind the exit."""
    end = time.monotonic() + LISTEN_WITHIN_S
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                return probe.bind(("127.0.0.1", port))
            except OSError as error:
                if time.monotonic() > end:
                    name = os.path.basename(sys.argv[0])
                    sys.exit(f"{name}: port {port} is taken: {error.strerror}")
        time.sleep(0.02)


def stop(process):
    """Ends a server and what it started, with SIGTERM first."""
    family = process_family(process.pid)
    process.terminate()
    try:
        process.wait(STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        for member in family:
            try:
                os.kill(member, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()


def empty(directory):
    """And has the disk do what this means, before somebody is measured on it."""
    for entry in directory.iterdir():
        shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    os.sync()
