#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the page cache keeps of a spool, behind its writer and behind its readers, is bounded."""

import ctypes
import mmap
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MIB = 1 << 20
CACHED_MAX = 16 * MIB  # behind a writer or a reader; kCachedBytesMax in core/base/limits.h
# What is on its way, and what is not stable yet where listeners promise different things.
SLACK = CACHED_MAX // 2 + 4 * MIB
MAIL = 13_107 * (b"0123456789" * 7 + b"12345678\r\n")  # 1 MiB
MAILS = 200
WRITTEN = MAILS * len(MAIL)

_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                       ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]


def resident_bytes(path):
    """Octets of a file that the page cache has; 0 if it is gone, or is a socket."""
    if not os.path.isfile(path):
        return 0
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return 0
    try:
        size = os.fstat(file).st_size
        if size == 0:
            return 0
        address = _libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file, 0)
    finally:
        os.close(file)
    assert address not in (None, ctypes.c_void_p(-1).value), os.strerror(ctypes.get_errno())
    pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
    status = _libc.mincore(address, size, pages)
    _libc.munmap(address, size)
    assert status == 0, os.strerror(ctypes.get_errno())
    return sum(page & 1 for page in bytes(pages)) * mmap.PAGESIZE


def resident_of_spool(spool):
    return sum(resident_bytes(os.path.join(directory, name))
               for directory, _, names in os.walk(spool) for name in names)


def drops_pages(directory):
    """Whether the file system drops pages when it is told to: one in memory cannot."""
    with tempfile.NamedTemporaryFile(dir=directory) as file:
        file.write(bytes(MIB))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        return resident_bytes(file.name) == 0


class PageCache(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        if not drops_pages(self.directory):
            self.skipTest("the file system under test keeps all its pages in memory")

    def fill(self, server):
        addresses = []
        for entry in server.events("listening"):
            host, port = entry["address"].rsplit(":", 1)
            addresses.append((host, int(port)))
        for address in addresses:
            with mailrace.Client(address) as client:
                client.hello()
                for _ in range(MAILS // len(addresses)):
                    mailrace.accepted_id(client.mail(MAIL))

    def wait_until_bounded(self, limit, what):
        """Helper threads of the kernel carry the drops out, behind the replies."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while (resident := resident_of_spool(self.spool)) > limit:
            self.assertLess(time.monotonic(), deadline,
                            f"{resident / MIB:.1f} MiB in the page cache {what}")
            time.sleep(0.05)

    def test_behind_the_writer(self):
        for name, flags in {
                "disk": [],
                "page-cache": ["--durability", "page-cache"],
                "mixed": ["--durability", "page-cache", "--listen", "127.0.0.1:0,durability=disk"],
                "direct": ["--spool-io", "direct"]}.items():
            with self.subTest(name):
                self.spool = os.path.join(self.directory, name)
                mode = [] if name == "direct" else ["--spool-io", "buffered"]
                server = self.serve(*mode, *flags, segment_size="64MiB")
                self.fill(server)
                self.wait_until_bounded(CACHED_MAX + SLACK, "behind the writer")
                if name == "disk":
                    # A reader that is close finds what it wants.
                    self.assertGreater(resident_of_spool(self.spool), CACHED_MAX // 4)
                self.assertEqual(server.stop(), 0)
                self.wait_until_bounded(SLACK, "when the server has ended")
                mailrace.verify(self.spool)

    def peak_of(self, *arguments):
        """Runs the program to its end. Returns the most that the page cache had meanwhile."""
        peak = 0
        with subprocess.Popen([mailrace.PROGRAM, *arguments], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, env=mailrace.clean_environment(),
                              preexec_fn=mailrace.die_with_parent) as process:
            while process.poll() is None:
                peak = max(peak, resident_of_spool(self.spool))
                time.sleep(0.01)
            self.assertEqual(process.returncode, 0, arguments)
        return peak

    def test_behind_readers(self):
        server = self.serve(segment_size="64MiB")
        self.fill(server)
        self.assertEqual(server.stop(), 0)
        self.wait_until_bounded(SLACK, "when the server has ended")
        output = os.path.join(self.directory, "out")
        for arguments in (("verify", self.spool),
                          ("export", self.spool, "--format", "mbox", "--output", "/dev/null"),
                          ("export", self.spool, "--consumer", "c", "--format", "jsonl",
                           "--output", output)):
            with self.subTest(arguments[0]):
                peak = self.peak_of("spool", *arguments)
                # One position for records and one for mail data, and what the kernel reads ahead.
                self.assertLess(peak, WRITTEN // 2)
                self.wait_until_bounded(SLACK, f"behind {arguments[0]}")


if __name__ == "__main__":
    mailrace.main()
