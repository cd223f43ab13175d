#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Consumers of a server's spool, killed under load: nothing is lost, what comes twice has its name.

MAILRACE_TEST_ROUNDS says how often a consumer is killed, MAILRACE_TEST_SEED when.
"""

import base64
import contextlib
import glob
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

ROUNDS = int(os.environ.get("MAILRACE_TEST_ROUNDS", "6"))
SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))
SENDERS = 4
GROUP = 4  # mails that a sender has under way without having read a reply


class Sender(threading.Thread):
    """Delivers until it is told to stop. Keeps queue id -> content of what was acknowledged."""

    def __init__(self, address, seed):
        super().__init__(daemon=True)
        self.address = address
        self.random = random.Random(seed)
        self.acknowledged = {}
        self.stopping = threading.Event()
        self.failure = None

    def make_content(self):
        """Unique; mostly small, sometimes longer than a segment's rest, so that mails go across."""
        size = min(int(self.random.lognormvariate(7.5, 2)), 400_000)
        filler = self.random.randbytes(max(size // 2, 1)).hex().encode()
        lines = [filler[at:at + 900] for at in range(0, len(filler), 900)]
        return b"Subject: %032x\r\n\r\n" % self.random.getrandbits(128) \
            + b"\r\n".join(lines) + b"\r\n"

    def run(self):
        try:
            with mailrace.Client(self.address) as client:
                client.hello()
                while not self.stopping.is_set():
                    self.deliver_group(client)
        except (OSError, mailrace.ConnectionEnded):
            pass  # the server was killed
        except AssertionError as error:
            self.failure = error

    def deliver_group(self, client):
        contents = [self.make_content() for _ in range(self.random.randrange(1, GROUP + 1))]
        client.send(b"".join(
            b"MAIL FROM:<sender@example.org>\r\nRCPT TO:<user@example.com>\r\nDATA\r\n"
            + mailrace.stuffed(content) + b".\r\n" for content in contents))
        for content in contents:
            for code in (250, 250, 354):
                mailrace.expect(client.reply(), code)
            self.acknowledged[mailrace.accepted_id(client.reply())] = content


class Consumer:
    """`mailrace spool export --follow` as a context."""

    def __init__(self, spool, name, file_format, output):
        self.command = [mailrace.PROGRAM, "spool", "export", spool, "--follow", "--consumer", name,
                        "--format", file_format, "--output", output]

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE,
                                        env=mailrace.clean_environment(),
                                        preexec_fn=mailrace.die_with_parent)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(mailrace.PATIENCE_S)
        self.process.stderr.close()

    def kill(self):
        self.process.kill()
        self.process.wait(mailrace.PATIENCE_S)

    def stop(self):
        """In good order. Returns status and stderr."""
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=mailrace.PATIENCE_S)
        return self.process.returncode, err.decode()


