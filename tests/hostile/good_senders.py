#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Honest clients beside an attack, in a process of their own.

    good_senders.py HOST PORT [--count N] [--pause S] [--size OCTETS]

Each connection delivers one mail after the other, some in a session, and waits for each reply. A
4xx is tried again a little later, as an MTA would; anything else that is no acceptance is a
failure. A line on stdin names the phase that begins; its end is the end. On stdout is then one JSON
object with every transaction.
"""

import argparse
import dataclasses
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import letters  # noqa: E402
import mailrace  # noqa: E402

MAILS_PER_SESSION = 10
RETRY_S = 0.1
GIVE_UP_S = 60 + mailrace.PATIENCE_S


@dataclasses.dataclass
class Transaction:
    uid: str
    phase: str
    queue_id: str = ""  # of the mail that was accepted
    deferred: int = 0   # 4xx that came before
    first_4xx: str = ""
    failure: str = ""
    greeting_ms: float = None  # from connect to 220, if this one connected
    reply_ms: float = None     # from end of data to 250


class Deferred(Exception):
    """A 4xx; the mail may be tried again."""


class Refused(Exception):
    """A 5xx, or a reply that has no place there."""


def expect(reply, code):
    if reply.code == code:
        return reply
    raise (Deferred if reply.code // 100 == 4 else Refused)(str(reply))


class Sender(threading.Thread):
    """One connection at a time."""

    def __init__(self, company, index):
        super().__init__()
        self.company = company
        self.index = index
        self.client = None
        self.mails_left = 0
        self.transactions = []

    def run(self):
        while not self.company.is_over.is_set():
            uid = f"good-{self.index}-{len(self.transactions)}"
            transaction = Transaction(uid, self.company.phase)
            self.transactions.append(transaction)
            self.deliver(transaction)
            self.company.is_over.wait(self.company.pause_s)
        self.hang_up()

    def deliver(self, transaction):
        deadline = time.monotonic() + GIVE_UP_S
        while True:
            try:
                return self.attempt(transaction)
            except Deferred as reply:
                transaction.deferred += 1
                transaction.first_4xx = transaction.first_4xx or str(reply)
                transaction.failure = f"given up after {reply}"
                self.drop()
            except (Refused, AssertionError, OSError, mailrace.ConnectionEnded) as failure:
                transaction.failure = f"{type(failure).__name__}: {failure}"
                return self.drop()
            if time.monotonic() > deadline:
                return None
            time.sleep(RETRY_S)

    def attempt(self, transaction):
        if self.client is None:
            self.call(transaction)
        client = self.client
        expect(client.command(f"MAIL FROM:<{transaction.uid}@example.org>"), 250)
        expect(client.command("RCPT TO:<user@example.com>"), 250)
        expect(client.command("DATA"), 354)
        content = self.company.body.letter(transaction.uid)
        begin = time.monotonic()
        client.send(content + b".\r\n")
        reply = expect(client.reply(), 250)
        transaction.reply_ms = 1000 * (time.monotonic() - begin)
        transaction.queue_id = mailrace.accepted_id(reply)
        transaction.failure = ""
        self.mails_left -= 1
        if self.mails_left == 0:
            self.hang_up()

    def call(self, transaction):
        begin = time.monotonic()
        self.client = mailrace.Client(self.company.address)
        expect(self.client.reply(), 220)
        transaction.greeting_ms = 1000 * (time.monotonic() - begin)
        expect(self.client.command("EHLO good.example"), 250)
        self.mails_left = MAILS_PER_SESSION

    def hang_up(self):
        if self.client is not None:
            try:
                self.client.command("QUIT")
            except (OSError, mailrace.ConnectionEnded):
                pass
            self.drop()

    def drop(self):
        if self.client is not None:
            self.client.close()
            self.client = None


class Company:
    """All senders, and what they share."""

    def __init__(self, options):
        self.address = (options.host, options.port)
        self.pause_s = options.pause
        self.body = letters.Body(options.size)
        self.phase = "start"
        self.is_over = threading.Event()
        self.senders = [Sender(self, index) for index in range(options.count)]

    def work(self):
        for sender in self.senders:
            sender.start()
        for line in sys.stdin:
            self.phase = line.strip()
        self.is_over.set()
        for sender in self.senders:
            sender.join()
        return [dataclasses.asdict(one) for sender in self.senders for one in sender.transactions]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--pause", type=float, default=0.01)
    parser.add_argument("--size", type=int, default=4096)
    json.dump(Company(parser.parse_args()).work(), sys.stdout)


if __name__ == "__main__":
    main()
