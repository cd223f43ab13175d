#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Says the clients' lines of all dialogs to `mailrace serve` and to Postfix; compares reply codes.

    postfix_reference.py [FILE...]    by default all dialogs

Each difference must be in the table "Where Postfix answers otherwise" of core/smtp/SESSION.md, by
dialog and by both codes; and what is in that table must still be so. What differs is printed, with
`?` in front of what is not explained. A dialog that Postfix has nothing to set against is named
with the reason. Only three-digit codes are judged; enhanced codes are printed beside them.

Postfix runs with Debian's defaults, but for what SETTINGS says, and for limits as the dialogs want
them. Both are asked for as many replies as the dialog has, until an answer leaves them in different
states; the rest of such a dialog is not compared.
"""

import collections
import dataclasses
import fnmatch
import itertools
import os
import re
import socket
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
for folder in ("../support", "../dialogs", "."):
    sys.path.insert(0, os.path.join(HERE, folder))

import mailrace  # noqa: E402
import postfix  # noqa: E402
import run_dialogs  # noqa: E402

SESSION_MD = os.path.join(HERE, "../../core/smtp/SESSION.md")
SECTION = "## Where Postfix answers otherwise"
LABEL_CHARACTERS = 60
# Not a reply, but something that can stand in its place.
CLOSED, OPEN, SILENT, NOTHING = "closed", "open", "silent", "nothing"


def hopcount_limit(hops):
    """Postfix counts the field that it adds as well, and refuses at the limit."""
    return str(hops + 2)


# All recipients of our domain exist, everything accepted is thrown away, nobody is trusted. The
# rest is where Postfix can be as strict, or as patient, as we are by default.
SETTINGS = {
    "myhostname": mailrace.HOSTNAME,
    "myorigin": "example.com",
    "mydestination": "example.com",
    "mynetworks": "",
    "local_transport": "discard:",
    "default_transport": "discard:",
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "smtpd_peername_lookup": "no",
    "smtputf8_enable": "yes",
    "message_size_limit": str(64 << 20),
    "hopcount_limit": hopcount_limit(100),
    "smtpd_helo_required": "yes",
    "smtpd_forbid_bare_newline": "normalize",
    "smtpd_forbid_bare_newline_exclusions": "",
    "smtpd_junk_command_limit": "1000",
    "smtpd_error_sleep_time": "0",
    "smtpd_client_event_limit_exceptions": "127.0.0.0/8",
}

MASTER_CF = """
discard   unix - - n - - discard
anvil     unix - - n - 1 anvil
"""

# A server of its own for each set of settings: `cleanup` has some of the limits.
SERVICE_CF = """
127.0.0.1:{port} inet n - n - - smtpd
{options}
  -o cleanup_service_name=cleanup{port}
