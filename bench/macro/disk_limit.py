# SPDX-License-Identifier: GPL-3.0-or-later
"""What the disk allows: synced writes past the page cache into a file that is there already."""

import ctypes
import mmap
import os
import statistics
import threading
import time

FILE_BYTES = 256 << 20
CHUNK = 1 << 20
HUGE_PAGE = 2 << 20


def make_file(path):
    """A file whose blocks were written once, so that no write changes their state."""
    zeros = bytes(CHUNK)
    with open(path, "wb") as file:
        for _ in range(FILE_BYTES // CHUNK):
            file.write(zeros)
        os.fsync(file.fileno())


def memory_of(size):
    """Octets of a huge page, if the kernel has one: of many small ones a disk takes only so many
    in one request."""
    pages = mmap.mmap(-1, 2 * HUGE_PAGE)
    pages.madvise(mmap.MADV_HUGEPAGE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(pages))
    memory = memoryview(pages)[-address % HUGE_PAGE:][:size]
    memory[:] = os.urandom(size)
    return memory


class Writer(threading.Thread):
    """One write under way at a time. Python's lock is not held meanwhile."""

    def __init__(self, descriptor, size, begin, end, until):
        super().__init__()
        self.arguments = (descriptor, size, begin, end, until)
        self.latencies = []

    def run(self):
        descriptor, size, begin, end, until = self.arguments
        memory = memory_of(size)
        at = begin
        while (now := time.monotonic()) < until:
            if os.pwritev(descriptor, [memory], at, os.RWF_DSYNC) != size:
                raise OSError("a short write")
            self.latencies.append(time.monotonic() - now)
            at = at + size if at + 2 * size <= end else begin


def measure(directory, size, depth, seconds):
    """`depth` writes of `size` octets at a time. Returns writes/s, and the median and p99 in ms."""
    path = os.path.join(directory, "disk_limit")
    make_file(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_DIRECT)
    try:
        until = time.monotonic() + seconds
        share = FILE_BYTES // depth
        writers = [Writer(descriptor, size, i * share, (i + 1) * share, until)
                   for i in range(depth)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        os.close(descriptor)
        os.unlink(path)
    latencies = sorted(latency * 1000 for writer in writers for latency in writer.latencies)
    return (len(latencies) / seconds, statistics.median(latencies),
            latencies[int(len(latencies) * 0.99)])