class Consumers(mailrace.ServerTestCase):
    def setUp(self):
        super().setUp()
        self.output = os.path.join(self.directory, "out")
        self.senders = []

    def start_senders(self, server, seed):
        started = [Sender(server.address, seed * 100 + i) for i in range(SENDERS)]
        for sender in started:
            sender.start()
        self.senders += started

    def stop_senders(self):
        for sender in self.senders:
            sender.stopping.set()
        for sender in self.senders:
            sender.join(mailrace.PATIENCE_S)
            self.assertFalse(sender.is_alive())
            self.assertIsNone(sender.failure)

    def acknowledged(self):
        return {queue_id: content for sender in self.senders
                for queue_id, content in sender.acknowledged.items()}

    def lag(self, name):
        status, out, err = mailrace.run("spool", "consumers", "--json", self.spool,
                                        timeout=3 * mailrace.PATIENCE_S)
        self.assertEqual(status, 0, err)
        return next(entry for entry in json.loads(out) if entry["consumer"] == name)

    def wait_for(self, condition, what):
        deadline = time.monotonic() + 3 * mailrace.PATIENCE_S
        while not condition():
            self.assertLess(time.monotonic(), deadline, f"not in time: {what}")
            time.sleep(0.05)

    def wait_until_done(self, name):
        self.wait_for(lambda: self.lag(name)["mails"] == 0, f"{name} is done")

    def in_maildir(self):
        """Queue id -> content of what is in the maildir."""
        found = {}
        for path in glob.glob(self.output + "/new/*"):
            queue_id = os.path.basename(path).split(".")[1]
            self.assertNotIn(queue_id, found, "there twice")
            with open(path, "rb") as file:
                found[queue_id] = mailrace.split_received(file.read())[1]
        return found

    def check_maildir(self):
        acknowledged = self.acknowledged()
        found = self.in_maildir()
        lost = acknowledged.keys() - found.keys()
        self.assertEqual(lost, set(), "acknowledged by the server and not handed off")
        torn = [queue_id for queue_id, content in acknowledged.items()
                if found[queue_id] != content]
        self.assertEqual(torn, [], "not as it was sent")
        return len(acknowledged), len(found)

    def test_a_consumer_killed_under_load_loses_nothing(self):
        when = random.Random(SEED)
        with mailrace.Server(self.spool, workers=2, segment_size="1MiB") as server:
            self.start_senders(server, SEED)
            for _ in range(ROUNDS):
                with Consumer(self.spool, "c", "maildir", self.output) as consumer:
                    time.sleep(when.uniform(0.05, 0.8))
                    self.assertIsNone(consumer.process.poll())
                    consumer.kill()
            self.stop_senders()
            with Consumer(self.spool, "c", "maildir", self.output) as consumer:
                self.wait_until_done("c")
                self.assertEqual(consumer.stop(), (0, ""))
            self.check_maildir()
            # Segments go away behind the consumer, and nobody misses anything in what is left.
            self.assertIsNotNone(server.wait_event("segment_taken_away"))
            mailrace.verify(self.spool)
        mails, files = self.check_maildir()
        self.assertGreater(mails, 10 * ROUNDS)
        print(f"seed {SEED}: {ROUNDS} kills, {mails} mails acknowledged, {files} handed off")

    def test_a_server_killed_under_load_is_followed_across_its_restarts(self):
        when = random.Random(SEED + 1)
        with Consumer(self.spool, "c", "maildir", self.output) as none:
            self.assertEqual(none.process.wait(mailrace.PATIENCE_S), 2)  # no spool yet
        with mailrace.Server(self.spool, workers=1):
            pass
        with Consumer(self.spool, "c", "maildir", self.output) as consumer:
            for number in range(3):
                with mailrace.Server(self.spool, workers=1 + number % 2,
                                     segment_size="1MiB") as server:
                    self.start_senders(server, SEED + number)
                    time.sleep(when.uniform(0.2, 0.8))
                    server.kill()
                self.stop_senders()
            with mailrace.Server(self.spool, workers=2) as server:
                self.assertEqual(server.wait_event("recovered")["damage"], 0)
                self.wait_until_done("c")
            self.assertEqual(consumer.stop(), (0, ""))
        self.check_maildir()
        self.assertGreater(len(self.acknowledged()), 20)

    def test_lines_are_whole_and_come_twice_only_with_the_same_id(self):
        when = random.Random(SEED + 2)
        with mailrace.Server(self.spool, workers=2, segment_size="1MiB") as server:
            self.start_senders(server, SEED + 7)
            for _ in range(ROUNDS):
                with Consumer(self.spool, "lines", "jsonl", self.output) as consumer:
                    time.sleep(when.uniform(0.05, 0.5))
                    consumer.kill()
            self.stop_senders()
            with Consumer(self.spool, "lines", "jsonl", self.output) as consumer:
                self.wait_until_done("lines")
                self.assertEqual(consumer.stop(), (0, ""))
        found = {}
        with open(self.output, "rb") as file:
            for line in file:
                entry = json.loads(line)
                data = base64.b64decode(entry["data"], validate=True)
                self.assertEqual(found.setdefault(entry["id"], data), data)
        for queue_id, content in self.acknowledged().items():
            self.assertEqual(mailrace.split_received(found[queue_id])[1], content)

    def deliver(self, server, content):
        with server.connect() as client:
            client.hello()
            return mailrace.accepted_id(client.mail(content))

    def test_a_held_mail_waits_and_holds_nobody_up(self):
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            held = self.deliver(server, b"Subject: held\r\n\r\n")
            deleted = self.deliver(server, b"Subject: deleted\r\n\r\n")
            self.assertEqual(mailrace.run("spool", "hold", self.spool, held)[0], 0)
            self.assertEqual(mailrace.run("spool", "delete", self.spool, deleted)[0], 0)
            with Consumer(self.spool, "c", "maildir", self.output) as consumer:
                other = self.deliver(server, b"Subject: other\r\n\r\n")
                self.wait_for(lambda: other in self.in_maildir(), "the other mail")
                self.wait_for(lambda: self.lag("c")["mails"] == 0, "no lag")
                self.assertEqual(self.lag("c")["held"], 1)
                # Segments behind it are taken away, its own is kept.
                for _ in range(100):
                    self.deliver(server, b"x" * 900 + (b"\r\n" + b"y" * 900) * 800 + b"\r\n")
                    taken = server.wait_event("segment_taken_away", timeout=0.3)
                    if taken:
                        break
                self.assertIsNotNone(taken)
                self.assertEqual(mailrace.run("spool", "release", self.spool, held)[0], 0)
                self.wait_for(lambda: held in self.in_maildir(), "the released mail")
                self.assertEqual(consumer.stop(), (0, ""))
            self.assertEqual(set(self.in_maildir()) & {held, deleted, other}, {held, other})

    def test_numbers_of_segments_that_are_gone_do_not_come_again(self):
        """Or mails in them would count as acknowledged."""
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            for _ in range(5):
                self.deliver(server, b"x" * 900 + (b"\r\n" + b"y" * 900) * 700 + b"\r\n")
            with Consumer(self.spool, "c", "maildir", self.output) as consumer:
                self.wait_for(lambda: len(self.in_maildir()) == 5, "all mails")
                self.assertEqual(consumer.stop(), (0, ""))
        for path in glob.glob(self.spool + "/worker-*/*"):
            os.unlink(path)
        with mailrace.Server(self.spool, segment_size="1MiB") as server:
            later = self.deliver(server, b"Subject: later\r\n\r\n")
            with Consumer(self.spool, "c", "maildir", self.output) as consumer:
                self.wait_for(lambda: later in self.in_maildir(), "the later mail")
                self.assertEqual(consumer.stop(), (0, ""))

    def segment_bytes(self):
        """What the segments take; one that is taken away meanwhile takes nothing."""
        total = 0
        for path in glob.glob(self.spool + "/worker-*/*.segment"):
            with contextlib.suppress(FileNotFoundError):
                total += os.path.getsize(path)
        return total

    def test_without_consumers_mail_is_kept_as_was_said(self):
        with mailrace.Server(self.spool, "--retain-bytes", "3MiB", segment_size="1MiB") as server:
            for _ in range(12):
                self.deliver(server, b"x" * 900 + (b"\r\n" + b"y" * 900) * 700 + b"\r\n")
            self.assertIsNotNone(server.wait_event("segment_taken_away"))
            self.wait_for(lambda: self.segment_bytes() <= 3 << 20, "3 MiB at most")
            mailrace.verify(self.spool)
            self.assertEqual(server.events("retains_little"), [])
        self.assertGreater(len(mailrace.exported(self.spool)), 1)

    def test_a_size_that_keeps_next_to_nothing_is_warned_of(self):
        with mailrace.Server(self.spool, "--retain-bytes", "3MiB", workers=2,
                             segment_size="1MiB") as server:
            self.assertIsNotNone(server.wait_event("retains_little"))


if __name__ == "__main__":
    mailrace.main()
