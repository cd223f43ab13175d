#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that an operator knows: let in without limits, or not at all, by lists of networks."""

import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

BLOCKED = "554 5.7.1 no service for your network"
MAIL = b"Subject: x\r\n\r\nx\r\n"


class Lists(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.block = os.path.join(self.directory, "block")
        self.allow = os.path.join(self.directory, "allow")
        self.write(self.block, "127.0.0.0/24  # all of them\n")
        self.write(self.allow, "127.0.0.7\n")
        self.flags = ("--block-list", self.block, "--allow-list", self.allow)

    def write(self, path, text):
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def greeting(self, server, source):
        client = self.enterContext(mailrace.Client(server.address, source=source))
        return str(client.reply()).rstrip()

    def reload(self, server, event):
        before = len(server.events(event))
        server.signal(signal.SIGHUP)
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while len(server.events(event)) == before:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return server.events(event)[-1]

    def wait_until(self, server, source, text):
        """Each worker takes the new lists in its next tick."""
        deadline = time.monotonic() + mailrace.PATIENCE_S
        good = 0
        while good < 20:  # so many that no worker has old ones
            good = good + 1 if self.greeting(server, source).startswith(text) else 0
            self.assertLess(time.monotonic(), deadline)

    def test_who_is_let_in(self):
        server = self.serve(*self.flags, "--limit", "any,concurrent=2", workers=2)
        for _ in range(3):
            self.assertEqual(self.greeting(server, "127.0.0.1"), BLOCKED)
        for _ in range(5):  # without limits
            self.assertTrue(self.greeting(server, "127.0.0.7").startswith("220 "))
        for expected in ("220 ", "220 ", "421 4.7.0 "):
            self.assertTrue(self.greeting(server, "127.0.1.1").startswith(expected))
        entry = server.wait_event("client_limited", limit="block-list")
        self.assertTrue(entry["last_peer"].startswith("127.0.0.1:"))

    def test_before_tls(self):
        server = self.serve(*self.flags, *mailrace.tls_flags(), "--listen-tls", "127.0.0.1:0")
        with mailrace.Client(server.addresses[1], source="127.0.0.1") as client:
            began = time.monotonic()
            self.assertEqual(client.rest(), b"")
        self.assertEqual(server.wait_event("client_limited", limit="block-list")["count"], 1)
        self.assertLess(time.monotonic() - began, 9, "no handshake was waited for")

    def test_who_is_spoken_for(self):
        self.write(self.block, "192.0.2.0/24\n")
        self.write(self.allow, "192.0.2.7\n")
        server = self.serve(*self.flags, "--xclient-from", "127.0.0.1", "--limit",
                            "any,messages=1/1h")
        def mail(address):
            client = self.enterContext(mailrace.Client(server.address))
            client.hello()
            reply = client.command(f"XCLIENT ADDR={address}")
            if reply.code != 220:
                return reply.code
            mailrace.expect(client.command("EHLO client.example"), 250)
            return client.command("MAIL FROM:<a@example.org>").code
        self.assertEqual(mail("192.0.2.1"), 554)
        self.assertEqual([mail("192.0.2.7") for _ in range(3)], [250] * 3)
        self.assertEqual([mail("198.51.100.1") for _ in range(3)], [250, 450, 450])

    def test_lists_are_read_again(self):
        server = self.serve(*self.flags, workers=2)
        with mailrace.Client(server.address, source="127.0.0.7") as client:
            client.hello()
            self.write(self.allow, "\n")
            self.write(self.block, "127.0.0.7\n127.0.2.0/24\n")
            entry = self.reload(server, "lists_loaded")
            self.assertEqual((entry["allowed"], entry["blocked"]), (0, 2))
            self.wait_until(server, "127.0.0.7", "554 ")
            self.wait_until(server, "127.0.0.1", "220 ")
            mailrace.accepted_id(client.mail(MAIL))  # who is in, is in

    def test_with_a_mistake_nothing_changes(self):
        server = self.serve(*self.flags)
        self.write(self.allow, "127.0.0.1\n")
        self.write(self.block, "# all\n\n  127.0.0.300\n")
        entry = self.reload(server, "reload_refused")
        self.assertIn(f"{self.block}:3:3: this is no IP address", entry["what"])
        self.assertEqual(self.greeting(server, "127.0.0.1"), BLOCKED)
        os.remove(self.block)
        self.assertIn("No such file", self.reload(server, "reload_refused")["what"])
        self.assertEqual(self.greeting(server, "127.0.0.1"), BLOCKED)
        self.write(self.block, "")
        self.reload(server, "lists_loaded")
        self.wait_until(server, "127.0.0.1", "220 ")

    def test_mistakes_at_the_start(self):
        self.write(self.block, "127.0.0.1/24\n")
        for more in ([], ["--check"]):
            done = subprocess.run(
                [mailrace.PROGRAM, "serve", "--listen", "127.0.0.1:0", "--domain", "example.com",
                 "--spool", self.spool, *self.flags, *more], capture_output=True, text=True,
                env=mailrace.clean_environment(), check=False, timeout=mailrace.PATIENCE_S)
            self.assertEqual(done.returncode, 2)
            self.assertEqual(
                done.stderr,
                f"mailrace serve: --block-list: {self.block}:1:1: bits behind the prefix are set\n")

    def test_a_million_networks_while_mail_comes_in(self):
        def networks(first):
            return "".join(f"{first + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24\n"
                           for i in range(1_000_000))

        self.write(self.block, networks(20))
        server = self.serve(*self.flags)
        self.assertEqual(server.events("lists_loaded")[0]["blocked"], 1_000_000)
        stop = threading.Event()
        mails = []

        def deliver():
            with mailrace.Client(server.address, source="127.0.1.1") as client:
                client.hello()
                while not stop.is_set():
                    mails.append(mailrace.accepted_id(client.mail(MAIL)))

        sender = threading.Thread(target=deliver)
        sender.start()
        try:
            self.write(self.block, networks(60) + "127.0.0.1\n")
            self.assertEqual(self.reload(server, "lists_loaded")["blocked"], 1_000_001)
            self.wait_until(server, "127.0.0.1", "554 ")
        finally:
            delivered = len(mails)
            stop.set()
            sender.join()
        self.assertGreater(delivered, 0)
        self.assertGreaterEqual(len(mails), delivered)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.events("message")), len(mails), "the sender came to its end")


if __name__ == "__main__":
    mailrace.main()
