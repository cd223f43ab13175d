#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A spool that is taken away under the running server: no 250 for mail that nobody will find."""

import ctypes
import datetime
import fcntl
import os
import shutil
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CLONE_NEWNS = 0x00020000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 1 << 12, 1 << 14, 1 << 18
MNT_DETACH = 2
AT_FDCWD, RENAME_EXCHANGE = -100, 2
MIB = 1 << 20
CONTENT = b"Subject: gone\r\n\r\n" + 160 * (b"0123456789" * 7 + b"\r\n")
SENDERS = 4

libc = ctypes.CDLL(None, use_errno=True)


class Sender(threading.Thread):
    """A client that delivers mail after mail; refused for now is no failure, anything else is."""

    def __init__(self, server, accepted, lock):
        super().__init__(daemon=True)
        self.server, self.accepted, self.lock = server, accepted, lock
        self.stopping = False
        self.failure = None
        self.start()

    def run(self):
        try:
            with self.server.connect() as client:
                client.hello()
                while not self.stopping:
                    self.deliver(client)
                client.command("QUIT")
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def deliver(self, client):
        reply = deliver(client)
        if reply.code == 250:
            with self.lock:
                self.accepted.append(mailrace.accepted_id(reply))
        elif reply.code in (451, 452):
            time.sleep(0.01)
        else:
            raise AssertionError(f"refused for good: {reply}")


def deliver(client):
    """One mail. Returns the reply that decided."""
    reply = client.command("MAIL FROM:<sender@example.org>")
    if reply.code == 250:
        mailrace.expect(client.command("RCPT TO:<user@example.com>"), 250)
        reply = client.command("DATA")
    if reply.code == 354:
        client.send(CONTENT + b".\r\n")
        reply = client.reply()
    if reply.code != 250:
        client.command("RSET")
    return reply


class SpoolTestCase(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.worker = os.path.join(self.spool, "worker-0000")
        self.aside = os.path.join(self.directory, "aside")
        self.accepted = []  # ids, as the clients heard them
        self.senders = []
        self.lock = threading.Lock()

    def serve(self, *flags, **options):
        options.setdefault("segment_size", "1MiB")
        return super().serve(*flags, **options)

    def count(self):
        with self.lock:
            return len(self.accepted)

    def wait_until(self, condition, what):
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while not condition():
            self.assertFalse([s.failure for s in self.senders if s.failure], what)
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.01)

    def wait_for_mails(self, number):
        before = self.count()
        self.wait_until(lambda: self.count() >= before + number, "no mail is accepted any more")

    def take_away_under_load(self, server, take_away, restored="spool_restored"):
        """Returns when it was taken away."""
        self.senders = [Sender(server, self.accepted, self.lock) for _ in range(SENDERS)]
        self.wait_for_mails(100)
        take_away()
        taken_at = datetime.datetime.now(datetime.timezone.utc)
        self.assertIsNotNone(server.wait_event("spool_failure"), "nobody noticed")
        self.assertIsNotNone(server.wait_event(restored))
        self.wait_for_mails(100)
        for sender in self.senders:
            sender.stopping = True
        for sender in self.senders:
            sender.join(mailrace.PATIENCE_S)
            self.assertIsNone(sender.failure)
        return taken_at

    def accepted_after(self, server, taken_at):
        """Ids, in the server's words: a reply may have been on its way to the client."""
        after = {entry["id"] for entry in server.events("message")
                 if entry["status"] == "accepted"
                 and datetime.datetime.fromisoformat(entry["time"]) > taken_at}
        self.assertGreaterEqual(len(after), 50)
        return after

    def assert_found(self, server, taken_at):
        """All that was accepted since is there, also behind a restart."""
        self.assertEqual(server.stop(), 0)
        after = self.accepted_after(server, taken_at)
        self.assertEqual(after - self.found(), set(), "250 for mail that is nowhere")
        mailrace.verify(self.spool)
        with mailrace.Server(self.spool) as again:
            again.stop()
        self.assertEqual(after - self.found(), set())

    def exchange(self, directory):
        """It and the one aside change places, with no moment in between."""
        if libc.renameat2(AT_FDCWD, directory.encode(), AT_FDCWD, self.aside.encode(),
                          RENAME_EXCHANGE) != 0:
            self.skipTest(f"renameat2: {os.strerror(ctypes.get_errno())}")

    def found(self, statuses=(0,)):
        return {mail.id for mail in mailrace.exported(self.spool, statuses)}


