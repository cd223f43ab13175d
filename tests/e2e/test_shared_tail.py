#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A consumer close behind the server finds mail in the server's memory instead of on the disk."""

import base64
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MIB = 1 << 20
MAIL_BYTES = 256 << 10
MAILS = 120
READERS_MAX = 32  # kTailReadersMax in core/base/limits.h


def content(number):
    line = b"%08d" % number * 9 + b"\r\n"
    return b"Subject: %d\r\n\r\n" % number + MAIL_BYTES // len(line) * line


def wait_until(condition, what):
    deadline = time.monotonic() + mailrace.PATIENCE_S
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("waited in vain until " + what)
        time.sleep(0.02)


def proc(pid, name):
    with open(f"/proc/{pid}/{name}", encoding="utf-8", errors="replace") as file:
        return file.read()


def field(pid, name, key):
    return int(next(line.split()[1] for line in proc(pid, name).splitlines()
                    if line.startswith(key + ":")))


class Consumer:
    """Follows a spool into a file of lines."""

    def __init__(self, spool, output, name="c", user=None):
        self.output = output
        self.process = subprocess.Popen(
            [mailrace.PROGRAM, "spool", "export", spool, "--follow", "--consumer", name, "--format",
             "jsonl", "--output", output],
            stderr=subprocess.PIPE, env=mailrace.clean_environment(),
            user=user, preexec_fn=mailrace.die_with_parent)

    def memory(self):
        """The inode of the server's memory, if the consumer has it."""
        lines = [line.split() for line in proc(self.process.pid, "maps").splitlines()
                 if "mailrace-tail" in line]
        return lines[0][4] if lines else None

    def has_memory(self):
        return self.memory() is not None

    def read_bytes(self):
        return field(self.process.pid, "io", "read_bytes")

    def mails(self):
        if not os.path.exists(self.output):
            return []
        with open(self.output, "rb") as file:
            return [json.loads(line) for line in file.read().split(b"\n")[:-1]]

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        err = self.process.communicate(timeout=mailrace.PATIENCE_S)[1]
        return self.process.returncode, err.decode()


