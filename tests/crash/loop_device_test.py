#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A spool on a real file system of its own, ext4 on a loop device: full, and without power.

A power cut is what the backing file holds at a moment: blocks that the file system has not sent to
its device are not in it. The server is stopped while the file is copied, so the copy is of one
moment; then the server is killed, and another one starts on a file system that is mounted from the
copy. What a device itself may lose, dm-flakey would show; see the end of this file.

Takes root, loop devices and mkfs.ext4. MAILRACE_TEST_ROUNDS says how often the power goes out,
MAILRACE_TEST_SEED when.
"""

import ctypes
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import mailrace  # noqa: E402
from kill_server_test import Sender  # noqa: E402

ROUNDS = int(os.environ.get("MAILRACE_TEST_ROUNDS", "4"))
SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))
CLIENTS = 6
MIB = 1 << 20
CONTENT = 1000 * (b"0123456789" * 7 + b"\r\n")  # 72,000 octets
CLONE_NEWNS = 0x00020000
MS_REC, MS_PRIVATE = 1 << 14, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def command(*arguments):
    """Runs it to its end. Returns what it says if it fails, None if not."""
    if shutil.which(arguments[0]) is None:
        return f"no {arguments[0]} here"
    done = subprocess.run(arguments, capture_output=True, check=False, text=True)
    return None if done.returncode == 0 else f"{arguments[0]}: {done.stderr.strip()}"


def own_mounts():
    """What is mounted from now on nobody else sees, and it goes away with this process."""
    failed = (libc.unshare(CLONE_NEWNS) != 0
              or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0)
    if failed:
        raise unittest.SkipTest("no mounts of our own: " + os.strerror(ctypes.get_errno()))


class LoopDevice(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        own_mounts()
        self.image = os.path.join(self.directory, "image")

    def make_image(self, size):
        with open(self.image, "wb") as file:
            file.truncate(size)
        failure = command("mkfs.ext4", "-q", "-F", self.image)
        if failure:
            self.skipTest(failure)

    def mount(self, image, name):
        """Mounts an image by a loop device. Returns the directory."""
        path = os.path.join(self.directory, name)
        os.mkdir(path)
        failure = command("mount", "-o", "loop,commit=300", image, path)
        if failure:
            self.skipTest(failure)
        self.addCleanup(libc.umount2, path.encode(), 2)
        return path

    def deliver(self, client):
        """Delivers one mail. Returns the reply that decided."""
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

    def test_a_full_file_system(self):
        """452 when it is full, mail again when there is room; what was accepted is there."""
        self.make_image(24 * MIB)
        disk = self.mount(self.image, "disk")
        spool = os.path.join(disk, "spool")
        filler = os.path.join(disk, "filler")
        with open(filler, "wb") as file:
            file.write(bytes(4 * MIB))
        accepted = []
        with mailrace.Server(spool, "--min-free-space", "0", segment_size="1MiB") as server:
            with server.connect() as client:
                client.hello()
                reply = self.deliver(client)
                while reply.code == 250 and len(accepted) < 1000:
                    accepted.append(mailrace.accepted_id(reply))
                    reply = self.deliver(client)
                self.assertEqual((reply.code, reply.text[:5]), (452, "4.3.1"), str(reply))
                self.assertGreater(len(accepted), 50)
                os.unlink(filler)
                deadline = time.monotonic() + mailrace.PATIENCE_S
                while reply.code != 250 and time.monotonic() < deadline:
                    time.sleep(0.2)
                    reply = self.deliver(client)
                accepted.append(mailrace.accepted_id(reply))
            self.assertEqual(server.stop(), 0)
        self.assertLessEqual(set(accepted), {mail.id for mail in mailrace.exported(spool)})
        mailrace.verify(spool)

    def cut(self, server, senders, number):
        """What is left when the power goes out now, as a spool; the server is gone then."""
        server.signal(signal.SIGSTOP)
        # What was acknowledged before is on its way to the senders, or there.
        time.sleep(0.1)
        acknowledged = {}
        for sender in senders:
            acknowledged |= dict(sender.acknowledged)
        copy = f"{self.image}-{number}"
        shutil.copyfile(self.image, copy)
        server.kill()
        for sender in senders:
            sender.join(mailrace.PATIENCE_S)
            self.assertIsNone(sender.failure)
        return self.mount(copy, f"cut-{number}"), copy, acknowledged

    def test_without_power(self):
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        self.make_image(192 * MIB)
        spool = os.path.join(self.mount(self.image, "disk"), "spool")
        expected = {}
        sent = set()
        for number in range(ROUNDS):
            shuffled = random.Random(SEED * 1000 + number)
            with mailrace.Server(spool, "--min-free-space", "0", segment_size="1MiB") as server:
                senders = [Sender(server.address, (SEED * 1000 + number) * 100 + i)
                           for i in range(CLIENTS)]
                for sender in senders:
                    sender.start()
                time.sleep(shuffled.uniform(0.1, 0.6))
                left, copy, acknowledged = self.cut(server, senders, number)
            for sender in senders:
                sent |= sender.sent
            # On the copy: the mail of this round and of all before it.
            expected |= acknowledged
            self.check(os.path.join(left, "spool"), expected, sent)
            libc.umount2(left.encode(), 2)
            os.unlink(copy)
            # The disk itself had power all the time: what was acknowledged behind the cut is there.
            for sender in senders:
                expected |= sender.acknowledged
        print(f"{len(expected)} mails acknowledged", flush=True)
        self.assertGreater(len(expected), 10 * ROUNDS)

    def check(self, spool, expected, sent):
        with mailrace.Server(spool, "--min-free-space", "0", segment_size="1MiB") as server:
            self.assertEqual(server.wait_event("recovered")["damage"], 0, server.log)
            self.assertEqual(server.stop(), 0)
        by_id = {mail.id: mail.content for mail in mailrace.exported(spool)}
        self.assertEqual(expected.keys() - by_id.keys(), set(), "acknowledged and not there")
        torn = [mail for mail, content in expected.items() if by_id[mail] != content]
        self.assertEqual(torn, [], "acknowledged and not as it was sent")
        self.assertEqual([mail for mail, content in by_id.items() if content not in sent], [])
        mailrace.verify(spool)

    def test_on_a_device_that_drops_writes(self):
        """dm-flakey drops writes in silence from a moment on, as a disk does that loses power."""
        failure = command("dmsetup", "targets") or command("dmsetup", "create", "--help")
        if failure:
            self.skipTest("no device mapper: " + failure.splitlines()[0])
        self.make_image(192 * MIB)
        device = subprocess.run(["losetup", "--show", "-f", self.image], check=True, text=True,
                                capture_output=True).stdout.strip()
        self.addCleanup(command, "losetup", "-d", device)
        name = f"mailrace-test-{os.getpid()}"
        sectors = 192 * MIB // 512

        def table(features):
            return f"0 {sectors} flakey {device} 0 {features}"

        failure = command("dmsetup", "create", name, "--table", table("3600 0"))
        if failure:
            self.skipTest(failure)
        self.addCleanup(command, "dmsetup", "remove", "--force", name)
        disk = os.path.join(self.directory, "flakey")
        os.mkdir(disk)
        self.assertIsNone(command("mount", f"/dev/mapper/{name}", disk))
        self.addCleanup(libc.umount2, disk.encode(), 2)
        spool = os.path.join(disk, "spool")
        with mailrace.Server(spool, "--min-free-space", "0", segment_size="1MiB") as server:
            senders = [Sender(server.address, SEED * 100 + i) for i in range(CLIENTS)]
            for sender in senders:
                sender.start()
            time.sleep(0.5)
            server.signal(signal.SIGSTOP)
            time.sleep(0.1)
            expected = {}
            for sender in senders:
                expected |= dict(sender.acknowledged)
            # --noflush: what is under way meets the new table.
            for step in (["suspend", "--noflush", name],
                         ["load", name, "--table", table("0 3600 1 drop_writes")],
                         ["resume", name]):
                self.assertIsNone(command("dmsetup", *step))
            server.kill()
        for sender in senders:
            sender.join(mailrace.PATIENCE_S)
        libc.umount2(disk.encode(), 0)  # the rest of the page cache goes nowhere
        for step in (["suspend", name], ["load", name, "--table", table("3600 0")],
                     ["resume", name]):
            self.assertIsNone(command("dmsetup", *step))
        self.assertIsNone(command("mount", f"/dev/mapper/{name}", disk))
        self.check(spool, expected, set().union(*(sender.sent for sender in senders)))


if __name__ == "__main__":
    mailrace.main()