class SpoolTakenAway(SpoolTestCase):
    def test_a_workers_directory_is_removed(self):
        for flags in ([], ["--spool-io", "buffered"], ["--durability", "page-cache"],
                      ["--listen", "127.0.0.1:0,durability=page-cache"]):
            with self.subTest(flags=flags):
                shutil.rmtree(self.spool, ignore_errors=True)
                self.accepted = []
                server = self.serve(*flags)

                def remove():
                    # A segment may be made meanwhile.
                    while os.path.exists(self.worker):
                        shutil.rmtree(self.worker, ignore_errors=True)

                taken_at = self.take_away_under_load(server, remove)
                self.assert_found(server, taken_at)

    def test_the_live_segment_is_removed(self):
        server = self.serve(segment_size="16MiB")

        def remove():
            for name in sorted(os.listdir(self.worker)):
                if name.endswith(".segment"):
                    os.unlink(os.path.join(self.worker, name))

        self.assert_found(server, self.take_away_under_load(server, remove))

    def test_a_workers_directory_is_renamed(self):
        server = self.serve()
        self.take_away_under_load(server, lambda: os.rename(self.worker, self.aside))
        self.assertEqual(server.stop(), 0)
        failures = server.events("spool_failure")
        self.assertEqual(len(failures), 1, failures)
        self.assertEqual(failures[0]["level"], "error")
        self.assertRegex(failures[0]["operation"], r"^segment\.")
        self.assertIn("No such file", failures[0]["error"])
        # What was accepted before is where it was moved to, and fits in again.
        for name in os.listdir(self.aside):
            target = os.path.join(self.worker, name)
            self.assertFalse(os.path.exists(target), "a number was used again")
            os.rename(os.path.join(self.aside, name), target)
        with mailrace.Server(self.spool) as again:
            again.stop()
        self.assertEqual(set(self.accepted) - self.found(), set())
        mailrace.verify(self.spool)

    def test_copies_take_the_place_of_the_files(self):
        server = self.serve()

        def replace():
            shutil.copytree(self.worker, self.aside)
            self.exchange(self.worker)

        taken_at = self.take_away_under_load(server, replace)
        self.assertEqual(server.stop(), 0)
        # A copy that was made while its segment was written may have a bad end.
        found = self.found(statuses=(0, 1))
        self.assertEqual(self.accepted_after(server, taken_at) - found, set())

    def test_the_whole_spool_is_removed(self):
        server = self.serve(workers=2)

        def remove():
            os.rename(self.spool, self.aside)
            shutil.rmtree(self.aside, ignore_errors=True)

        taken_at = self.take_away_under_load(server, remove)
        # It is locked again.
        status, _, err = mailrace.run("serve", "--listen", "127.0.0.1:0", "--domain", "example.com",
                                      "--spool", self.spool)
        self.assertEqual(status, 2)
        self.assertIn(f"the spool is in use by process {server.process.pid}", err)
        self.assert_found(server, taken_at)

    def test_another_server_has_taken_the_place(self):
        server = self.serve()
        client = self.client(server).hello()
        self.assertEqual(deliver(client).code, 250)
        os.mkdir(self.aside)
        with open(os.path.join(self.aside, "lock"), "w", encoding="ascii") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.exchange(self.spool)
            reply = deliver(client)
            self.assertEqual(reply.code, 451, reply)
            self.assertIsNotNone(server.wait_event("spool_lost"))
            self.assertEqual(deliver(client).code, 451)
            self.assertEqual(os.listdir(self.spool), ["lock"], "it writes to another's spool")
        self.wait_until(lambda: deliver(client).code == 250, "no mail is accepted any more")
        client.close()
        self.assertEqual(server.stop(), 0)
        mailrace.verify(self.spool)

    def test_another_server_starts_where_the_lock_was_removed(self):
        first = self.serve()
        client = self.client(first).hello()
        accepted = []
        for _ in range(100):
            reply = deliver(client)
            self.assertEqual(reply.code, 250, reply)
            accepted.append(mailrace.accepted_id(reply))
        os.unlink(os.path.join(self.spool, "lock"))
        with mailrace.Server(self.spool, segment_size="1MiB") as second:
            self.assertIsNotNone(first.wait_event("spool_lost"))
            with second.connect() as other:
                other.hello()
                # Segments that the first one had made are used by the second one.
                for _ in range(300):
                    reply = deliver(other)
                    self.assertEqual(reply.code, 250, reply)
                    accepted.append(mailrace.accepted_id(reply))
                    self.assertIn(deliver(client).code, (451, 452), "two servers write")
            client.close()
            self.assertEqual(first.stop(), 0)
            second.stop()
        self.assertEqual(set(accepted) - self.found(), set())
        mailrace.verify(self.spool)

    def test_a_consumer_goes_on(self):
        server = self.serve()
        taken_at = self.take_away_under_load(server, lambda: os.rename(self.worker, self.aside))
        output = os.path.join(self.directory, "out")
        status, _, err = mailrace.run("spool", "export", self.spool, "--consumer", "c",
                                      "--format", "maildir", "--output", output)
        self.assertEqual(status, 0, err)
        delivered = len(os.listdir(os.path.join(output, "new")))
        self.assertGreaterEqual(delivered, 100)
        client = self.client(server).hello()
        for _ in range(10):
            self.assertEqual(deliver(client).code, 250)
        status, _, err = mailrace.run("spool", "export", self.spool, "--consumer", "c",
                                      "--format", "maildir", "--output", output)
        self.assertEqual(status, 0, err)
        self.assertEqual(len(os.listdir(os.path.join(output, "new"))), delivered + 10)
        client.close()
        self.assert_found(server, taken_at)

    def test_a_server_without_a_spool_stops(self):
        server = self.serve()
        client = self.client(server).hello()
        self.assertEqual(deliver(client).code, 250)
        os.rename(self.spool, self.aside)
        client.close()
        self.assertEqual(server.stop(), 0)


