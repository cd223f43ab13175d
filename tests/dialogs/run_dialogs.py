#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs text dialogs on `mailrace serve`.

    run_dialogs.py [--split OCTETS] [--tls starttls|implicit] [FILE...]

By default all *.smtp beside this file. With --tls each is run under TLS from its greeting on, but for
those that are about the time before.

A dialog is one connection and one behaviour. Its lines:

    # text                 a comment; the first one names the behaviour and its RFC section
    C: text                sent with CRLF; lines up to the next reply go out as one group
    C| text                sent as it is, with \\r \\n \\0 \\t \\\\ \\xNN and \\{4090*x} (x, 4090 times)
    S: 250 2.1.0           the next reply line begins like this, word by word; `250-` is a line of
                           a reply that goes on. Last: the server says no more than this.
    @ hello                greeting and EHLO, replies included
    @ reply-has 250-text   the next reply, all its lines; one of them is this
    @ repeat 1000          the next line that often, {n} in it counting from 1
    @ split 1              what follows is sent in pieces of so many octets
    @ pause                what was written so far is sent and given time to arrive
    @ half-close           the client has nothing more to send
    @ close                the client goes away without waiting for anything; the last line
    @ closed               the server closes now
    @ serve --flag value   further flags of the server; {tls} is tests/data/tls
    @ in-the-clear         not to be run with --tls
    @ in-one-piece         not to be run octet by octet: what comes later is something else
    @ handshake            TLS begins now
    @ stored 1             mails in the spool at the end, all of this connection's; default 0
    @ stored-data "text"   the content of the next mail, with the escapes above
    @ stored-from path     reverse-path of that mail
    @ stored-to path path  its forward-paths
    @ stored-envelope {"key": value}   members of its envelope as export --format jsonl names them;
                           null: it has none of this name
    @ stored-trace text    its Received field has this, {peer} being the client's address;
                           `@ stored-no-trace text`: has not
