#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Totals and budgets: who comes too much is told to come later, and what has begun is finished."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MAIL = b"Subject: x\r\n\r\nx\r\n"
TOO_MANY = "421 4.3.2 too many sessions, try again"
TOO_BUSY = "421 4.3.2 too busy, try again later"


class Overload(mailrace.ServerTestCase):
    def connect(self, server):
        """Returns a client and the first line that it got."""
        client = self.enterContext(mailrace.Client(server.address))
        return client, client.reply()

    def accepted(self, server):
        client, greeting = self.connect(server)
        self.assertEqual(greeting.code, 220, greeting)
        mailrace.expect(client.command("EHLO client.example"), 250)
        return client

    def expect_refusal(self, server, line):
        client, greeting = self.connect(server)
        self.assertEqual(str(greeting).rstrip(), line)
        self.assertEqual(client.rest(), b"")

    def wait_for(self, server, code):
        """Until a client that comes hears this."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while self.connect(server)[1].code != code:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_connections_of_the_process(self):
        server = self.serve("--max-connections", "3", workers=2)
        clients = [self.accepted(server) for _ in range(3)]
        for _ in range(4):
            self.expect_refusal(server, TOO_MANY)
        mailrace.accepted_id(clients[0].mail(MAIL))
        mailrace.expect(clients[1].command("QUIT"), 221)
        self.wait_for(server, 220)
        self.assertEqual(server.stop(), 0)

    def test_connections_of_a_worker(self):
        server = self.serve("--max-worker-connections", "2")
        clients = [self.accepted(server) for _ in range(2)]
        self.expect_refusal(server, TOO_MANY)
        clients[0].reset()
        self.wait_for(server, 220)

    def test_transactions(self):
        server = self.serve("--max-transactions", "2", "--drain-timeout", "0s", workers=2)
        clients = [self.accepted(server) for _ in range(4)]
        for client in clients[:3]:
            mailrace.expect(client.command("MAIL FROM:<a@example.net>"), 250)
            mailrace.expect(client.command("RCPT TO:<b@example.com>"), 250)
        for client in clients[:2]:
            mailrace.expect(client.command("DATA"), 354)
        # One that had its MAIL accepted, and one that comes now.
        self.assertTrue(str(clients[2].command("DATA")).startswith("452 4.3.1 "))
        self.assertTrue(str(clients[3].command("MAIL FROM:<a@example.net>"))
                        .startswith("452 4.3.1 "))
        clients[0].send(MAIL + b".\r\n")
        mailrace.accepted_id(clients[0].reply())
        mailrace.expect(clients[2].command("DATA"), 354)
        clients[1].reset()
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while clients[3].command("MAIL FROM:<a@example.net>").code != 250:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        clients[2].send(MAIL + b".\r\n")
        mailrace.accepted_id(clients[2].reply())
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(mailrace.exported(self.spool)), 2)

    def test_memory(self):
        server = self.serve("--max-memory", "1MiB", workers=2)  # no server makes do with that
        self.wait_for(server, 421)
        self.assertIsNotNone(server.wait_event("overload", strain="defer", resource="memory"))
        for _ in range(20):
            self.expect_refusal(server, TOO_BUSY)
        self.assertEqual(server.stop(), 0)

    def test_open_sessions_are_deferred_and_a_mail_that_has_begun_is_taken(self):
        # A budget that one commit after the other exceeds, on any disk.
        server = self.serve("--max-commit-wait", "1us", "--drain-timeout", "0s")
        begun = self.accepted(server)
        other = self.accepted(server)
        mailrace.expect(begun.command("MAIL FROM:<a@example.net>"), 250)
        mailrace.expect(begun.command("RCPT TO:<b@example.com>"), 250)
        mailrace.expect(begun.command("DATA"), 354)
        begun.send(MAIL + b".\r\n")
        mailrace.accepted_id(begun.reply())
        self.assertIsNotNone(server.wait_event("overload", resource="commit-wait"))
        # And it is over as soon as nobody waits.
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while other.command("MAIL FROM:<a@example.net>").code != 250:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)
        self.assertEqual(server.stop(), 0)


if __name__ == "__main__":
    mailrace.main()
