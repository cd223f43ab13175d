# SPDX-License-Identifier: GPL-3.0-or-later
"""The real program for tests: a server with a spool and port of its own, clients, exported mail.

MAILRACE_PROGRAM names the program to test. Every wait has an end; what a test starts goes away with
it, even if the test is killed.
"""

import base64
import ctypes
import dataclasses
import itertools
import json
import os
import re
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = os.environ.get("MAILRACE_PROGRAM", "build/release/tools/mailrace")
HOSTNAME = "mx.example.com"
TLS_DATA = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../data/tls")
SKIPPED = 77
# Slow machines and sanitizers: each bound is generous, none decides whether a test passes.
PATIENCE_S = float(os.environ.get("MAILRACE_TEST_PATIENCE_S", "20"))
IS_ROOT = os.geteuid() == 0

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent():
    """Between fork and exec: a test that is killed leaves nothing running."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Temporary:
    """A temporary directory as a context."""

    def __enter__(self):
        self.path = tempfile.mkdtemp(prefix="mailrace-test-")
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


# --- the program ------------------------------------------------------------------------------


def clean_environment(extra=None):
    """Ours without settings that the program would take for its own."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("MAILRACE_")}
    return {**kept, **(extra or {})}


def raise_descriptor_limit(count):
    """For this process and what it starts. Returns whether `count` are possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        return False
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))
    return True


def run(*arguments, env=None, timeout=PATIENCE_S):
    """Runs the program to its end. Returns status, stdout and stderr as text."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, timeout=timeout, check=False,
                          env=clean_environment(env), preexec_fn=die_with_parent)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


class Server:
    """`mailrace serve` as a context; it listens when the context is entered.

    spool   directory; it outlives the server. flags: further ones.
    """

    def __init__(self, spool, *flags, domains=("example.com",), workers=1, segment_size="16MiB",
                 env=None):
        self.spool = spool
        self.command = [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--spool", spool,
                        "--hostname", HOSTNAME, "--workers", str(workers),
                        "--segment-size", segment_size]
        for domain in domains:
            self.command += ["--domain", domain]
        self.command += flags
        self.env = clean_environment(env)
        self.log = []  # objects of stdout, in order
        self._changed = threading.Condition()
        self._expected_status = 0

    def __enter__(self):
        self._stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self._stderr,
                                        env=self.env, preexec_fn=die_with_parent)
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        try:
            ready = self.wait_event("ready")
            listening = self.wait_event("listening")
        except BaseException:
            self.kill()
            raise
        if ready is None or listening is None:
            self._reader.join(PATIENCE_S)
            status = self.process.wait(PATIENCE_S)
            raise AssertionError(f"no server: status {status}, stderr {self.stderr()!r}")
        self.addresses = [self._address(line) for line in self.events("listening")]
        self.address = self.addresses[0]
        return self

    @staticmethod
    def _address(listening):
        host, port = listening["address"].rsplit(":", 1)
        return host.strip("[]"), int(port)

    def __exit__(self, failed, *_):
        if self.process.poll() is None:
            self.stop() if failed is None else self.kill()
        stderr = self.stderr()
        self._stderr.close()
        if failed is None:
            assert stderr == "", f"the server wrote to stderr:\n{stderr}"
            assert self.process.returncode == self._expected_status, \
                f"the server ended with {self.process.returncode}"
        elif stderr:
            print(f"the server wrote to stderr:\n{stderr}", file=sys.stderr)

    def _read_log(self):
        for line in self.process.stdout:
            entry = json.loads(line)
            with self._changed:
                self.log.append(entry)
                self._changed.notify_all()
        self.process.stdout.close()
        with self._changed:
            self._changed.notify_all()

    def wait_event(self, event, timeout=PATIENCE_S, **members):
        """The first line of `event` with these members; None if the log ends or the time is up."""
        deadline = time.monotonic() + timeout
        seen = 0
        with self._changed:
            while True:
                for entry in self.log[seen:]:
                    if entry["event"] == event and members.items() <= entry.items():
                        return entry
                seen = len(self.log)
                left = deadline - time.monotonic()
                if left <= 0 or (not self._reader.is_alive() and seen == len(self.log)):
                    return None
                self._changed.wait(min(left, 0.5))

    def events(self, event):
        with self._changed:
            return [entry for entry in self.log if entry["event"] == event]

    def stderr(self):
        self._stderr.seek(0)
        return self._stderr.read().decode(errors="replace")

    def memory_bytes_max(self):
        """The most memory that the process ever had resident."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return int(re.search(r"VmHWM:\s+(\d+) kB", file.read()).group(1)) * 1024

    def signal(self, number):
        self.process.send_signal(number)

    def expect_status(self, status):
        self._expected_status = status

    def wait(self, timeout=PATIENCE_S):
        status = self.process.wait(timeout)
        self._reader.join(PATIENCE_S)
        return status

    def stop(self, timeout=PATIENCE_S):
        """Ends it in good order and returns its status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"the server did not stop in {timeout} s") from None

    def kill(self):
        """kill -9."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._expected_status = self.process.returncode
        self._reader.join(PATIENCE_S)

    def connect(self, **options):
        return Client(options.pop("address", self.address), **options)


# --- TLS ------------------------------------------------------------------------------------------


def tls_flags(*names):
    """Flags for the certificates of tests/data/tls, by name; the first is the default."""
    return [word for name in names or ("ecdsa", "rsa") for word in
            ("--tls-certificate", f"{TLS_DATA}/{name}.pem,{TLS_DATA}/{name}.key")]


def tls_context(version=None):
    """A client's context that verifies the server. version: ssl.TLSVersion, the only one."""
    context = ssl.create_default_context(cafile=f"{TLS_DATA}/root.pem")
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


