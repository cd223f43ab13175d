#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a commit waits for company: --commit-delay, unless --commit-bytes have gathered."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

DELAY_US = 1_000_000
SMALL = b"text\r\n"
LARGE = 400 * (b"0123456789" * 7 + b"\r\n")  # 28,800 octets


class GroupCommit(mailrace.ServerTestCase):
    def commit_us(self, server, content):
        """How long the server itself says that the commit took."""
        client = self.client(server).hello()
        queue_id = mailrace.accepted_id(client.mail(content))
        client.close()
        return server.wait_event("message", id=queue_id)["commit_us"]

    def test_a_commit_waits_for_company_unless_enough_has_gathered(self):
        server = self.serve("--commit-delay", "1s", "--commit-bytes", "16KiB")
        self.assertGreaterEqual(self.commit_us(server, SMALL), DELAY_US)
        # Three, so that a single stall of the disk proves nothing.
        self.assertLess(min(self.commit_us(server, LARGE) for _ in range(3)), DELAY_US // 2)

    def test_by_default_enough_is_more(self):
        server = self.serve("--commit-delay", "1s")
        self.assertGreaterEqual(self.commit_us(server, LARGE), DELAY_US)


if __name__ == "__main__":
    mailrace.main()
