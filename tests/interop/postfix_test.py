#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix relays mail to us; what is in the spool is what Postfix sent to a recording sink as well.

    postfix_test.py made|corpora|all

A private instance with queue and configuration of its own; it listens nowhere. Each message is
submitted once with two recipients, one routed to the sink and one to `mailrace serve`: both get the
same queue file, with the same Received and Message-ID fields, so nothing has to be normalised. A
CR in the middle of a line goes out as it is, and must be refused with 550 5.6.11.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import clients  # noqa: E402
import deliver_test  # noqa: E402
import mailrace  # noqa: E402
import postfix  # noqa: E402
import recording_sink  # noqa: E402

MAIN_CF = """
myhostname = client.example
mydestination =
transport_maps = inline:{{ {{ sink.example = smtp:[127.0.0.1]:{sink} }} }}
relayhost = [127.0.0.1]:{server}
message_size_limit = 50000000
smtputf8_enable = no
"""


def submit(instance, message, key):
    instance.sendmail(["-f", clients.SENDER, f"{key}@sink.example", f"{key}@example.com"],
                      message.octets)


def refusals(instance):
    """Key -> the log line about a recipient of ours that was not taken."""
    refused = {}
    for line in instance.log().splitlines():
        if "@example.com>" in line and "status=sent" not in line and "status=" in line:
            refused[line.split("to=<")[1].split("@")[0]] = line
    return refused


class RelayedMail:
    """What deliver_test wants to know of a client."""

    name = "postfix"
    sends_verbatim = False

    @staticmethod
    def suits(message):
        del message
        return True

    @staticmethod
    def expected(message):
        del message


def main(which):
    mailrace.require_server()
    postfix.require()
    begun = time.monotonic()
    with mailrace.Temporary() as directory:
        chosen = deliver_test.choose(which, RelayedMail)
        comparison = deliver_test.Comparison(RelayedMail)
        spool = os.path.join(directory, "spool")
        with recording_sink.RecordingSink() as sink, mailrace.Server(spool, workers=2) as server:
            main_cf = MAIN_CF.format(sink=sink.address[1], server=server.address[1])
            with postfix.Postfix(directory, main_cf) as instance:
                for number, message in enumerate(chosen):
                    submit(instance, message, f"user{number}")
                instance.wait_until_sent()
                comparison.refused = refusals(instance)
            server.stop()
            comparison.compare(chosen, sink, mailrace.exported(spool), envelopes=False)
        missing = [message for number, message in enumerate(chosen)
                   if f"user{number}" not in sink.mails]
    comparison.failures += [(message, "it never came to the sink") for message in missing]
    return deliver_test.report(RelayedMail.name, chosen, comparison, begun)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
