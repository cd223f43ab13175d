# SPDX-License-Identifier: GPL-3.0-or-later
"""What attackers are made of: raw connections from many loopback addresses, and their book."""

import collections
import os
import random
import socket
import ssl
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import letters  # noqa: E402
import mailrace  # noqa: E402

IP_BIND_ADDRESS_NO_PORT = 24  # so that ports are counted for each pair of addresses
SERVER_MAY_TAKE_S = 10 + mailrace.PATIENCE_S
RESET = struct.pack("ii", 1, 0)  # SO_LINGER with no time: close() sends RST
SMALL_BODY = 700


def client_hello():
    """The first octets of a TLS connection."""
    context = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    stream = context.wrap_bio(incoming, outgoing, server_hostname=mailrace.HOSTNAME)
    try:
        stream.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def number(line):
    """The code of a reply line; 0 for what is none."""
    return int(line[:3]) if line[:3].isdigit() else 0


class Peer:
    """One connection. Replies are only counted: their codes, in order, and how the stream ended."""

    def __init__(self, address, source, receive_buffer=None, timeout=SERVER_MAY_TAKE_S):
        self.codes = []
        self.end = ""  # eof, reset, or stuck if nothing came in time
        self._pending = b""
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.socket.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if receive_buffer is not None:
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.bind((source, 0))
            self.socket.settimeout(timeout)
            if timeout == 0:
                self.socket.connect_ex(address)
            else:
                self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise

    def send(self, octets):
        self.socket.sendall(octets)

    def _take(self, octets):
        *lines, self._pending = (self._pending + octets).split(b"\r\n")
        self.codes.extend(number(line) for line in lines if line[3:4] != b"-")

    def receive(self):
        """Takes what comes next. Returns whether something came."""
        try:
            octets = self.socket.recv(1 << 16)
        except TimeoutError:
            self.end = "stuck"
        except BlockingIOError:
            return False
        except OSError:
            self.end = "reset"
        else:
            if octets:
                self._take(octets)
                return True
            self.end = "eof"
        return False

    def wait(self, count):
        """Until `count` replies have come, all together. Returns whether they have."""
        while len(self.codes) < count:
            if not self.receive():
                return False
        return True

    def rest(self):
        """All that comes until the server closes."""
        while self.receive():
            pass

    def half_close(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.socket.close()


class Attack:
    """One process of an attack: whom, how long, how much, and what came of it."""

    def __init__(self, plan):
        self.name = plan["name"]
        self.address = tuple(plan["address"])
        self.tls_address = tuple(plan["tls_address"])
        self.index, self.processes = plan["index"], plan["processes"]
        self.round = plan["round"]
        self.seconds, self.scale = plan["seconds"], plan["scale"]
        self.directory = plan["directory"]  # beside the spool, on the same disk
        self.random = random.Random(f"{self.name} {self.index}")
        self.deadline = time.monotonic() + self.seconds
        self.counts = collections.Counter()
        self.accepted = []  # ids of letters for which 250 was seen
        self._letters = 0

    def share(self, count):
        """What this process does of `count` things at scale 1."""
        return max(1, round(count * self.scale / self.processes))

    def running(self):
        return time.monotonic() < self.deadline

    def source(self, addresses=1 << 16):
        """One of so many loopback addresses, none of which is the good senders'."""
        which = self.random.randrange(addresses)
        return f"127.{64 + self.index}.{which >> 8}.{which & 255}"

    def peer(self, tls=False, source=None, **options):
        peer = Peer(self.tls_address if tls else self.address, source or self.source(), **options)
        self.counts["connections"] += 1
        return peer

    def letter(self, body):
        """A new letter. Returns its id and its octets."""
        self._letters += 1
        uid = f"{self.name}-{self.round}-{self.index}-{self._letters}"
        return uid, body.letter(uid)

    def repeat(self, one):
        """one(n) until the time is over; connections that fail are counted."""
        turn = 0
        while self.running():
            try:
                one(turn)
            except OSError as failure:
                self.counts[f"failed: {type(failure).__name__}"] += 1
                time.sleep(0.001)
            turn += 1

    def count_end(self, peer):
        self.counts[peer.end] += 1

    def report(self):
        return {"counts": self.counts, "accepted": self.accepted}


# --- a session of one mail, step by step ----------------------------------------------------------

# Replies up to the one that says what became of the mail: 220, EHLO, MAIL, RCPT, DATA, the mail.
MAIL_REPLY = 5


def dialog(content):
    """Steps: octets, and replies that they have coming."""
    middle = len(content) // 2
    return ((b"", 1), (b"EHLO client.example\r\n", 1), (b"MAIL FROM:<a@example.org>\r\n", 1),
            (b"RCPT TO:<user@example.com>\r\n", 1), (b"DATA\r\n", 1), (content[:middle], 0),
            (content[middle:] + b".\r\n", 1), (b"QUIT\r\n", 1))


STEPS = len(dialog(b""))
STEPS_WITH_MAIL = 7  # from here on the end of data was sent


class Session:
    """A peer that goes through a dialog up to a stage: a number of steps, the last one awaited or
    not."""

    def __init__(self, attack, body):
        self.attack = attack
        self.uid, content = attack.letter(body)
        self.steps = dialog(content)
        self.peer = attack.peer()
        self.has_sent_mail = False

    def go(self, stage, is_awaited):
        due = 0
        for done, (octets, replies) in enumerate(self.steps[:stage], 1):
            self.peer.send(octets)
            due += replies
            self.has_sent_mail = done >= STEPS_WITH_MAIL
            if done < stage or is_awaited:
                self.peer.wait(due)

    def note_mail(self):
        """What is known of the mail now. Returns whether it was accepted."""
        codes = self.peer.codes
        is_accepted = len(codes) > MAIL_REPLY and codes[MAIL_REPLY] == 250
        if is_accepted:
            self.attack.accepted.append(self.uid)
        return is_accepted


def stage_of(turn):
    """Each stage in turn: steps, and whether the last one is awaited."""
    return turn // 2 % (STEPS + 1), turn % 2 == 0
