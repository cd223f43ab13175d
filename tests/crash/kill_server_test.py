#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 under load, again and again on one spool: what was acknowledged is there, whole, once."""

import os
import random
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

ROUNDS = int(os.environ.get("MAILRACE_TEST_ROUNDS", "20"))
SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))
CLIENTS = 8
GROUP = 5  # mails that a client has under way without having read a reply
LOAD_S = (0.05, 0.3)


class Sender(threading.Thread):
    """A pipelining client that never runs out of mail, until its connection breaks.

    Keeps what was acknowledged (queue id -> content) and all that it ever began to send.
    """

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.address = address
        self.random = random.Random(seed)
        self.acknowledged = {}
        self.sent = set()
        self.failure = None

    def make_content(self):
        """Unique, mostly small, sometimes more than a chunk or a write."""
        size = min(int(self.random.lognormvariate(7, 2)), 600_000)
        filler = self.random.randbytes(max(size // 2, 1)).hex().encode()
        lines = [filler[at:at + 900] for at in range(0, len(filler), 900)]
        return f"X-Number: {self.random.getrandbits(128):032x}\r\n".encode() \
            + b"\r\n".join(lines) + b"\r\n"

    def run(self):
        try:
            with mailrace.Client(self.address) as client:
                client.hello()
                while True:
                    self.deliver_group(client)
        except (OSError, mailrace.ConnectionEnded):
            pass  # killed
        except AssertionError as error:
            self.failure = error

    def deliver_group(self, client):
        """Several mails without waiting for any reply (RFC 2920 lets DATA end a group; a server
        that frames exactly does not mind that we go on)."""
        contents = [self.make_content() for _ in range(self.random.randrange(1, GROUP + 1))]
        self.sent.update(contents)
        client.send(b"".join(
            b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n"
            + mailrace.stuffed(content) + b".\r\n" for content in contents))
        for content in contents:
            for code in (250, 250, 354):
                mailrace.expect(client.reply(), code)
            self.acknowledged[mailrace.accepted_id(client.reply())] = content


class KillServer(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.acknowledged = {}
        self.sent = set()

    def one_round(self, number, workers):
        with mailrace.Server(self.spool, workers=workers, segment_size="1MiB") as server:
            recovered = server.wait_event("recovered")
            self.assertEqual(recovered["damage"], 0, server.log)
            self.assertGreaterEqual(recovered["mails"], len(self.acknowledged))
            senders = [Sender(server.address, (SEED * 1000 + number) * 100 + i)
                       for i in range(CLIENTS)]
            for sender in senders:
                sender.start()
            time.sleep(random.Random(SEED * 1000 + number).uniform(*LOAD_S))
            server.kill()
        for sender in senders:
            sender.join(mailrace.PATIENCE_S)
            self.assertFalse(sender.is_alive())
            self.assertIsNone(sender.failure)
            self.assertEqual(self.acknowledged.keys() & sender.acknowledged.keys(), set())
            self.acknowledged |= sender.acknowledged
            self.sent |= sender.sent

    def check(self):
        """All that was acknowledged, nothing twice, nothing that nobody sent."""
        mails = mailrace.exported(self.spool)
        by_id = {mail.id: mail.content for mail in mails}
        self.assertEqual(len(by_id), len(mails), "an id is there twice")
        lost = self.acknowledged.keys() - by_id.keys()
        self.assertEqual(lost, set(), "acknowledged and not in the spool")
        torn = [queue_id for queue_id, content in self.acknowledged.items()
                if by_id[queue_id] != content]
        self.assertEqual(torn, [], "acknowledged and not as it was sent")
        strange = [queue_id for queue_id, content in by_id.items() if content not in self.sent]
        self.assertEqual(strange, [], "in the spool and never sent")
        mailrace.verify(self.spool)

    def test_what_was_acknowledged_survives(self):
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)
        for number in range(ROUNDS):
            # Different numbers of workers, so that directories are left alone and taken up again.
            self.one_round(number, workers=1 + number % 3)
            self.check()
        # And once more in good order.
        with mailrace.Server(self.spool, workers=2) as server:
            self.assertGreaterEqual(server.wait_event("recovered")["mails"],
                                    len(self.acknowledged))
            self.assertEqual(server.stop(), 0)
        self.check()
        print(f"{len(self.acknowledged)} mails acknowledged, {len(self.sent)} begun", flush=True)
        self.assertGreater(len(self.acknowledged), ROUNDS)


if __name__ == "__main__":
    mailrace.main()