class Mounts(SpoolTestCase):
    """In a mount namespace of this process, which takes root."""

    def setUp(self):
        super().setUp()
        if libc.unshare(CLONE_NEWNS) != 0:
            self.skip()
        self.mount(None, "/", None, MS_REC | MS_PRIVATE)
        os.mkdir(self.spool)

    def skip(self):
        reason = os.strerror(ctypes.get_errno())
        self.skipTest(f"no file system of our own can be mounted here: {reason}")

    def mount(self, source, target, kind, flags):
        texts = [text and text.encode() for text in (source, target, kind)]
        if libc.mount(*texts, flags, None) != 0:
            self.skip()

    def umount(self):
        libc.umount2(self.spool.encode(), MNT_DETACH)

    def test_a_file_system_is_mounted_over_the_spool(self):
        server = self.serve("--spool-io", "buffered")
        self.addCleanup(self.umount)
        self.assert_found(server, self.take_away_under_load(
            server, lambda: self.mount("tmpfs", self.spool, "tmpfs", 0)))

    def test_read_only_until_it_is_not(self):
        server = self.serve()
        client = self.client(server).hello()
        self.assertEqual(deliver(client).code, 250)
        accepted = 1
        # Files that are open can be written to still; none can be made.
        self.mount(self.spool, self.spool, None, MS_BIND)
        self.addCleanup(self.umount)
        self.mount(None, self.spool, None, MS_REMOUNT | MS_BIND | MS_RDONLY)
        for _ in range(4 * MIB // len(CONTENT)):
            reply = deliver(client)
            if reply.code != 250:
                break
            accepted += 1
        self.assertEqual(reply.code, 451, reply)
        failure = server.wait_event("spool_failure")
        self.assertIsNotNone(failure)
        self.assertIn("Read-only", failure["error"])
        self.umount()
        self.wait_until(lambda: deliver(client).code == 250, "no mail is accepted any more")
        client.close()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(self.found()), accepted + 1)
        mailrace.verify(self.spool)


if __name__ == "__main__":
    mailrace.main()
