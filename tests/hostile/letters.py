# SPDX-License-Identifier: GPL-3.0-or-later
"""Mails that can be told apart and checked when they come back out of the spool."""

import re
import zlib

_LINE = b"0123456789" * 7 + b"\r\n"
_HEAD = b"Subject: hostile\r\nX-Test-Id: %s\r\nX-Test-Crc: %08x %d\r\n\r\n"
_HEAD_OF = re.compile(rb"Subject: hostile\r\nX-Test-Id: ([!-~]+)\r\n"
                      rb"X-Test-Crc: ([0-9a-f]{8}) (\d+)\r\n\r\n")


class Body:
    """About `size` octets; their checksum is made once. No line of it begins with a dot."""

    def __init__(self, size):
        self.octets = _LINE * max(1, size // len(_LINE))
        self.crc = zlib.crc32(self.octets)

    def letter(self, uid):
        return _HEAD % (uid.encode(), self.crc, len(self.octets)) + self.octets


def uid_of(content):
    """The id of a letter that is whole; ValueError for anything else."""
    head = _HEAD_OF.match(content)
    if head is None:
        raise ValueError(f"not a letter: {content[:200]!r}")
    uid = head.group(1).decode()
    body = memoryview(content)[head.end():]
    if len(body) != int(head.group(3)) or zlib.crc32(body) != int(head.group(2), 16):
        raise ValueError(f"{uid}: {len(body)} octets that were not sent like this")
    return uid
