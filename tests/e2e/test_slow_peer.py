#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Peers that do not read, hardly write or say nothing cost themselves, not the others."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
# Two commands that may come for ever, and their replies.
PAIR = b"MAIL FROM:<>\r\nRSET\r\n"
PAIR_COUNT = 5_000
UNREAD_BYTES_MAX = 64 << 20  # more than the kernel keeps for both directions of a connection
DEAF_COUNT = 200
IDLE_COUNT = 2_000
SESSIONS_MAX = 16_384   # kSessionsPerWorkerMax
OPEN_MAILS_MAX = 3_072  # kOpenMailsMax
MIB = 1 << 20


class SlowPeers(mailrace.ServerTestCase):
    def assert_serves(self, server):
        """A well-behaved client gets its mail through as ever."""
        with server.connect() as client:
            client.hello()
            mailrace.accepted_id(client.mail(CONTENT))
            self.assertEqual(client.command("QUIT").code, 221)

    def test_a_client_that_never_reads(self):
        server = self.serve()
        client = self.client(server, receive_buffer=2048)
        client.send(b"EHLO client.example\r\n")
        client.socket.settimeout(0.5)
        before = server.memory_bytes_max()
        sent = 0
        with self.assertRaises(TimeoutError):  # the server has stopped reading, as it should
            while sent < UNREAD_BYTES_MAX:
                client.send(PAIR_COUNT * PAIR)
                sent += PAIR_COUNT * len(PAIR)
        self.assertLess(server.memory_bytes_max() - before, 16 * MIB)
        for _ in range(20):
            self.assert_serves(server)

    def test_a_client_that_reads_late_misses_nothing(self):
        server = self.serve()
        client = self.client(server)
        client.socket.setblocking(False)
        unsent = b"EHLO client.example\r\n" + PAIR_COUNT * PAIR + b"QUIT\r\n"
        stuck_since = time.monotonic()
        while unsent and time.monotonic() - stuck_since < 0.3:
            try:
                unsent = unsent[client.socket.send(unsent):]
                stuck_since = time.monotonic()
            except BlockingIOError:
                time.sleep(0.01)
        client.socket.settimeout(mailrace.PATIENCE_S)
        self.assertEqual(client.reply().code, 220)
        self.assertEqual(client.reply().code, 250)
        if unsent:
            client.send(unsent)
        for _ in range(2 * PAIR_COUNT):
            self.assertEqual(client.reply().code, 250)
        self.assertEqual(client.reply().code, 221)
        self.assertEqual(client.rest(), b"")

    def test_200_clients_that_never_read(self):
        server = self.serve()
        before = server.memory_bytes_max()
        for _ in range(DEAF_COUNT):
            client = self.client(server, receive_buffer=2048)
            client.socket.setblocking(False)
            client.socket.send(b"EHLO client.example\r\n" + PAIR_COUNT * PAIR)
        for _ in range(20):
            self.assert_serves(server)
        self.assertLess(server.memory_bytes_max() - before, 128 * MIB)
        # They cannot hold it when it is to stop either.
        self.assertEqual(server.stop(), 0)

    def test_a_client_that_sends_octet_by_octet(self):
        server = self.serve()
        client = self.client(server)
        conversation = (b"EHLO client.example\r\nMAIL FROM:<sender@example.org>\r\n"
                        b"RCPT TO:<user@example.com>\r\nDATA\r\n..\r\n" + CONTENT
                        + b".\r\nQUIT\r\n")
        for octet in conversation:
            client.send(bytes([octet]))
            time.sleep(0.001)
        self.assertEqual([client.reply().code for _ in range(7)],
                         [220, 250, 250, 250, 354, 250, 221])
        self.assertEqual(client.rest(), b"")
        client.close()
        server.stop()
        self.assertEqual([mail.content for mail in mailrace.exported(self.spool)],
                         [b".\r\n" + CONTENT])

    def test_a_client_that_rests_in_its_mail_data(self):
        server = self.serve()
        client = self.client(server).hello()
        client.begin_data()
        client.send(CONTENT[:-1])
        for _ in range(5):
            self.assert_serves(server)
        client.send(CONTENT[-1:] + b".\r\n")
        mailrace.accepted_id(client.reply())

    def test_a_client_that_is_gone_when_its_mail_is_stored(self):
        server = self.serve("--commit-delay", "1s")
        client = self.client(server).hello()
        client.begin_data()
        client.send(CONTENT + b".\r\n")
        time.sleep(0.2)
        client.reset()
        # Nobody was told, but it is there, and the log is where one learns of it.
        line = server.wait_event("message")
        self.assertEqual((line["status"], line["answered"]), ("accepted", False))
        server.stop()
        self.assertEqual([mail.id for mail in mailrace.exported(self.spool)], [line["id"]])

    def test_2000_idle_connections(self):
        if not mailrace.raise_descriptor_limit(IDLE_COUNT + 100):
            self.skipTest("too few descriptors are allowed")
        server = self.serve(workers=2)
        idle = [self.client(server) for _ in range(IDLE_COUNT)]
        for client in idle:
            self.assertEqual(client.reply().code, 220)
        self.assert_serves(server)
        for client in idle[::7]:
            mailrace.expect(client.command("EHLO client.example"), 250)
        for client in idle[:50]:
            mailrace.accepted_id(client.command("EHLO client.example") and client.mail(CONTENT))
        self.assert_serves(server)
        for client in idle:
            client.close()
        server.stop()
        self.assertEqual(len(mailrace.exported(self.spool)), 52)

    def test_connections_that_come_and_go(self):
        server = self.serve()
        for round_number in range(2_000):
            client = server.connect()
            if round_number % 2 == 0:
                client.reset()
            else:
                client.close()
        self.assert_serves(server)

    def test_one_session_too_many_hears_421(self):
        if not mailrace.raise_descriptor_limit(SESSIONS_MAX + 200):
            self.skipTest("too few descriptors are allowed")
        server = self.serve()
        clients = []
        try:
            for _ in range(SESSIONS_MAX):
                clients.append(server.connect())
            self.assertEqual(clients[-1].reply().code, 220)
            with server.connect() as refused:
                reply = refused.reply()
                self.assertEqual((reply.code, reply.text[:6]), (421, "4.3.2 "))
                self.assertIn("too many sessions", reply.text)
                self.assertEqual(refused.rest(), b"")
            for client in clients[:100]:
                client.close()
            deadline = time.monotonic() + mailrace.PATIENCE_S
            while True:
                with server.connect() as late:
                    if late.reply().code == 220:
                        break
                self.assertLess(time.monotonic(), deadline, "it lets nobody in any more")
                time.sleep(0.05)
        finally:
            for client in clients:
                client.close()
        self.assert_serves(server)

    def test_more_open_mails_than_there_is_memory_for(self):
        if not mailrace.raise_descriptor_limit(OPEN_MAILS_MAX + 200):
            self.skipTest("too few descriptors are allowed")
        server = self.serve()
        clients = [self.client(server).hello() for _ in range(OPEN_MAILS_MAX + 1)]
        for client in clients[:OPEN_MAILS_MAX]:
            client.begin_data()
            client.send(CONTENT)
        last = clients[-1]
        reply = last.command("MAIL FROM:<sender@example.org>")
        self.assertEqual((reply.code, reply.text[:6]), (452, "4.3.1 "))
        for client in clients[:OPEN_MAILS_MAX]:
            client.send(b".\r\n")
        for client in clients[:OPEN_MAILS_MAX]:
            mailrace.accepted_id(client.reply())
        mailrace.accepted_id(last.mail(CONTENT))
        for client in clients:
            client.close()
        server.stop()
        mails = mailrace.exported(self.spool)
        self.assertEqual(len(mails), OPEN_MAILS_MAX + 1)
        self.assertEqual({mail.content for mail in mails}, {CONTENT})


if __name__ == "__main__":
    mailrace.main()