cleanup{port} unix n - n - 0 cleanup
{options}
"""


def octets_of(text):
    """The value of a flag such as 64KiB."""
    number, unit = re.fullmatch(r"(\d+)(|KiB|MiB)", text).groups()
    return str(int(number) << {"": 0, "KiB": 10, "MiB": 20}[unit])


# Flag -> what does the same in Postfix, from the flag's last value. Others have no counterpart.
COUNTERPARTS = {
    "--domain": lambda value: {},  # all of them are in mydestination
    "--max-message-size": lambda value: {"message_size_limit": octets_of(value)},
    "--max-recipients": lambda value: {"smtpd_recipient_limit": value},
    "--max-errors": lambda value: {"smtpd_hard_error_limit": value},
    "--max-hops": lambda value: {"hopcount_limit": hopcount_limit(int(value))},
    "--error-delay": lambda value: {},  # a matter of time, not of codes
    "--xclient-from": lambda value: {"smtpd_authorized_xclient_hosts": value},
}
STEPS = {"C:", "C|", "S:", "hello", "reply-has", "split", "pause", "half-close", "close", "closed"}


class NotComparable(Exception):
    """Postfix has no counterpart for something in a dialog; the text says what."""


def values_of(name, flags):
    return [value for flag, value in itertools.pairwise(flags) if flag == name]


def settings_for(dialog):
    """What Postfix needs to be set to for a dialog, beyond SETTINGS."""
    for _, kind, _ in dialog.steps:
        if kind not in STEPS:
            raise NotComparable(f"a step `@ {kind}`")
    settings = {}
    for flag in dialog.flags:
        if flag.startswith("--"):
            if flag not in COUNTERPARTS:
                raise NotComparable(flag)
            settings.update(COUNTERPARTS[flag](values_of(flag, dialog.flags)[-1]))
    return settings


# --- one side of a comparison -----------------------------------------------------------------


class Commands:
    """Which command a reply is for, from the octets that were sent and the replies so far."""

    def __init__(self):
        self.octets = b""
        self.in_data = False

    def label(self, code):
        """Of the command that a reply with this code is for; to be asked for every reply."""
        if self.in_data:
            self.in_data = False
            _, _, self.octets = (b"\r\n" + self.octets).partition(b"\r\n.\r\n")
            return "(end of mail data)"
        line, _, self.octets = self.octets.partition(b"\r\n")
        self.in_data = code == "354"
        chunk = re.match(rb"BDAT (\d{1,20})(?: |$)", line, re.IGNORECASE)
        if chunk:
            self.octets = self.octets[int(chunk.group(1)):]
        text = line.decode(errors="backslashreplace")
        text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
        return text if len(text) <= LABEL_CHARACTERS else text[:LABEL_CHARACTERS - 3] + "..."


@dataclasses.dataclass(frozen=True)
class Answer:
    code: str           # three digits, or CLOSED, OPEN, SILENT, NOTHING
    enhanced: str = ""
    label: str = ""     # what it is the answer to

    def __str__(self):
        return f"{self.code} {self.enhanced}".rstrip()

    def is_of_reply(self):
        return self.code.isdigit()


def answer_of(lines, label):
    enhanced = re.match(r"\d{3}[ -](\d\.\d{1,3}\.\d{1,3})(?: |$)", lines[-1])
    return Answer(lines[-1][:3], enhanced.group(1) if enhanced else "", label)


class Side(run_dialogs.Conversation):
    """Says a dialog's lines to one server, and takes whatever it answers."""

    def __init__(self, address):
        client = mailrace.Client(address)
        client.not_ascii = "backslashreplace"  # Postfix repeats addresses, and these may be UTF-8
        super().__init__(client, split=0)
        self.commands = Commands()
        self.greeted = False
        self.half_closed = False

    def take(self, kind, text):
        """One step. Returns the answers to it."""
        try:
            return self._answers(kind, text)
        except TimeoutError:
            return [Answer(SILENT)]
        except (mailrace.ConnectionEnded, OSError):
            return [Answer(CLOSED)]

    def _answers(self, kind, text):
        if kind == "S:" and text[3:4] == "-":
            return []  # a line of a reply that goes on counts with the last one
        if kind in ("S:", "reply-has"):
            self._flush()
            return [self._answer()]
        if kind == "hello":
            self._flush()
            greeting = self._answer()
            self.unsent += b"EHLO client.example\r\n"
            self._flush()
            return [greeting, self._answer()]
        if kind == "closed":
            self._flush()
            return [Answer(CLOSED if self._is_closed() else OPEN)]
        self.half_closed |= kind == "half-close"
        self._step(kind, text)
        return []

    def _flush(self):
        self.commands.octets += self.unsent
        super()._flush()

    def _answer(self):
        lines = [self.client.line()]
        while lines[-1][3:4] == "-":
            lines.append(self.client.line())
        label = self.commands.label(lines[-1][:3]) if self.greeted else "(greeting)"
        self.greeted = True
        return answer_of(lines, label)

    def reset(self):
        """Forgets a transaction, behind the dialog's back."""
        mailrace.expect(self.client.command("RSET"), 250)

    def _is_closed(self):
        """A server that listens still would answer."""
        try:
            self.client.send(b"NOOP\r\n")
            self.client.half_close()
        except OSError:
            pass  # what it said before can still be read
        return self.client.rest() == b""

    def end(self):
        """Returns the answers that are left."""
        self._flush()
        try:
            if not self.half_closed:
                self.client.half_close()
        except OSError:
            pass
        lines = self.client.rest().decode("ascii", "replace").split("\r\n")
        return [answer_of([line], "(and more)") for line in lines if line and line[3:4] != "-"]


# --- differences ------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Difference:
    dialog: str
    ours: Answer
    theirs: Answer

    def label(self):
        return self.ours.label or self.theirs.label or "(then)"


def are_apart(ours, theirs):
    """Whether two answers leave the servers where the same lines mean something else to each."""
    if not (ours.is_of_reply() and theirs.is_of_reply()):
        return True  # one of the two does not go on
    if (ours.code == "354") != (theirs.code == "354"):
        return True
    opens = ours.label[:4].upper() in ("MAIL", "EHLO")
    return opens and ours.code == "250" and theirs.code != "250"


def compare(dialog, ours_address, theirs_address):
    """Says a dialog to both, as far as they stay together. Returns the differences."""
    ours, theirs = Side(ours_address), Side(theirs_address)
    found = []
    with ours.client, theirs.client:
        for number, (_, kind, text) in enumerate(dialog.steps):
            next_kind = dialog.steps[number + 1][1] if number + 1 < len(dialog.steps) else None
            for our, their in zip(ours.take(kind, text), theirs.take(kind, text)):
                if our.code == their.code and our.is_of_reply():
                    continue
                if our.code == their.code:
                    return found
                found.append(Difference(dialog.name, our, their))
                if are_apart(our, their):
                    return found
                if our.label.upper().startswith("MAIL") and their.code == "250" \
                   and next_kind in ("C:", "C|"):
                    theirs.reset()  # the next line is not to hear of a MAIL that we refused
        if dialog.steps[-1][1] not in ("close", "closed"):
            both = itertools.zip_longest(ours.end(), theirs.end(), fillvalue=Answer(NOTHING))
            found += [Difference(dialog.name, our, their) for our, their in both
                      if our.code != their.code]
    return found


