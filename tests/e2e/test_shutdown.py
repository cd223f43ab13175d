#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stopping: what was accepted stays, who waits hears 421, and it ends in the time it was given."""

import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CONTENT = b"Subject: x\r\n\r\ntext\r\n"
# What "at once" may take on a slow machine; the drain timeouts of these tests are far from it.
AT_ONCE_S = mailrace.PATIENCE_S / 2
FOREVER = "1h"


class Shutdown(mailrace.ServerTestCase):
    def assert_goodbye(self, client):
        """421 with the reason, then the end of the stream and not a reset."""
        reply = client.reply()
        self.assertEqual(reply.code, 421, reply)
        self.assertTrue(reply.text.startswith("4.3.2 "), reply)
        client.socket.settimeout(AT_ONCE_S)
        self.assertEqual(client.socket.recv(1), b"")

    def assert_sealed(self, mail_ids):
        """Every segment is closed in good order, and a new server finds these mails."""
        stored = [mail.id for mail in mailrace.exported(self.spool)]
        self.assertEqual(sorted(stored), sorted(mail_ids))
        report = mailrace.verify(self.spool)
        segments = int(re.search(r"segments +(\d+)", report).group(1))
        sealed = int(re.search(r"sealed +(\d+)", report).group(1))
        # One that was being made ahead has no records, and no seal.
        files = pathlib.Path(self.spool).rglob("*.segment")
        unused = sum(path.stat().st_size <= 4096 for path in files)
        self.assertEqual(segments, sealed + unused, report)
        with mailrace.Server(self.spool) as server:
            recovered = server.wait_event("recovered")
            self.assertEqual(recovered["mails"], len(mail_ids))
            self.assertEqual((recovered["tails_cut"], recovered["damage"]), (0, 0))

    def test_idle_sessions_hear_421_and_the_process_ends(self):
        server = self.serve("--drain-timeout", FOREVER, workers=2)
        silent = self.client(server)
        mailrace.expect(silent.reply(), 220)
        greeted = self.client(server).hello()
        busy = self.client(server).hello()
        queue_id = mailrace.accepted_id(busy.mail(CONTENT))
        server.signal(signal.SIGTERM)
        for client in (silent, greeted, busy):
            self.assert_goodbye(client)
            client.close()
        self.assertEqual(server.wait(AT_ONCE_S), 0)
        self.assertIsNotNone(server.wait_event("draining", signal="SIGTERM"))
        self.assertIsNotNone(server.wait_event("stopped"))
        self.assert_sealed([queue_id])

    def test_a_server_that_did_nothing_stops(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with mailrace.Server(self.spool, workers=2) as server:
                server.signal(number)
                self.assertEqual(server.wait(AT_ONCE_S), 0)

    def test_a_peer_that_does_not_close_cannot_hold_the_process(self):
        server = self.serve("--drain-timeout", "100ms")
        self.client(server).hello()  # hears 421 and stays
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait(mailrace.PATIENCE_S), 0)

    def test_an_open_transaction_may_finish(self):
        server = self.serve("--drain-timeout", FOREVER)
        in_data = self.client(server).hello()
        in_data.begin_data()
        in_data.send(CONTENT)
        behind_mail = self.client(server).hello()
        mailrace.expect(behind_mail.command("MAIL FROM:<sender@example.org>"), 250)
        server.signal(signal.SIGTERM)
        self.assertIsNotNone(server.wait_event("draining"))

        mailrace.expect(behind_mail.command("RCPT TO:<user@example.com>"), 250)
        mailrace.expect(behind_mail.command("DATA"), 354)
        behind_mail.send(CONTENT + b".\r\n")
        queue_ids = [mailrace.accepted_id(behind_mail.reply())]
        self.assert_goodbye(behind_mail)
        behind_mail.close()
        self.assertIsNone(server.process.poll())

        in_data.send(b".\r\n")
        queue_ids.append(mailrace.accepted_id(in_data.reply()))
        self.assert_goodbye(in_data)
        in_data.close()
        self.assertEqual(server.wait(AT_ONCE_S), 0)
        self.assert_sealed(queue_ids)

    def test_a_transaction_given_up_by_rset_ends_the_session(self):
        server = self.serve("--drain-timeout", FOREVER)
        client = self.client(server).hello()
        mailrace.expect(client.command("MAIL FROM:<sender@example.org>"), 250)
        server.signal(signal.SIGTERM)
        self.assertIsNotNone(server.wait_event("draining"))
        mailrace.expect(client.command("RSET"), 250)
        self.assert_goodbye(client)
        client.close()
        self.assertEqual(server.wait(AT_ONCE_S), 0)

    def test_behind_the_drain_timeout_open_transactions_hear_421(self):
        server = self.serve("--drain-timeout", "500ms")
        in_data = self.client(server).hello()
        in_data.begin_data()
        in_data.send(CONTENT)
        behind_mail = self.client(server).hello()
        mailrace.expect(behind_mail.command("MAIL FROM:<sender@example.org>"), 250)
        begun = time.monotonic()
        server.signal(signal.SIGTERM)
        self.assert_goodbye(in_data)
        self.assert_goodbye(behind_mail)
        self.assertGreaterEqual(time.monotonic() - begun, 0.4)
        in_data.close()
        behind_mail.close()
        self.assertEqual(server.wait(AT_ONCE_S), 0)
        self.assert_sealed([])

    def test_a_second_signal_ends_it_where_it_stands(self):
        server = self.serve("--drain-timeout", FOREVER)
        client = self.client(server).hello()
        queue_id = mailrace.accepted_id(client.mail(CONTENT))
        client.begin_data()
        server.signal(signal.SIGTERM)
        self.assertIsNotNone(server.wait_event("draining"))
        server.signal(signal.SIGTERM)
        server.expect_status(1)
        self.assertEqual(server.wait(AT_ONCE_S), 1)
        self.assertEqual([mail.id for mail in mailrace.exported(self.spool)], [queue_id])
        mailrace.verify(self.spool)

    def test_nobody_is_let_in_while_it_drains(self):
        server = self.serve("--drain-timeout", FOREVER, workers=2)
        client = self.client(server).hello()
        mailrace.expect(client.command("MAIL FROM:<sender@example.org>"), 250)
        server.signal(signal.SIGTERM)
        self.assertIsNotNone(server.wait_event("draining"))
        deadline = time.monotonic() + AT_ONCE_S
        while True:  # the workers close their listeners at their next tick
            # Whoever was in the queue already is told so, or is reset with the listener, which may
            # happen to it before connect() has returned.
            try:
                with server.connect() as late:
                    self.assertEqual(late.reply().code, 421)
            except (mailrace.ConnectionEnded, ConnectionResetError):
                pass
            except ConnectionRefusedError:
                break
            self.assertLess(time.monotonic(), deadline, "it still accepts")
        client.close()
        self.assertEqual(server.wait(AT_ONCE_S), 0)

    def test_a_log_that_nobody_reads_holds_nothing_up(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        command = [mailrace.PROGRAM, "serve", "--domain", "example.com", "--spool", self.spool,
                   "--listen", "127.0.0.1:0", "--segment-size", "16MiB", "--workers", "1"]
        with subprocess.Popen(command, stdout=writer, env=mailrace.clean_environment(),
                              preexec_fn=mailrace.die_with_parent) as process:
            self.addCleanup(process.kill)
            os.close(writer)
            log = b""
            while b'"ready"' not in log:
                log += os.read(reader, 4096)
            port = int(re.search(rb'"127\.0\.0\.1:(\d+)"', log).group(1))
            with mailrace.Client(("127.0.0.1", port)) as client:
                client.hello()
                for _ in range(600):  # far more lines than a pipe takes
                    mailrace.accepted_id(client.mail(CONTENT))
                process.terminate()
                self.assert_goodbye(client)
            self.assertEqual(process.wait(AT_ONCE_S), 0)
        while piece := os.read(reader, 1 << 16):
            log += piece
        lines = [json.loads(line) for line in log.splitlines()]  # none is cut
        self.assertGreater(len(lines), 100)
        self.assertLess(len(lines), 600)
        self.assertEqual(len(mailrace.exported(self.spool)), 600)

    def test_mail_of_many_runs_adds_up(self):
        queue_ids = []
        for run in range(3):
            with mailrace.Server(self.spool, workers=run + 1) as server:
                self.assertEqual(server.wait_event("recovered")["mails"], len(queue_ids))
                with server.connect() as client:
                    client.hello()
                    for _ in range(3):
                        queue_ids.append(mailrace.accepted_id(client.mail(CONTENT)))
                self.assertEqual(server.stop(), 0)
        mails = mailrace.exported(self.spool)
        self.assertEqual(sorted(mail.id for mail in mails), sorted(queue_ids))
        self.assertEqual({mail.content for mail in mails}, {CONTENT})
        self.assertEqual(len(set(queue_ids)), len(queue_ids))


if __name__ == "__main__":
    mailrace.main()
