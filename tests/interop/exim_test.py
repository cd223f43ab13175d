#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exim relays mail to us by BDAT; in the spool is what it sent by DATA to a recording sink.

    exim_test.py made|corpora|all

Each message is submitted once with two recipients, one routed to the sink and one to `mailrace
serve`: both get the same message. A CR in the middle of a line goes out as it is, and must be
refused with 550 5.6.11.
"""

import os
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import clients  # noqa: E402
import deliver_test  # noqa: E402
import exim  # noqa: E402
import mailrace  # noqa: E402
import recording_sink  # noqa: E402


class RelayedMail:
    """What deliver_test wants to know of a client."""

    name = "exim"
    sends_verbatim = False

    @staticmethod
    def suits(message):
        # Exim 4.96 announces one octet less than it sends of this one, and we hold it to its word.
        return not message.name.endswith("/msg_19.txt")

    @staticmethod
    def expected(message):
        del message


def refusals(instance):
    """Key -> the log line about a recipient of ours that was not taken."""
    return {line.split(" ** ")[1].split("@")[0]: line for line in instance.log().splitlines()
            if " ** " in line and "@example.com R=server" in line}


def not_by_bdat(instance):
    """What came to us otherwise than in chunks: Exim's log has a K where it was."""
    return [line for line in instance.log().splitlines()
            if " => " in line and "@example.com R=server" in line and " K C=" not in line]


def main(which):
    mailrace.require_server()
    exim.require()
    begun = time.monotonic()
    with mailrace.Temporary() as directory:
        chosen = deliver_test.choose(which, RelayedMail)
        comparison = deliver_test.Comparison(RelayedMail)
        spool = os.path.join(directory, "spool")
        with recording_sink.RecordingSink() as sink, mailrace.Server(spool, workers=2) as server:
            instance = exim.Exim(directory, [
                ("sink", "sink.example", sink.address[1], {}),
                ("server", "example.com", server.address[1], {"hosts_try_chunking": "*"})])
            for number, message in enumerate(chosen):
                instance.sendmail(["-f", clients.SENDER, f"user{number}@sink.example",
                                   f"user{number}@example.com"], message.octets)
            server.stop()
            comparison.refused = refusals(instance)
            comparison.compare(chosen, sink, mailrace.exported(spool), envelopes=False)
        comparison.failures += [(message, "it never came to the sink")
                                for number, message in enumerate(chosen)
                                if f"user{number}" not in sink.mails]
        comparison.failures += [("not by BDAT", line) for line in not_by_bdat(instance)]
    return deliver_test.report(RelayedMail.name, chosen, comparison, begun)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
