#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Look-alikes of the end of mail data, on the real program: what `spool export` gives is one mail
for each, as the client sent it, or none. tests/property/smuggling_test.cc has more of them, without
sockets.
"""

import itertools
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

ALPHABET = (b"\r", b"\n", b".", b"a", b"\0")
BEFORE = b"text"
SMUGGLED = (b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\n"
            b"smuggled\r\n.\r\n")
BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n")
# What other servers took for the end, once (CVE-2023-51764, 51765, 51766 and the like).
KNOWN = (b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r\n.\r", b"\r.\r\n", b"\n.\r",
         b"\r\n.\r\r\n", b"\r\r\n.\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\n. \r\n",
         b"\r\n..\r\n", b"\n\n.\n\n", b"\x85.\x85", b"\r\n.\x85\r\n", b"\n\r.\n\r", b"\r\n.\r\n")


def look_alikes():
    for length in range(4):
        for octets in itertools.product(ALPHABET, repeat=length):
            yield b"".join(octets)
    yield from KNOWN


def data_content(octets):
    """RFC 5321 4.1.1.4 and 4.5.2 over the whole text: content, and what is behind the end."""
    text = b"\r\n" + octets
    end = text.index(b"\r\n.\r\n")
    content = text[:end + 2].replace(b"\r\n.", b"\r\n")
    return content[2:], text[end + 5:]


class Smuggling(mailrace.ServerTestCase):
    def deliver(self, server, number, wire, split):
        """One session; `wire` behind the recipient, its last `split` octets apart."""
        client = self.client(server).hello()
        mailrace.expect(client.command(f"MAIL FROM:<good{number}@example.org>"), 250)
        mailrace.expect(client.command("RCPT TO:<user@example.com>"), 250)
        client.send(wire[:len(wire) - split])
        client.send(wire[len(wire) - split:])
        client.half_close()
        client.rest()
        client.close()

    def check(self, policy, wire_of, judge):
        """judge(look_alike) -> the mail's content or None, and whether the smuggled one is a mail
        of its own."""
        server = self.serve("--bare-newline", policy)
        texts = list(look_alikes())
        for number, text in enumerate(texts):
            self.deliver(server, number, wire_of(text), len(SMUGGLED) + number % 4)
        server.stop()
        mails = mailrace.exported(self.spool)
        good = {mail.mail_from: mail.content for mail in mails if mail.mail_from.startswith("good")}
        smuggled = 0
        for number, text in enumerate(texts):
            content, is_next = judge(text)
            smuggled += is_next
            self.assertEqual(good.pop(f"good{number}@example.org", None), content, text)
        self.assertEqual(good, {})
        evil = [mail for mail in mails if mail.mail_from == "evil@example.org"]
        self.assertEqual(len(evil), smuggled)
        self.assertEqual(len(mails), sum(judge(text)[0] is not None for text in texts) + smuggled)

    def check_data(self, policy):
        def judge(text):
            content, behind = data_content(BEFORE + text + SMUGGLED)
            is_refused = policy == "reject" and BARE.search(content)
            return None if is_refused else content, behind == SMUGGLED

        self.check(policy, lambda text: b"DATA\r\n" + BEFORE + text + SMUGGLED, judge)

    def check_bdat(self, policy):
        def judge(text):
            content = BEFORE + text + SMUGGLED
            is_refused = policy == "reject" and BARE.search(content)
            return None if is_refused else content, False

        def wire(text):
            first, last = BEFORE + text, SMUGGLED
            return b"BDAT %d\r\n" % len(first) + first + b"BDAT %d LAST\r\n" % len(last) + last

        self.check(policy, wire, judge)

    def test_data_where_bare_newlines_are_rejected(self):
        self.check_data("reject")

    def test_data_where_bare_newlines_are_kept(self):
        self.check_data("keep")

    def test_bdat_where_bare_newlines_are_rejected(self):
        self.check_bdat("reject")

    def test_bdat_where_bare_newlines_are_kept(self):
        self.check_bdat("keep")


if __name__ == "__main__":
    mailrace.main()
