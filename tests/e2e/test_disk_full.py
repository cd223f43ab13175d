#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk: 452 while it is full, nothing accepted is lost, and mail again when there is room.

The spool is on a small tmpfs in a mount namespace of this process, which takes root. A limit on the
size of files is a full disk that takes no root, and answers with a signal.
"""

import ctypes
import os
import resource
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

CLONE_NEWNS = 0x00020000
MS_NOSUID, MS_REC, MS_PRIVATE = 2, 1 << 14, 1 << 18
MIB = 1 << 20
DISK_BYTES = 12 * MIB
CONTENT = 1000 * (b"0123456789" * 7 + b"\r\n")  # 72,000 octets

libc = ctypes.CDLL(None, use_errno=True)


def mount_small_disk(path):
    """Mounts a tmpfs that nobody else sees and that goes away with this process."""
    failed = (libc.unshare(CLONE_NEWNS) != 0
              or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0
              or libc.mount(b"tmpfs", path.encode(), b"tmpfs", MS_NOSUID,
                            f"size={DISK_BYTES},mode=700".encode()) != 0)
    if failed:
        reason = os.strerror(ctypes.get_errno())
        raise unittest.SkipTest(f"no file system of our own can be mounted here: {reason}")


class WriteFails(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.accepted = []

    def deliver(self, client):
        """Delivers one mail. Returns the reply that decided."""
        reply = client.command("MAIL FROM:<sender@example.org>")
        if reply.code == 250:
            mailrace.expect(client.command("RCPT TO:<user@example.com>"), 250)
            reply = client.command("DATA")
        if reply.code == 354:
            client.send(CONTENT + b".\r\n")
            reply = client.reply()
        if reply.code == 250:
            self.accepted.append(mailrace.accepted_id(reply))
        else:
            client.command("RSET")
        return reply

    def assert_refused(self, reply, code, enhanced):
        self.assertEqual((reply.code, reply.text.split()[0]), (code, enhanced), reply)

    def assert_accepts_again(self, client, code=452, enhanced="4.3.1"):
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while (reply := self.deliver(client)).code != 250:
            self.assert_refused(reply, code, enhanced)
            self.assertLess(time.monotonic(), deadline, "it never accepts mail again")
            time.sleep(0.2)

    def assert_all_there(self):
        mails = mailrace.exported(self.spool)
        self.assertEqual({mail.content for mail in mails}, {CONTENT})
        self.assertEqual([mail.id for mail in mails], self.accepted)
        mailrace.verify(self.spool)


class DiskFull(WriteFails):
    def setUp(self):
        super().setUp()
        self.disk = os.path.join(self.directory, "disk")
        os.mkdir(self.disk)
        mount_small_disk(self.disk)
        self.addCleanup(libc.umount2, self.disk.encode(), 2)
        self.spool = os.path.join(self.disk, "spool")
        self.filler = os.path.join(self.disk, "filler")

    def fill(self):
        """Leaves nothing on the disk."""
        with open(self.filler, "ab") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(64 << 10))
            except OSError:
                pass

    def assert_full(self, reply):
        self.assert_refused(reply, 452, "4.3.1")

    def test_452_until_there_is_room_again(self):
        server = self.serve("--min-free-space", "0", segment_size="1MiB")
        client = self.client(server).hello()
        self.assertEqual(self.deliver(client).code, 250)
        self.fill()
        # The segments that were made before still take some.
        for _ in range(2 * MIB // len(CONTENT) + 2):
            reply = self.deliver(client)
            if reply.code != 250:
                break
        self.assert_full(reply)
        self.assertGreater(len(self.accepted), 1)
        for _ in range(5):
            self.assert_full(self.deliver(client))
        self.assertEqual(client.command("NOOP").code, 250)
        failure = server.wait_event("spool_failure")
        self.assertIsNotNone(failure, "the log does not say that the disk is full")
        self.assertEqual(failure["level"], "error")
        self.assertIn("No space left", failure["error"])

        os.unlink(self.filler)
        self.assert_accepts_again(client)
        for _ in range(20):
            self.assertEqual(self.deliver(client).code, 250)
        client.command("QUIT")
        client.close()
        self.assertEqual(server.stop(), 0)
        self.assert_all_there()

    def test_full_in_the_middle_of_mail_data(self):
        server = self.serve("--min-free-space", "0", segment_size="1MiB")
        client = self.client(server).hello()
        client.begin_data()
        client.send(CONTENT)
        self.fill()
        for _ in range(3 * MIB // len(CONTENT)):
            client.send(CONTENT)
        client.send(b".\r\n")
        self.assert_full(client.reply())
        os.unlink(self.filler)
        self.assert_accepts_again(client)
        client.close()
        self.assertEqual(server.stop(), 0)
        self.assert_all_there()

    def test_a_server_starts_and_stops_on_a_full_disk(self):
        os.mkdir(self.spool)
        with mailrace.Server(self.spool) as server:
            server.stop()
        self.fill()
        server = self.serve("--min-free-space", "0", segment_size="1MiB")
        client = self.client(server).hello()
        self.assert_full(self.deliver(client))
        client.close()
        self.assertEqual(server.stop(), 0)

    def leave(self, bytes_left):
        """Leaves no more than that on the disk."""
        space = os.statvfs(self.disk)
        with open(self.filler, "ab") as file:
            file.write(bytes(max(0, space.f_bavail * space.f_frsize - bytes_left)))

    def test_452_below_what_is_to_be_left(self):
        server = self.serve("--min-free-space", "4MiB", segment_size="1MiB")
        client = self.client(server).hello()
        self.assertEqual(self.deliver(client).code, 250)
        begun = self.client(server).hello()
        begun.begin_data()
        self.leave(3 * MIB)
        self.assertIsNotNone(server.wait_event("space_low"))
        self.assert_full(self.deliver(client))
        begun.send(CONTENT + b".\r\n")
        self.accepted.append(mailrace.accepted_id(begun.reply()))
        os.truncate(self.filler, os.path.getsize(self.filler) - MIB - MIB // 4)
        time.sleep(1.5)
        self.assert_full(self.deliver(client))  # more than 4 MiB, but not an eighth more
        os.unlink(self.filler)
        self.assertIsNotNone(server.wait_event("space_back"))
        self.assert_accepts_again(client)
        client.close()
        begun.close()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(len(server.events("space_low")), 1)
        self.assert_all_there()

    def test_452_with_too_few_inodes(self):
        server = self.serve("--min-free-inodes", "1000000000000", segment_size="1MiB")
        client = self.client(server).hello()
        self.assert_full(self.deliver(client))
        self.assertGreater(server.wait_event("space_low")["free_inodes"], 0)
        client.close()
        self.assertEqual(server.stop(), 0)


class FileSizeLimit(WriteFails):
    """RLIMIT_FSIZE: behind the limit a write sends SIGXFSZ, which ends a process by default."""

    def test_451_until_the_limit_is_lifted(self):
        server = self.serve(segment_size="1MiB")
        client = self.client(server).hello()
        self.assertEqual(self.deliver(client).code, 250)
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
        self.assert_refused(self.deliver(client), 451, "4.3.0")
        failure = server.wait_event("spool_failure")
        self.assertIsNotNone(failure)
        self.assertIn("too large", failure["error"])
        self.assert_refused(self.deliver(client), 451, "4.3.0")
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, limits)
        self.assert_accepts_again(client, 451, "4.3.0")
        client.close()
        self.assertEqual(server.stop(), 0)
        self.assert_all_there()


if __name__ == "__main__":
    mailrace.main()