class TlsStream:
    """TLS over a socket, in pieces of `piece` octets: what a client library would not do."""

    def __init__(self, socket_, context, server_name=HOSTNAME, piece=0, session=None):
        self.socket = socket_
        self.piece = piece
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.object = context.wrap_bio(self.incoming, self.outgoing, server_hostname=server_name,
                                       session=session)

    def flush(self):
        octets = self.outgoing.read()
        step = self.piece or len(octets) or 1
        for begin in range(0, len(octets), step):
            self.socket.sendall(octets[begin:begin + step])

    def fill(self):
        try:
            octets = self.socket.recv(1 << 16)
        except ConnectionResetError:
            octets = b""
        if octets:
            self.incoming.write(octets)
        else:
            self.incoming.write_eof()

    def handshake(self):
        while True:
            try:
                self.object.do_handshake()
                return self.flush()
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()

    def send(self, octets):
        self.object.write(octets)
        self.flush()

    def receive(self):
        """Some plaintext, or nothing once the server has said that there is no more."""
        while True:
            try:
                return self.object.read(1 << 16)
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                return b""

    def close(self):
        """close_notify; the server's may come later."""
        try:
            self.object.unwrap()
        except ssl.SSLWantReadError:
            pass
        self.flush()


# --- a client that says exactly what it is told ---------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Reply:
    lines: tuple  # text of each line behind code and separator
    code: int

    @property
    def text(self):
        return self.lines[-1]

    def __str__(self):
        return f"{self.code} {' / '.join(self.lines)}"


class ConnectionEnded(Exception):
    """The server closed or reset the connection where a reply was due."""