"""

import argparse
import glob
import json
import os
import re
import shlex
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import mailrace  # noqa: E402

PAUSE_S = 0.1
# Each dialog comes from an address of its own, which tells its mails from those of the others.
SOURCE = "127.1.{0}.{1}"
ESCAPES = {"r": b"\r", "n": b"\n", "0": b"\0", "t": b"\t", "\\": b"\\", '"': b'"'}
ESCAPE = re.compile(r"\\(?:([rn0t\\\"])|x([0-9a-fA-F]{2})|\{(\d+)\*([^}]*)\})|(.)", re.DOTALL)


class DialogError(AssertionError):
    pass


def unescape(text):
    octets = b""
    for match in ESCAPE.finditer(text):
        simple, hexadecimal, count, repeated, plain = match.groups()
        if simple:
            octets += ESCAPES[simple]
        elif hexadecimal:
            octets += bytes([int(hexadecimal, 16)])
        elif count:
            octets += int(count) * unescape(repeated)
        elif plain == "\\":
            raise DialogError(f"unknown escape in {text!r}")
        else:
            octets += plain.encode()
    return octets


class Dialog:
    """A file: steps, and what must be in the spool afterwards."""

    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.flags = []
        self.in_the_clear = False
        self.in_one_piece = False
        self.steps = []  # (line number, kind, text)
        self.stored_count = 0
        self.stored = []  # a dictionary for each mail that is looked at
        repeat = 1
        with open(path, encoding="utf-8", newline="\n") as file:
            for number, line in enumerate(file.read().split("\n"), 1):
                if line == "" or line.startswith("#"):
                    continue
                kind, text = line[:2], line[3:]
                if kind not in ("C:", "C|", "S:", "@ ") or line[2:3] not in ("", " ") \
                        and kind != "@ ":
                    raise DialogError(f"{path}:{number}: not a dialog line")
                if kind == "@ ":
                    directive, _, text = line[2:].partition(" ")
                    if directive == "repeat":
                        repeat = int(text)
                    elif not self._note(directive, text):
                        self.steps.append((number, directive, text))
                    continue
                for n in range(1, repeat + 1):
                    self.steps.append((number, kind, text.replace("{n}", str(n))
                                       if repeat > 1 else text))
                repeat = 1
        if len(self.stored) > self.stored_count:
            raise DialogError(f"{path}: more stored-data than stored")

    def _note(self, directive, text):
        """Takes what is no step."""
        if directive == "serve":
            self.flags += shlex.split(text.replace("{tls}", mailrace.TLS_DATA))
        elif directive == "in-the-clear":
            self.in_the_clear = True
        elif directive == "in-one-piece":
            self.in_one_piece = True
        elif directive == "stored":
            self.stored_count = int(text)
        elif directive == "stored-data":
            if not (text.startswith('"') and text.endswith('"')):
                raise DialogError(f"{self.name}: stored-data wants quotes")
            self.stored.append({"content": unescape(text[1:-1]), "trace": [], "no-trace": []})
        elif directive == "stored-from":
            self.stored[-1]["mail_from"] = text
        elif directive == "stored-to":
            self.stored[-1]["rcpt_to"] = text.split()
        elif directive == "stored-envelope":
            self.stored[-1]["envelope"] = json.loads(text)
        elif directive in ("stored-trace", "stored-no-trace"):
            self.stored[-1][directive.removeprefix("stored-")].append(text)
        else:
            return False
        return True


class Conversation:
    """One run of a dialog over one connection."""

    def __init__(self, client, split):
        self.client = client
        self.split = split
        self.unsent = b""
        self.replies = []  # reply lines as they came

    def run(self, steps):
        for number, kind, text in steps:
            try:
                self._step(kind, text)
            except (AssertionError, OSError, mailrace.ConnectionEnded) as error:
                raise DialogError(f"line {number}: {kind} {text}: {error}") from error

    def _step(self, kind, text):
        if kind == "C:":
            self.unsent += text.encode() + b"\r\n"
        elif kind == "C|":
            self.unsent += unescape(text)
        elif kind == "S:":
            self._flush()
            self._expect(text)
        elif kind == "reply-has":
            self._flush()
            self._expect_one_of_lines(text)
        elif kind == "hello":
            self._flush()
            self.client.hello()
        elif kind == "handshake":
            self._flush()
            self.client.begin_tls()
        elif kind == "split":
            self._flush()
            self.split = int(text)
        elif kind == "pause":
            self._flush()
            time.sleep(PAUSE_S)
        elif kind == "half-close":
            self._flush()
            self.client.half_close()
        elif kind == "close":
            self._flush()
            self.client.close()
        elif kind == "closed":
            self._flush()
            self._expect_end()
        else:
            raise DialogError("unknown directive")

    def _flush(self):
        octets, self.unsent = self.unsent, b""
        step = self.split or len(octets) or 1
        for begin in range(0, len(octets), step):
            try:
                self.client.send(octets[begin:begin + step])
            except OSError:
                return  # the server has closed; whether it may is for the next step to say

    def _expect(self, expected):
        line = self.client.line()
        self.replies.append(line)
        if line != expected and not line.startswith(
                expected if expected[3:] == "-" else expected.rstrip() + " "):
            raise DialogError(f"the server said {line!r}")

    def _expect_one_of_lines(self, expected):
        lines = [self.client.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.client.line())
        self.replies += lines
        if expected not in lines:
            raise DialogError(f"the server said {lines!r}")

    def _expect_end(self):
        rest = self.client.rest()
        if rest:
            raise DialogError(f"the server said {rest[:1000]!r} before it closed")

    def finish(self, steps):
        """Nothing may be left to say; the server closes behind us."""
        self._flush()
        last = steps[-1][1] if steps else ""
        if last in ("close", "closed"):
            return
        if not any(kind == "half-close" for _, kind, _ in steps):
            self.client.half_close()
        self._expect_end()


def under_tls(protocol):
    """The keyword of RFC 3848 or RFC 6531, in any text."""
    return re.sub(r"\b(ESMTP|UTF8SMTP)\b", r"\1S", protocol)


def check_stored(dialog, source, mails, tls=None):
    if len(mails) != dialog.stored_count:
        raise DialogError(f"{len(mails)} mails in the spool, not {dialog.stored_count}")
    for expected, mail in zip(dialog.stored, mails):
        for member in ("content", "mail_from", "rcpt_to"):
            stored = getattr(mail, member)
            if stored != expected.get(member, stored):
                raise DialogError(f"stored {member}: {stored[:2000]!r}")
        for name, value in expected.get("envelope", {}).items():
            if tls is not None and name == "protocol":
                value = under_tls(value)
            if mail.envelope.get(name) != value:
                raise DialogError(f"stored {name}: {mail.envelope.get(name)!r}")
        trace = mail.received.decode()
        wrong = [text for text in expected["trace"]
                 if (under_tls(text) if tls is not None else text).replace("{peer}", source)
                 not in trace]
        wrong += [text for text in expected["no-trace"] if text in trace]
        if wrong:
            raise DialogError(f"{wrong[0]!r}: the trace is {trace!r}")


def connect(server, tls, source):
    """A client whose next line is the greeting."""
    if tls == "implicit":
        client = server.connect(source=source, address=server.addresses[1])
        return client.begin_tls()
    # Of several addresses the last one is the dialog's.
    client = server.connect(source=source, address=server.addresses[-1 if tls is None else 0])
    if tls == "starttls":
        greeting = client.line()
        mailrace.expect(client.command("EHLO client.example"), 250)
        mailrace.expect(client.command("STARTTLS"), 220)
        client.begin_tls().put_back(greeting)
    return client


def run_on_server(dialogs, flags, split, replies, tls=None):
    """Runs dialogs that want the same server. Returns what failed: (name, why)."""
    failures = []
    sources = {dialog.name: SOURCE.format(*divmod(number + 1, 250))
               for number, dialog in enumerate(dialogs)}
    with mailrace.Temporary() as directory:
        spool = os.path.join(directory, "spool")
        if tls is not None:
            flags = [*flags, *mailrace.tls_flags(), "--listen-tls", "127.0.0.1:0"]
        with mailrace.Server(spool, *flags) as server:
            for dialog in dialogs:
                with connect(server, tls, sources[dialog.name]) as client:
                    conversation = Conversation(client, split)
                    try:
                        conversation.run(dialog.steps)
                        conversation.finish(dialog.steps)
                    except DialogError as error:
                        failures.append((dialog.name, str(error)))
                replies += conversation.replies
        by_peer = {}
        for mail in mailrace.exported(spool):
            by_peer.setdefault(mail.peer.split(":")[0], []).append(mail)
    failed = {name for name, _ in failures}
    for dialog in dialogs:
        try:
            if dialog.name not in failed:
                check_stored(dialog, sources[dialog.name],
                             by_peer.get(sources[dialog.name], []), tls)
        except DialogError as error:
            failures.append((dialog.name, str(error)))
    return failures


def run_all(paths, split=0, tls=None):
    """Runs dialogs, one server for all that name the same flags.

    returns   reply lines that came, and what failed: (name, why)
    """
    groups = {}
    for path in paths:
        dialog = Dialog(path)
        if (tls is not None and dialog.in_the_clear) or (split == 1 and dialog.in_one_piece):
            continue
        groups.setdefault(tuple(dialog.flags), []).append(dialog)
    replies = []
    failures = []
    for flags, dialogs in groups.items():
        failures += run_on_server(dialogs, flags, split, replies, tls)
    return replies, failures


def all_dialogs():
    return sorted(glob.glob(os.path.join(HERE, "*.smtp")))


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", type=int, default=0)
    parser.add_argument("--tls", choices=("starttls", "implicit"))
    parser.add_argument("files", nargs="*")
    options = parser.parse_args(arguments)
    mailrace.require_server()
    paths = options.files or all_dialogs()
    _, failures = run_all(paths, options.split, options.tls)
    for name, why in failures:
        print(f"FAILED {name}: {why}")
    print(f"{len(paths)} dialogs, {len(failures)} failed")
    return 1 if failures or not paths else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