def print_differences(found, rows):
    """A line for each dialog and pair of codes. Returns how many lines are not explained, and how
    many there are."""
    alike = collections.defaultdict(list)
    for difference in found:
        alike[difference.dialog, difference.ours.code, difference.theirs.code].append(difference)
    unexplained = 0
    for first, *others in alike.values():
        explained = any([row.explains(first) for row in rows])
        unexplained += not explained
        more = f"  and {len(others)} more" if others else ""
        print(f"{' ' if explained else '?'} {first.dialog:32} {first.label():{LABEL_CHARACTERS}} "
              f"{str(first.ours):11} {str(first.theirs):11}{more}")
    return unexplained, len(alike)


@dataclasses.dataclass
class Row:
    """One of the table: pairs of codes, dialogs that have them, and why."""

    pairs: set
    dialogs: list  # names, * for any characters
    seen: set = dataclasses.field(default_factory=set)

    def shown(self):
        return ", ".join(" / ".join(pair) for pair in sorted(self.pairs))

    def explains(self, difference):
        if (difference.ours.code, difference.theirs.code) not in self.pairs:
            return False
        matching = {name for name in self.dialogs if fnmatch.fnmatch(difference.dialog, name)}
        self.seen |= {(difference.ours.code, difference.theirs.code, name) for name in matching}
        return bool(matching)


def known_rows(path=SESSION_MD):
    """| 250 / 501, 250 / 553 | dialog, dialog_* | reason |"""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    _, found, section = text.partition(SECTION + "\n")
    assert found, f"{path} has no section {SECTION!r}"
    rows = []
    for line in section.partition("\n## ")[0].split("\n"):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or set(cells[0]) <= {"-"} or cells[0] == "ours / Postfix's":
            continue
        assert len(cells) == 3 and cells[2], f"{path}: not a row: {line}"
        pairs = {tuple(code.strip() for code in pair.split("/")) for pair in cells[0].split(",")}
        rows.append(Row(pairs, [name.strip() for name in cells[1].split(",")]))
    return rows


def no_longer_so(rows):
    """Of rows, what no dialog has shown."""
    stale = []
    for row in rows:
        shown = {name for _, _, name in row.seen}
        stale += [f"dialog {name}: {row.shown()}" for name in row.dialogs if name not in shown]
        stale += [f"codes {' / '.join(pair)}: {', '.join(row.dialogs)}"
                  for pair in row.pairs - {seen[:2] for seen in row.seen}]
    return stale


# --- running both -----------------------------------------------------------------------------


def free_ports(count):
    """Ports of the loopback interface that nobody listens at."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [listening.getsockname()[1] for listening in sockets]
    for listening in sockets:
        listening.close()
    return ports


def services(groups):
    """groups   flags of dialogs -> Postfix's settings for them. Returns their ports, and what in
    master.cf makes Postfix listen there."""
    ports = dict(zip(groups, free_ports(len(groups))))
    text = MASTER_CF
    for flags, settings in groups.items():
        options = "\n".join(f"  -o {{ {name} = {value} }}" for name, value in settings.items())
        text += SERVICE_CF.format(port=ports[flags], options=options).replace("\n\n", "\n")
    return ports, text


def run_both(dialogs):
    """Returns the differences, and what is not comparable: (name, why)."""
    groups = collections.defaultdict(list)
    incomparable = []
    for dialog in dialogs:
        try:
            settings_for(dialog)
            groups[tuple(dialog.flags)].append(dialog)
        except NotComparable as error:
            incomparable.append((dialog.name, str(error)))
    found = []
    ports, master_cf = services({flags: settings_for(group[0]) for flags, group in groups.items()})
    domains = [*SETTINGS["mydestination"].split(), *(domain for flags in groups
                                                     for domain in values_of("--domain", flags))]
    settings = {**SETTINGS, "mydestination": ", ".join(domains)}
    main_cf = "".join(f"{name} = {value}\n" for name, value in settings.items())
    with mailrace.Temporary() as directory, \
         postfix.Postfix(directory, main_cf, master_cf) as instance:
        for flags, group in groups.items():
            with mailrace.Server(os.path.join(directory, f"spool{ports[flags]}"),
                                 *flags) as server:
                for dialog in group:
                    found += compare(dialog, server.address, ("127.0.0.1", ports[flags]))
        for line in instance.log().splitlines():
            assert " fatal: " not in line and " panic: " not in line, line
    return found, incomparable


def main(paths):
    mailrace.require_server()
    postfix.require()
    dialogs = [run_dialogs.Dialog(path) for path in paths or run_dialogs.all_dialogs()]
    rows = known_rows()
    found, incomparable = run_both(dialogs)
    unexplained, count = print_differences(found, rows)
    for name, why in incomparable:
        print(f"- {name}: Postfix has no counterpart of {why}")
    stale = [] if paths else no_longer_so(rows)
    for text in stale:
        print(f"! SESSION.md explains what is not so any more: {text}")
    print(f"{len(dialogs)} dialogs, {len(incomparable)} of them not comparable; {count} "
          f"differences, {unexplained} of them unexplained, {len(stale)} explained that are none")
    return 1 if unexplained or stale or len(incomparable) == len(dialogs) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