class Client:
    """One connection: octets out, reply lines in."""

    not_ascii = "strict"  # what str.decode() makes of such octets in a reply

    def __init__(self, address, timeout=PATIENCE_S, receive_buffer=None, source=None):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.settimeout(timeout)
        if receive_buffer is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = b""
        self.tls = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def reset(self):
        """Closes with RST instead of FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()

    def send(self, octets):
        if self.tls is not None:
            return self.tls.send(octets)
        return self.socket.sendall(octets)

    def half_close(self):
        if self.tls is not None:
            self.tls.close()
        self.socket.shutdown(socket.SHUT_WR)

    def begin_tls(self, context=None, **options):
        """The handshake; what follows is under TLS."""
        self.tls = TlsStream(self.socket, context or tls_context(), **options)
        self.tls.handshake()
        return self

    def start_tls(self, context=None, **options):
        """Greeting, EHLO, STARTTLS and the handshake; then greeted anew by nobody, before EHLO."""
        self.hello()
        expect(self.command("STARTTLS"), 220)
        return self.begin_tls(context, **options)

    def _receive(self):
        try:
            received = self.tls.receive() if self.tls is not None else self.socket.recv(1 << 16)
        except ConnectionResetError:
            received = b""
        self._received += received
        return received != b""

    def line(self):
        """One reply line without its CRLF."""
        while b"\r\n" not in self._received:
            if not self._receive():
                raise ConnectionEnded(f"in the place of a reply: {self._received!r}")
        line, self._received = self._received.split(b"\r\n", 1)
        return line.decode("ascii", self.not_ascii)

    def put_back(self, line):
        """It is the next line again."""
        self._received = line.encode() + b"\r\n" + self._received

    def reply(self):
        lines = []
        while True:
            line = self.line()
            if not re.match(r"[2-5]\d\d[ -]", line):
                raise AssertionError(f"not a reply line: {line!r}")
            lines.append(line[4:])
            if line[3] == " ":
                return Reply(tuple(lines), int(line[:3]))

    def rest(self):
        """All that comes until the server closes."""
        while self._receive():
            pass
        rest, self._received = self._received, b""
        return rest

    def command(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def commands(self, *lines):
        """As one pipelined group; the last code decides, as for most clients."""
        self.send(b"".join(line.encode() + b"\r\n" for line in lines))
        return [self.reply() for _ in lines]

    def hello(self):
        """Takes the greeting and says EHLO."""
        expect(self.reply(), 220)
        expect(self.command("EHLO client.example"), 250)
        return self

    def begin_data(self, mail_from="sender@example.org", rcpt_to=("user@example.com",)):
        """Opens a transaction up to 354."""
        lines = [f"MAIL FROM:<{mail_from}>", *(f"RCPT TO:<{path}>" for path in rcpt_to), "DATA"]
        *replies, start = self.commands(*lines)
        for reply in replies:
            expect(reply, 250)
        expect(start, 354)

    def mail(self, content, **envelope):
        """Delivers `content` (CRLF lines, not stuffed). Returns the final reply."""
        self.begin_data(**envelope)
        self.send(stuffed(content) + b".\r\n")
        return self.reply()


    def mail_in_chunks(self, content, sizes=(), parameters="", rcpt_to=("user@example.com",),
                       mail_from="sender@example.org"):
        """Delivers `content`, octet for octet, by BDAT (RFC 3030): chunks of these sizes, over and
        over again, or one; everything in one pipelined group. Returns the reply that decides: the
        one to the last chunk, or to the first that was refused."""
        replies_due = 1 + len(rcpt_to)
        group = f"MAIL FROM:<{mail_from}>{parameters}\r\n".encode()
        group += b"".join(f"RCPT TO:<{path}>\r\n".encode() for path in rcpt_to)
        begin = 0
        for size in itertools.cycle(sizes or (max(len(content), 1),)):
            end = min(begin + size, len(content))
            last = b" LAST" if end == len(content) else b""
            group += b"BDAT %d%s\r\n" % (end - begin, last) + content[begin:end]
            replies_due += 1
            begin = end
            if last:
                break
        self.send(group)
        replies = [self.reply() for _ in range(replies_due)]
        return next((reply for reply in replies if reply.code >= 300), replies[-1])


def expect(reply, code):
    if reply.code != code:
        raise AssertionError(f"expected {code}, got {reply}")
    return reply


def accepted_id(reply):
    """The queue id of the 250 behind mail data."""
    match = re.fullmatch(r"2\.0\.0 accepted as ([0-9A-HJKMNP-TV-Z]{13})", reply.text)
    if reply.code != 250 or match is None:
        raise AssertionError(f"not an acceptance: {reply}")
    return match.group(1)


def stuffed(content):
    """As it goes over the wire, without the end (RFC 5321 section 4.5.2)."""
    assert content == b"" or content.endswith(b"\r\n")
    dotted = content.replace(b"\r\n.", b"\r\n..")
    return b"." + dotted if dotted.startswith(b".") else dotted


# --- what is in the spool -------------------------------------------------------------------------


@dataclasses.dataclass
class Mail:
    id: str
    peer: str
    helo: str
    mail_from: str
    rcpt_to: list
    received: bytes  # the field that the server added
    content: bytes   # what the client sent
    envelope: dict   # the members that `export --format jsonl` gives


# Folded lines up to the one that ends in our date; the content may go on with folded lines.
RECEIVED_FIELD = re.compile(rb"Received: from (?:[^\r\n]*\r\n\t)+?(?:[^\r\n]*; )?"
                            rb"\w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}\r\n")


def split_received(data):
    """The Received field that the server put in front, and what the client sent."""
    field = RECEIVED_FIELD.match(data)
    if field is None:
        raise AssertionError(f"no Received field: {data[:1000]!r}")
    return field.group(0), data[field.end():]


def exported(spool, statuses=(0,)):
    """All mails of a spool in order, by `mailrace spool export`. statuses   how it may end"""
    command = [PROGRAM, "spool", "export", spool, "--format", "jsonl", "--output", "-"]
    mails = []
    with tempfile.TemporaryFile() as stderr, \
         subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=clean_environment(),
                          preexec_fn=die_with_parent) as process:
        for line in process.stdout:
            entry = json.loads(line)
            data = base64.b64decode(entry["data"], validate=True)
            assert len(data) == entry["size"], f"{entry['id']}: {len(data)} octets"
            mails.append(Mail(entry["id"], entry["peer"], entry["helo"], entry["mail_from"],
                              entry["rcpt_to"], *split_received(data), entry))
        status = process.wait(PATIENCE_S)
        stderr.seek(0)
        complaints = stderr.read().decode(errors="replace")
    assert status in statuses, f"spool export ended with {status}: {complaints}"
    return mails


def verify(spool):
    """`mailrace spool verify` must find nothing."""
    status, out, err = run("spool", "verify", spool, timeout=6 * PATIENCE_S)
    assert status == 0, f"spool verify ended with {status}:\n{out}{err}"
    return out


# --- test programs --------------------------------------------------------------------------------


def skip_program(reason):
    """Ends the test program as skipped."""
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def require_server():
    """Skips where no server can run: io_uring is forbidden or missing."""
    if shutil.which(PROGRAM) is None:
        sys.exit(f"no program {PROGRAM}: set MAILRACE_PROGRAM")
    with Temporary() as directory:
        status, _, err = run("serve", "--check", "--domain", "example.com",
                             "--spool", os.path.join(directory, "spool"))
    if status != 0 and "io_uring" in err:
        skip_program(err.strip())


def main():
    """unittest.main() that first asks whether a server can run, and ends with 77 if all skipped."""
    require_server()
    program = unittest.main(module="__main__", exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    if result.testsRun > 0 and len(result.skipped) == result.testsRun:
        sys.exit(SKIPPED)
    sys.exit(0)


class ServerTestCase(unittest.TestCase):
    """Temporary directories, servers and clients that end with the test."""

    def setUp(self):
        self.directory = self.enterContext(Temporary())
        self.spool = os.path.join(self.directory, "spool")

    def serve(self, *flags, **options):
        return self.enterContext(Server(options.pop("spool", self.spool), *flags, **options))

    def client(self, server, **options):
        return self.enterContext(server.connect(**options))
