#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attacks, and what each may not lead to.

    scenarios.py PLAN    one process of an attack; PLAN: a JSON object, see rig.py

Each attack is a function of an Attack; it ends when the time is over, and leaves numbers behind.
"""

import collections
import dataclasses
import json
import os
import select
import sys
import threading
import time

from attack import (MAIL_REPLY, SMALL_BODY, STEPS_WITH_MAIL, Attack, Session, client_hello, dialog,
                    stage_of)
import letters
import mailrace

MIB = 1 << 20
ROUND_S = 0.1

# --- connections that do nothing ------------------------------------------------------------------


def connection_flood(attack):
    """As many connections as possible; every other one is closed at once, the others wait."""
    held = collections.deque()

    def one(turn):
        peer = attack.peer(timeout=0)
        if turn % 2 == 0:
            peer.close()
            return
        held.append(peer)
        if len(held) > attack.share(1000):
            held.popleft().close()

    attack.repeat(one)
    for peer in held:
        peer.close()


def hold(attack, count, addresses):
    """Opens `count` connections, and keeps them as long as the attack goes on. Returns those that
    were greeted."""
    mailrace.raise_descriptor_limit(count + 100)
    peers = []

    def one(_):
        if len(peers) < count:
            peers.append(attack.peer(source=attack.source(addresses)))
        else:
            time.sleep(ROUND_S)

    attack.repeat(one)
    for peer in peers:
        peer.wait(1)
        attack.counts[f"greeted {peer.codes[0] if peer.codes else peer.end}"] += 1
    return peers


def idle_sessions(attack):
    """Thousands of sessions that say nothing behind the greeting; some say EHLO in the end."""
    peers = hold(attack, attack.share(20_000), 1 << 16)
    alive = [peer for peer in peers if peer.codes == [220]][::10]
    for peer in alive:
        peer.send(b"EHLO client.example\r\n")
    attack.counts["asked"] += len(alive)
    attack.counts["answered"] += sum(peer.wait(2) for peer in alive)
    for number, peer in enumerate(peers):
        if number % 3 == 0:
            peer.reset()
        else:
            peer.close()


def idle_beyond_limit(attack):
    """The same from four addresses that may have 10 connections each."""
    for peer in hold(attack, attack.share(2000), 2):
        peer.close()


def half_open_beyond_limit(attack):
    """And who may have any number, but 10 of them without a mail."""
    for peer in hold(attack, attack.share(2000), 2):
        peer.close()


# --- slow, and slower -----------------------------------------------------------------------------


def slow_clients(attack):
    """Ten thousand connections, of which each sends an octet of a command every ten seconds."""
    count = attack.share(10_000)
    mailrace.raise_descriptor_limit(count + 100)
    peers = []

    def one(turn):
        if len(peers) < count:
            peers.append(attack.peer())
            return
        peers[turn % count].send(b"x")
        attack.counts["octets"] += 1
        time.sleep(10 / count)

    attack.repeat(one)
    attack.counts["held"] += len(peers)
    for peer in peers:
        peer.close()


class Trickle:
    """Connections that send an octet now and then; one that the server ends is begun anew."""

    def __init__(self, attack, begin):
        """begin() returns a peer, and the octets that it sends over and over."""
        self.attack, self.begin = attack, begin
        self.peers = []

    def fill(self, count):
        while len(self.peers) < count:
            peer, octets = self.begin(len(self.peers))
            peer.socket.settimeout(0)
            self.peers.append([peer, octets, 0])

    def one_round(self):
        for entry in self.peers:
            peer, octets, at = entry
            try:
                if octets:
                    peer.send(octets[at % len(octets):][:1])
                while peer.receive():
                    pass
            except OSError:
                peer.end = "reset"
            entry[2] += 1
        ended = [entry for entry in self.peers if entry[0].end]
        for peer, *_ in ended:
            self.attack.counts["ended by the server"] += 1
            peer.close()
        self.peers = [entry for entry in self.peers if not entry[0].end]

    def run(self, count):
        def one(_):
            self.fill(count)
            self.one_round()
            time.sleep(2 * ROUND_S)

        self.attack.repeat(one)
        for peer, *_ in self.peers:
            peer.close()


def slowloris(attack):
    """Commands, mail data and TLS handshakes, octet by octet, and TLS connections without any."""
    hello = client_hello()
    body = letters.Body(SMALL_BODY)

    def begin(number):
        if number % 4 == 0:
            return attack.peer(), b"EHLO client.example"
        if number % 4 == 1:
            session = Session(attack, body)
            session.go(5, True)
            return session.peer, b"x"
        return attack.peer(tls=True), hello if number % 4 == 2 else b""

    Trickle(attack, begin).run(attack.share(800))


def octet_by_octet(attack):
    """Whole sessions in segments of one octet each, many of them side by side."""
    body = letters.Body(70)

    def one(_):
        batch = [attack.letter(body) for _ in range(attack.share(64))]
        talks = [b"".join(octets for octets, _ in dialog(content)) for _, content in batch]
        peers = [attack.peer() for _ in batch]
        for at in range(max(map(len, talks))):
            for peer, talk in zip(peers, talks):
                peer.socket.send(talk[at:at + 1])
        for peer, (uid, _) in zip(peers, batch):
            peer.rest()
            attack.count_end(peer)
            if peer.codes == [220, 250, 250, 250, 354, 250, 221]:
                attack.accepted.append(uid)
            else:
                attack.counts["not accepted"] += 1
            peer.close()

    attack.repeat(one)


def deaf(attack):
    """Pipelines without end, of which no reply is read."""
    pipeline = b"EHLO client.example\r\n" + 5000 * b"MAIL FROM:<>\r\nRSET\r\n"
    peers = []

    def pour(peer):
        try:
            while True:
                attack.counts["octets"] += peer.socket.send(pipeline)
        except BlockingIOError:
            return True
        except OSError:
            attack.counts["ended by the server"] += 1
            peer.close()
            return False

    def one(_):
        while len(peers) < attack.share(300):
            peers.append(attack.peer(receive_buffer=2048))
            peers[-1].socket.settimeout(0)
        peers[:] = [peer for peer in peers if pour(peer)]
        time.sleep(ROUND_S)

    attack.repeat(one)
    for peer in peers:
        peer.close()


# --- the end of a connection, where it does not belong --------------------------------------------


def half_closed(attack):
    """The end of the client's stream behind each step; the server says all it has to, and closes.
    """
    body, hello = letters.Body(SMALL_BODY), client_hello()

    def tls():
        peer = attack.peer(tls=True)
        peer.send(hello[:attack.random.randrange(len(hello) + 1)])
        peer.half_close()
        peer.rest()
        return peer

    def plain(turn):
        session = Session(attack, body)
        session.go(*stage_of(turn))
        session.peer.half_close()
        session.peer.rest()
        if not session.note_mail() and session.has_sent_mail:
            attack.counts["unanswered"] += 1
        return session.peer

    def one(turn):
        peer = tls() if turn % 8 == 7 else plain(turn - turn // 8)
        attack.count_end(peer)
        peer.close()

    attack.repeat(one)


def reset_storm(attack):
    """The same with a reset in the place of the end."""
    body, hello = letters.Body(SMALL_BODY), client_hello()

    def one(turn):
        if turn % 8 == 7:
            peer = attack.peer(tls=True)
            peer.send(hello[:attack.random.randrange(len(hello) + 1)])
            peer.reset()
        else:
            session = Session(attack, body)
            session.go(*stage_of(turn - turn // 8))
            session.note_mail()
            session.peer.reset()

    attack.repeat(one)


def vanish(attack):
    """Gone, with a reset, while 250 is pending; what is stored all the same must be whole."""
    body = letters.Body(SMALL_BODY)

    def one(turn):
        session = Session(attack, body)
        session.go(STEPS_WITH_MAIL, False)
        if turn % 4 == 3:
            time.sleep(0.001 * attack.random.random())
        session.peer.reset()
        attack.counts["mails"] += 1

    attack.repeat(one)


# --- too much at once -----------------------------------------------------------------------------


def exchange(peer, octets):
    """Sends all of it, takes replies meanwhile and behind it, up to the end of the stream."""
    peer.socket.setblocking(False)
    unsent = memoryview(octets)
    deadline = time.monotonic() + 120
    while not peer.end and time.monotonic() < deadline:
        readable, writable, _ = select.select([peer.socket], [peer.socket] if unsent else [], [], 5)
        if writable:
            try:
                unsent = unsent[peer.socket.send(unsent[:1 << 20]):]
            except BlockingIOError:
                pass
            except OSError:
                unsent = unsent[:0]
        if readable:
            peer.receive()


def huge_pipelines(attack):
    """100,000 commands, or thousands of recipients or mails, in one go."""
    count = max(2000, round(100_000 * attack.scale))
    hello, mail = b"EHLO client.example\r\n", b"MAIL FROM:<a@example.org>\r\n"
    body = letters.Body(70)

    def mails():
        batch = [attack.letter(body) for _ in range(count // 100)]
        talk = b"".join(mail + b"RCPT TO:<user@example.com>\r\nDATA\r\n" + content + b".\r\n"
                        for _, content in batch)
        return [uid for uid, _ in batch], hello + talk + b"QUIT\r\n"

    def one(turn):
        uids = []
        kind = ("NOOP", "RSET", "recipients", "nonsense", "mails")[turn % 5]
        if kind == "mails":
            uids, talk = mails()
        else:
            talk = hello + {"NOOP": count * b"NOOP\r\n",
                            "RSET": count // 2 * (mail + b"RSET\r\n"),
                            "recipients": mail + count * b"RCPT TO:<user@example.com>\r\n",
                            "nonsense": count * b"NONSENSE\r\n"}[kind] + b"QUIT\r\n"
        peer = attack.peer()
        exchange(peer, talk)
        attack.counts["pipelines"] += 1
        attack.counts["replies"] += len(peer.codes)
        attack.counts[f"{kind} ended with {peer.codes[-1:]}"] += 1
        # NOOP is answered a thousand times, then the server has enough of it.
        if len(peer.codes) < {"NOOP": 1000, "RSET": count + 3}.get(kind, 0):
            attack.counts["replies missing"] += 1
        outcomes = peer.codes[MAIL_REPLY::4] if uids else []
        attack.accepted += [uid for uid, code in zip(uids, outcomes) if code == 250]
        attack.counts["mails refused"] += sum(code != 250 for code in outcomes)
        peer.close()

    attack.repeat(one)


def garbage(attack):
    """What is no SMTP, on the plain and on the TLS port."""
    hello = client_hello()

    def noise(length):
        return attack.random.randbytes(attack.random.randrange(1, length))

    makers = (lambda: noise(4096), lambda: noise(200_000), lambda: hello, lambda: 10 * hello,
              lambda: b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
              lambda: b"POST / HTTP/1.1\r\nHost: example.com\r\n\r\n" + dialog(noise(900))[6][0],
              lambda: bytes(65536), lambda: b"EHLO " + 100_000 * b"a",
              lambda: 2000 * b"\r\n", lambda: b"EHLO x\n" * 200, lambda: b"\x16\x03\x01\xff\xff",
              lambda: b"\x16\x03\x01\x40\x00" + noise(16384), lambda: b"EHLO a\r\n" + noise(4096),
              lambda: b"EHLO a\r\nSTARTTLS\r\n" + noise(4096),
              lambda: b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<user@example.com>\r\n"
              b"BDAT 99999999999\r\n" + noise(4096))

    def one(turn):
        peer = attack.peer(tls=turn // len(makers) % 2 == 1)
        try:
            peer.send(makers[turn % len(makers)]())
            peer.half_close()
        except OSError:
            attack.counts["cut short"] += 1
        peer.rest()
        attack.count_end(peer)
        peer.close()

    attack.repeat(one)


def harvest(attack):
    """Recipients that nobody knows, a hundred in a go, from eight addresses."""
    guesses = b"".join(b"RCPT TO:<user%d@elsewhere.example>\r\n" % n for n in range(100))

    def one(_):
        peer = attack.peer(source=attack.source(4))
        peer.wait(1)
        if peer.codes == [220]:
            exchange(peer, b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n" + guesses
                     + b"QUIT\r\n")
            attack.counts["guesses"] += sum(code == 550 for code in peer.codes)
            attack.counts["told"] += sum(code == 250 for code in peer.codes[3:])
        else:
            attack.counts["turned away"] += 1
        peer.close()

    attack.repeat(one)


def large_mails(attack):
    """Mails of 25 MB, as many as the time allows, over two connections; 4xx is tried again."""
    body = letters.Body(25_000_000)
    left = [attack.share(120)]
    lock = threading.Lock()

    def take():
        with lock:
            left[0] -= 1
            return attack.letter(body) if left[0] >= 0 else None

    def is_begun(peer, steps):
        for octets, replies in steps:
            peer.send(octets)
            peer.wait(len(peer.codes) + replies)
        return peer.codes == [220, 250, 250, 250, 354]

    def deliver(uid, content):
        peer = attack.peer(timeout=120)
        *beginning, first, last, _ = dialog(content)
        while not is_begun(peer, beginning):
            attack.counts["deferred"] += 1
            peer.close()
            time.sleep(ROUND_S)
            peer = attack.peer(timeout=120)
        peer.send(first[0] + last[0])
        if peer.wait(MAIL_REPLY + 1) and peer.codes[MAIL_REPLY] == 250:
            attack.accepted.append(uid)
        else:
            attack.counts["not accepted"] += 1
        attack.counts["mails"] += 1
        peer.close()

    def one(_):
        letter = take()
        if letter is None:
            attack.deadline = 0
        else:
            deliver(*letter)

    threads = [threading.Thread(target=attack.repeat, args=(one,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def disk_full(attack):
    """The disk is filled until mail is refused, and emptied until mail is accepted, in turn."""
    filler = os.path.join(attack.directory, "filler")
    body = letters.Body(100_000)

    def probe():
        session = Session(attack, body)
        session.go(6, True)
        if session.peer.codes[2:] == [250, 250, 354]:
            session.peer.send(session.steps[6][0])
            session.peer.wait(MAIL_REPLY + 1)
        session.peer.close()
        return session.note_mail()

    def fill():
        with open(filler, "ab") as file:
            try:
                while True:
                    os.write(file.fileno(), bytes(64 << 10))
            except OSError:
                pass

    def until(outcome):
        deadline = time.monotonic() + 30
        while probe() is not outcome:
            if time.monotonic() > deadline:
                attack.counts["no change"] += 1
                return
            time.sleep(0.01)
            if not outcome:
                fill()

    def one(_):
        fill()
        until(False)
        attack.counts["full"] += 1
        time.sleep(0.5)
        os.unlink(filler)
        until(True)
        time.sleep(0.2)

    attack.repeat(one)


# --- the table ------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Scenario:
    attack: object
    what: str                # for the report, with {numbers} that the attack leaves
    flags: tuple = ()        # of the server
    processes: int = 2
    seconds_min: float = 0   # less shows nothing
    opening: float = 0       # share of these before latency is looked at
    expected: tuple = ()     # numbers that are not 0 afterwards
    forbidden: tuple = ()    # numbers that are
    defers: str = "never"    # whether good senders hear 4xx: never, maybe, always
    small_disk: bool = False
    segment_size: str = "16MiB"
    senders: tuple = ()      # flags of good_senders.py

    @property
    def name(self):
        return self.attack.__name__


SCENARIOS = {scenario.name: scenario for scenario in (
    Scenario(connection_flood, "{connections} connections, half of them closed at once"),
    Scenario(idle_sessions, "{connections} idle sessions; at the end {asked} were asked, and "
             "{answered} answered",
             processes=4, expected=("greeted 220", "answered"), seconds_min=1),
    Scenario(idle_beyond_limit, "{connections} from 4 addresses with `concurrent=10` each: "
             "{greeted 220} let in, {greeted 421} refused",
             flags=("--limit", "127.0.0.0/8,concurrent=10"),
             expected=("greeted 220", "greeted 421")),
    Scenario(half_open_beyond_limit, "{connections} from 4 addresses with `half-open=10` each: "
             "{greeted 220} let in, {greeted 421} refused",
             flags=("--limit", "127.0.0.0/8,half-open=10"),
             expected=("greeted 220", "greeted 421")),
    Scenario(slow_clients, "{held} connections at a time, each an octet every 10 s; behind their "
             "opening {octets} octets", opening=0.5, seconds_min=1, expected=("octets",)),
    Scenario(slowloris, "{connections} connections, 800 at a time, an octet each 0.2 s; "
             "{ended by the server} ended by timeouts of 3 s",
             flags=("--timeout-command", "3s", "--timeout-data-block", "3s",
                    "--timeout-tls-handshake", "3s"), seconds_min=4.5,
             expected=("ended by the server",)),
    Scenario(octet_by_octet, "{connections} sessions with a mail in segments of one octet",
             expected=("eof",), forbidden=("not accepted", "stuck")),
    Scenario(deaf, "{octets} octets of commands from 300 clients that read no reply; "
             "{ended by the server} ended by the server (`--timeout-reply 2s`)",
             flags=("--timeout-reply", "2s"), seconds_min=3, expected=("ended by the server",)),
    Scenario(half_closed, "{connections} sessions half closed at each step",
             expected=("eof",), forbidden=("stuck", "unanswered")),
    Scenario(reset_storm, "{connections} sessions reset at each step"),
    Scenario(huge_pipelines, "{pipelines} pipelines of 100,000 commands or 1,000 mails; {replies} "
             "replies", expected=("pipelines",), forbidden=("replies missing", "mails refused")),
    Scenario(garbage, "{connections} connections with random octets, HTTP, TLS where there is none",
             expected=("eof",), forbidden=("stuck",)),
    Scenario(harvest, "{connections} connections, {guesses} unknown recipients; {turned away} "
             "turned away by `unknown-recipients=50/10m`",
             flags=("--limit", "127.0.0.0/8,unknown-recipients=50/10m"),
             expected=("guesses", "turned away"), forbidden=("told",)),
    # 452 is the answer when the disk takes less than comes, see --spool-memory.
    Scenario(large_mails, "{mails} mails of 25 MB, 4 at a time; {deferred} x 4xx",
             flags=("--retain-bytes", "16GiB"), expected=("mails",), forbidden=("not accepted",),
             defers="maybe", segment_size="128MiB"),
    Scenario(vanish, "{mails} mails whose client was gone before the 250", expected=("mails",)),
    Scenario(disk_full, "disk {full} times full and empty again", processes=1, expected=("full",),
             flags=("--min-free-space", "0"), forbidden=("no change",), defers="always",
             small_disk=True, segment_size="1MiB", senders=("--size", "32768", "--pause", "0.02")),
)}


def main():
    plan = json.loads(sys.argv[1])
    attack = Attack(plan)
    SCENARIOS[attack.name].attack(attack)
    json.dump(attack.report(), sys.stdout)


if __name__ == "__main__":
    main()
