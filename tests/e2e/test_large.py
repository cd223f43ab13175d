#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mail of 100 MB goes to the disk as it comes: memory stays what it was."""

import base64
import hashlib
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

MB = 1_000_000
BLOCK_BYTES = 1 << 20
SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))


def content_blocks(total):
    """`total` octets in CRLF lines, no dot at the beginning of one, in blocks."""
    source = random.Random(SEED)
    made = 0
    while made < total:
        line = base64.b64encode(source.randbytes(700)) + b"\r\n"
        block = (line * (BLOCK_BYTES // len(line) + 1))[:min(BLOCK_BYTES, total - made) - 2]
        block = block.removesuffix(b"\r") + b"\r\n"
        made += len(block)
        yield block


class Large(mailrace.ServerTestCase):
    def deliver(self, client, total):
        """Returns queue id and digest of what was sent."""
        client.begin_data()
        digest = hashlib.sha256()
        for block in content_blocks(total):
            digest.update(block)
            client.send(block)
        client.send(b".\r\n")
        return mailrace.accepted_id(client.reply()), digest.hexdigest()

    def stored_digest(self, queue_id):
        """Of the content, without holding the mail in memory."""
        status, _, err = mailrace.run("spool", "export", self.spool, "--format", "eml",
                                      "--output", self.directory, "--id", queue_id,
                                      timeout=6 * mailrace.PATIENCE_S)
        self.assertEqual(status, 0, err)
        with open(os.path.join(self.directory, queue_id + ".eml"), "rb") as file:
            received, rest = mailrace.split_received(file.read(4096))
            self.assertIn(queue_id.encode(), received)
            digest = hashlib.sha256(rest)
            while block := file.read(BLOCK_BYTES):
                digest.update(block)
        return digest.hexdigest()

    def test_memory_is_bounded(self):
        server = self.serve("--max-message-size", "200MB", segment_size="64MiB")
        client = self.client(server).hello()
        self.deliver(client, MB)
        before = server.memory_bytes_max()
        queue_id, digest = self.deliver(client, 100 * MB)
        self.assertLess(server.memory_bytes_max() - before, 150 * MB)
        client.close()
        self.assertEqual(server.stop(), 0)
        self.assertEqual(self.stored_digest(queue_id), digest)
        mailrace.verify(self.spool)

    def test_two_large_mails_at_once_over_many_segments(self):
        server = self.serve(segment_size="1MiB")
        clients = [self.client(server).hello() for _ in range(2)]
        digests = [hashlib.sha256(), hashlib.sha256()]
        for client in clients:
            client.begin_data()
        for number, block in enumerate(content_blocks(16 * MB)):
            clients[number % 2].send(block)
            digests[number % 2].update(block)
        for client in clients:
            client.send(b".\r\n")
        queue_ids = [mailrace.accepted_id(client.reply()) for client in clients]
        for client in clients:
            client.close()
        self.assertEqual(server.stop(), 0)
        self.assertEqual([self.stored_digest(queue_id) for queue_id in queue_ids],
                         [digest.hexdigest() for digest in digests])
        mailrace.verify(self.spool)

    def test_over_the_limit_costs_no_disk(self):
        server = self.serve("--max-message-size", "1MiB", segment_size="1MiB")
        client = self.client(server).hello()
        client.begin_data()
        for block in content_blocks(50 * MB):
            client.send(block)
        client.send(b".\r\n")
        reply = client.reply()
        self.assertEqual((reply.code, reply.text[:6]), (552, "5.3.4 "))
        used = sum(os.path.getsize(os.path.join(folder, name))
                   for folder, _, names in os.walk(self.spool) for name in names)
        self.assertLess(used, 5 * MB)
        mailrace.accepted_id(client.mail(b"text\r\n"))
        client.close()
        server.stop()
        status, out, _ = mailrace.run("spool", "list", self.spool, "--json")
        self.assertEqual((status, len(out.splitlines())), (0, 1))
        self.assertLess(json.loads(out)["size"], 1000)


if __name__ == "__main__":
    mailrace.main()
