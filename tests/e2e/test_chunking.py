#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""BDAT on the real program: the same octets as by DATA, any size, and what is refused is gone."""

import os
import random
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, os.path.join(HERE, "../interop"))

import mailrace  # noqa: E402
import messages  # noqa: E402

MIB = 1 << 20
CONTENT = b"Subject: x\r\n\r\ntext\r\n"


class Chunking(mailrace.ServerTestCase):
    def stored(self, server):
        server.stop()
        mailrace.verify(self.spool)
        return mailrace.exported(self.spool)

    def test_data_and_bdat_store_the_same(self):
        contents = [message.crlf for message in
                    [*messages.edge_messages(), *messages.sized_messages(10)]]
        contents += [b"", b".\r\n"]
        server = self.serve()
        by_data = self.client(server).hello()
        by_bdat = self.client(server).hello()
        for number, content in enumerate(contents):
            mailrace.accepted_id(by_data.mail(content, rcpt_to=(f"data{number}@example.com",)))
            sizes = random.Random(number).choices((1, 2, 3, 100, 16384, 65536), k=5)
            if len(content) > 100_000:
                sizes = (65536, 100_000)
            mailrace.accepted_id(by_bdat.mail_in_chunks(
                content, sizes, rcpt_to=(f"bdat{number}@example.com",)))
        stored = {mail.rcpt_to[0].partition("@")[0]: mail.content for mail in self.stored(server)}
        self.assertEqual(len(stored), 2 * len(contents))
        for number, content in enumerate(contents):
            self.assertEqual(stored[f"data{number}"], content)
            self.assertEqual(stored[f"bdat{number}"], content)

    def test_one_chunk_of_many_megabytes(self):
        content = random.Random(1).randbytes(32 * MIB)
        server = self.serve()
        client = self.client(server).hello()
        before = server.memory_bytes_max()
        mailrace.accepted_id(client.mail_in_chunks(content, parameters=" BODY=BINARYMIME"))
        # It went to the disk as it came: the spool's chunks and our buffers, whatever the size.
        self.assertLess(server.memory_bytes_max() - before, 90 * MIB)
        self.assertTrue(self.stored(server)[0].content == content, "it is not what was sent")

    def test_what_is_refused_is_discarded_to_its_last_octet(self):
        server = self.serve("--max-message-size", "1MiB")
        client = self.client(server).hello()
        before = server.memory_bytes_max()
        for size in (MIB + 1, 5 * MIB, 64 * MIB):
            reply = client.mail_in_chunks(size * b"RSET\r\n"[:1])
            self.assertEqual((reply.code, reply.text[:5]), (552, "5.3.4"))
            mailrace.accepted_id(client.mail_in_chunks(CONTENT))
        self.assertLess(server.memory_bytes_max() - before, 16 * MIB)
        self.assertEqual([mail.content for mail in self.stored(server)], 3 * [CONTENT])

    def test_nothing_is_stored_without_the_last_chunk(self):
        server = self.serve()
        for rest in (b"", b"BDAT 5 LAST\r\ntext", b"BDAT 0 LAST\r", b"QUIT\r\n", b"RSET\r\n"):
            client = self.client(server).hello()
            client.begin = client.commands("MAIL FROM:<sender@example.org>",
                                           "RCPT TO:<user@example.com>")
            client.send(b"BDAT %d\r\n" % len(CONTENT) + CONTENT)
            self.assertEqual(client.reply().code, 250)
            client.send(rest)
            client.half_close()
            client.rest()
        mailrace.accepted_id(self.client(server).hello().mail(CONTENT))
        self.assertEqual(len(self.stored(server)), 1)

    def test_a_stop_between_chunks(self):
        """Like any open transaction it may go on until the drain timeout is over."""
        server = self.serve("--drain-timeout", "60s")
        client = self.client(server).hello()
        client.commands("MAIL FROM:<sender@example.org>", "RCPT TO:<user@example.com>")
        half = len(CONTENT) // 2
        client.send(b"BDAT %d\r\n" % half + CONTENT[:half])
        self.assertEqual(client.reply().code, 250)
        server.signal(15)
        client.send(b"BDAT %d LAST\r\n" % (len(CONTENT) - half) + CONTENT[half:])
        mailrace.accepted_id(client.reply())
        self.assertEqual(client.reply().code, 421)
        self.assertEqual(server.wait(), 0)
        self.assertEqual([mail.content for mail in mailrace.exported(self.spool)], [CONTENT])

    def test_spool_show_names_the_body_type(self):
        server = self.serve()
        client = self.client(server).hello()
        queue_id = mailrace.accepted_id(
            client.mail_in_chunks(b"\n\r\0", parameters=" BODY=BINARYMIME"))
        status, out, err = mailrace.run("spool", "show", self.spool, queue_id)
        self.assertEqual(status, 0, err)
        self.assertIn("BINARYMIME", out)


if __name__ == "__main__":
    mailrace.main()