class SharedTail(mailrace.ServerTestCase):
    def consumer(self, name="c", user=None):
        consumer = Consumer(self.spool, os.path.join(self.directory, name + ".jsonl"), name, user)
        self.addCleanup(consumer.process.stderr.close)
        self.addCleanup(consumer.process.wait)
        self.addCleanup(consumer.process.kill)
        return consumer

    def socket_path(self):
        return os.path.join(self.spool, "tail.socket")

    def deliver(self, server, numbers, pause_s=0.0):
        ids = {}
        with server.connect() as client:
            client.hello()
            for number in numbers:
                ids[mailrace.accepted_id(client.mail(content(number)))] = content(number)
                time.sleep(pause_s)
        return ids

    def check(self, consumer, ids):
        wait_until(lambda: len(consumer.mails()) >= len(ids), "all mails are handed off")
        mails = consumer.mails()
        self.assertEqual(sorted(mail["id"] for mail in mails), sorted(ids))
        for mail in mails:
            data = base64.b64decode(mail["data"])
            self.assertTrue(data.endswith(ids[mail["id"]]), mail["id"])

    def follow(self, with_memory):
        """Returns what a consumer reads of the disk while it follows, and how much there was."""
        server = self.serve()
        consumer = self.consumer()
        if with_memory:
            wait_until(consumer.has_memory, "the consumer has the server's memory")
        else:
            time.sleep(1.5)  # in which it would have come to it
            self.assertFalse(consumer.has_memory())
        ids = self.deliver(server, range(10))  # a first segment, the rest of a start
        self.check(consumer, ids)
        before = consumer.read_bytes()
        ids |= self.deliver(server, range(10, MAILS), 0.01)
        self.check(consumer, ids)
        read = consumer.read_bytes() - before
        self.assertEqual(consumer.stop(), (0, ""))
        self.assertEqual(server.stop(), 0)
        mailrace.verify(self.spool)
        return read, (MAILS - 10) * MAIL_BYTES

    def test_rarely_reads_the_disk(self):
        read, there = self.follow(with_memory=True)
        self.assertLess(read, there // 5)

    def test_reads_the_disk_where_nothing_is_shared(self):
        """Whatever the consumer does, it is the memory that spares it the disk."""
        os.makedirs(self.spool, mode=0o700)
        os.mkdir(self.socket_path())  # in the way
        read, there = self.follow(with_memory=False)
        if read == 0:
            self.skipTest("the file system under test does not count what is read")
        self.assertGreater(read, there // 2)

    def test_server_that_comes_back(self):
        server = self.serve()
        consumer = self.consumer()
        ids = {}
        seen = {None}
        for first in range(0, 60, 20):
            wait_until(lambda: consumer.memory() not in seen, "this server's memory is there")
            seen.add(consumer.memory())
            ids |= self.deliver(server, range(first, first + 20))
            server.kill()
            server = self.serve()
        wait_until(lambda: consumer.memory() not in seen, "the last server's memory is there")
        ids |= self.deliver(server, range(60, 70))
        self.check(consumer, ids)
        self.assertEqual(consumer.stop(), (0, ""))
        self.assertEqual(server.stop(), 0)
        self.assertFalse(os.path.exists(self.socket_path()))

    def test_memory_is_used_only_while_somebody_reads(self):
        server = self.serve(workers=1)
        pid = server.process.pid
        self.deliver(server, range(20))
        self.assertLess(field(pid, "status", "RssShmem"), 1024)
        consumer = self.consumer()
        wait_until(consumer.has_memory, "the consumer has the server's memory")
        ids = self.deliver(server, range(20, 40))
        wait_until(lambda: len(consumer.mails()) >= 20 + len(ids), "all mails are handed off")
        used = field(pid, "status", "RssShmem")
        self.assertGreater(used, 20 * MAIL_BYTES // 1024)
        self.assertLess(used, 17 * 1024)
        consumer.stop()
        wait_until(lambda: field(pid, "status", "RssShmem") < 1024, "the memory is given back")
        self.deliver(server, range(5))

    def test_who_is_not_root(self):
        """Under the filter of system calls a server cannot ask any more who it is."""
        if os.geteuid() != 0:
            self.skipTest("not root: every test is such a one")
        os.chmod(self.directory, 0o777)
        server = self.serve("--user", "nobody")
        consumer = self.consumer(user="nobody")
        wait_until(consumer.has_memory, "the consumer has the server's memory")
        self.check(consumer, self.deliver(server, range(3)))
        self.assertEqual(consumer.stop(), (0, ""))

    def test_socket_is_the_owners(self):
        server = self.serve()
        status = os.stat(self.socket_path())
        self.assertTrue(stat.S_ISSOCK(status.st_mode))
        self.assertEqual(status.st_mode & 0o077, 0)
        readers = []
        for _ in range(2 * READERS_MAX):
            reader = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            reader.settimeout(mailrace.PATIENCE_S)
            self.addCleanup(reader.close)
            try:
                reader.connect(self.socket_path())
            except (BlockingIOError, TimeoutError):
                break
            readers.append(reader)
        for reader in readers[:READERS_MAX]:
            greeting, descriptors, _, _ = socket.recv_fds(reader, 64, 4)
            self.assertEqual(greeting[:8], b"MLRTAIL2")
            self.assertEqual(len(descriptors), 1)
            for descriptor in descriptors:
                os.close(descriptor)
        for reader in readers[READERS_MAX:]:
            self.assertEqual(reader.recv(64), b"", "no more than the limit")
        # Who says something is none of ours.
        readers[0].send(b"hello")
        self.assertEqual(readers[0].recv(64), b"")
        self.deliver(server, range(3))


if __name__ == "__main__":
    mailrace.main()
