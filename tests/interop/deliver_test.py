#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A client delivers mail; what is in the spool is what the client put on the wire.

    deliver_test.py CLIENT made|corpora|all

The same client sends the same message to a recording sink and to `mailrace serve`. The sink's
record is the reference: clients convert line ends, some add or take away header fields. Where that
record has a CR or LF that is no line end, the server must refuse with 550 5.6.11 instead, unless
it was sent as BINARYMIME.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import clients  # noqa: E402
import mailrace  # noqa: E402
import messages  # noqa: E402
import recording_sink  # noqa: E402

SIZED_COUNT = 12


def choose(which, client):
    if which == "corpora":
        chosen = messages.corpus_messages()
    else:
        chosen = [*messages.edge_messages(), *messages.sized_messages(SIZED_COUNT)]
        if which == "all":
            chosen += [*messages.sized_messages(100), messages.largest_message()]
    if client.sends_verbatim:
        converts = not isinstance(client, (clients.Smtplib, clients.Bdat))
        converted = [messages.Message(message.name + " as CRLF", message.crlf)
                     for message in chosen if b"\r" in message.octets or not converts]
        chosen = chosen + converted + list(messages.broken_messages())
    return [message for message in chosen if client.suits(message)]


class Comparison:
    """Deliveries to both sides, and what came of them."""

    def __init__(self, client):
        self.client = client
        self.refused = {}  # key -> text
        self.failures = []

    def deliver(self, chosen, sink, server):
        for number, message in enumerate(chosen):
            key = f"user{number}"
            try:
                self.client.deliver(message, sink.address, f"{key}@example.com")
            except clients.Refused as error:
                # It would not even send it: nothing to compare, and the server is not asked.
                self.failures.append((message, f"the client gave up on the sink: {error}"))
                continue
            try:
                self.client.deliver(message, server.address, f"{key}@example.com")
            except clients.Refused as error:
                self.refused[key] = str(error)

    def compare(self, chosen, sink, mails, envelopes=True):
        """envelopes   whether both sides were sent the same one"""
        stored = {mail.rcpt_to[0].partition("@")[0]: mail for mail in mails}
        if len(stored) != len(mails):
            self.failures.append(("all", "a mail was stored twice"))
        for number, message in enumerate(chosen):
            key = f"user{number}"
            record = sink.mails.get(key)
            if record is None:
                continue
            why = self.judge(message, record, stored.get(key), self.refused.get(key))
            if why is None and envelopes and key in stored:
                why = self.judge_envelope(record, stored[key])
            if why:
                self.failures.append((message, why))

    def judge(self, message, record, mail, refusal):
        """Returns what is wrong, or None."""
        expected = self.client.expected(message)
        if expected is not None and record.content != expected:
            return "the sink has recorded something else than the client is documented to send"
        if record.has_bare_newline() and not self.client_may_send_bare_newlines():
            if mail is not None:
                return "a bare CR or LF was accepted"
            return None if "550 5.6.11" in (refusal or "") else f"not 550 5.6.11: {refusal}"
        if mail is None:
            return f"not stored: {refusal}"
        if mail.content != record.content:
            at = next((i for i, (a, b) in enumerate(zip(mail.content, record.content)) if a != b),
                      min(len(mail.content), len(record.content)))
            near = slice(max(at - 20, 0), at + 60)
            return (f"differs at octet {at}: {mail.content[near]!r}, "
                    f"sent {record.content[near]!r}")
        return None

    def client_may_send_bare_newlines(self):
        return isinstance(self.client, clients.BdatBinary)

    @staticmethod
    def judge_envelope(record, mail):
        if (mail.mail_from, mail.rcpt_to) != (record.mail_from, record.rcpt_to):
            return f"the envelope is {mail.mail_from} {mail.rcpt_to}"
        return None


def report(name, chosen, comparison, begun):
    """Prints what came of it. Returns the exit status."""
    for message, why in comparison.failures:
        print(f"FAILED {message}: {why}")
    print(f"{name}: {len(chosen)} mails, {len(comparison.refused)} of them refused as they should, "
          f"{len(comparison.failures)} failed, {time.monotonic() - begun:.1f} s")
    return 1 if comparison.failures or not chosen else 0


def main(name, which):
    mailrace.require_server()
    begun = time.monotonic()
    with mailrace.Temporary() as directory:
        client = clients.CLIENTS[name](directory)
        chosen = choose(which, client)
        comparison = Comparison(client)
        spool = os.path.join(directory, "spool")
        with recording_sink.RecordingSink() as sink, mailrace.Server(spool, workers=2) as server:
            comparison.deliver(chosen, sink, server)
            client.close()
            server.stop()
            comparison.compare(chosen, sink, mailrace.exported(spool))
    return report(name, chosen, comparison, begun)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
