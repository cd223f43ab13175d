# SPDX-License-Identifier: GPL-3.0-or-later
"""An SMTP server that takes everything and remembers the octets: what did a client really send?

It offers what `mailrace serve` offers, so that a client behaves the same towards both, and frames
mail data by exact CRLF.CRLF or by BDAT's counts, with nothing in common with the server's own code.
"""

import dataclasses
import re
import socketserver
import threading

END = b"\r\n.\r\n"
EHLO_REPLY = (b"250-sink.example\r\n250-PIPELINING\r\n250-SIZE 67108864\r\n250-8BITMIME\r\n"
              b"250-CHUNKING\r\n250-BINARYMIME\r\n250 ENHANCEDSTATUSCODES\r\n")


@dataclasses.dataclass
class Recorded:
    mail_from: str
    rcpt_to: list
    content: bytes  # not stuffed any more

    def has_bare_newline(self):
        return re.search(rb"\r(?!\n)|(?<!\r)\n", self.content) is not None


class _Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.received = b""
        self.mail_from = None
        self.rcpt_to = []
        self.request.sendall(b"220 sink.example ESMTP\r\n")
        while (line := self.take(b"\r\n")) is not None:
            verb = line[:4].upper()
            if verb == b"QUIT":
                self.request.sendall(b"221 2.0.0 bye\r\n")
                return
            self.request.sendall(self.answer(verb, line))

    def take(self, end):
        """Octets up to `end`, without it; None if the client is gone."""
        searched = 0
        while (at := self.received.find(end, searched)) < 0:
            searched = max(len(self.received) - len(end) + 1, 0)
            more = self.request.recv(1 << 20)
            if not more:
                return None
            self.received += more
        taken, self.received = self.received[:at], self.received[at + len(end):]
        return taken

    def answer(self, verb, line):
        if verb == b"EHLO":
            return EHLO_REPLY
        if verb == b"MAIL":
            self.mail_from, self.rcpt_to = self.path(line), []
            self.chunks = b""
            return b"250 2.1.0 ok\r\n"
        if verb == b"RCPT":
            self.rcpt_to.append(self.path(line))
            return b"250 2.1.5 ok\r\n"
        if verb == b"DATA":
            self.request.sendall(b"354 go on\r\n")
            # The CRLF of the DATA line is the first half of what ends an empty mail.
            self.received = b"\r\n" + self.received
            stuffed = self.take(END)
            if stuffed is None:
                return b""
            content = (stuffed + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]
            self.server.add(Recorded(self.mail_from, self.rcpt_to, content))
            return b"250 2.0.0 recorded\r\n"
        if verb == b"BDAT":
            size, last = re.fullmatch(rb"BDAT (\d+)( LAST)?", line).groups()
            chunk = self.take_octets(int(size))
            if chunk is None:
                return b""
            self.chunks += chunk
            if last:
                self.server.add(Recorded(self.mail_from, self.rcpt_to, self.chunks))
            return b"250 2.0.0 recorded\r\n"
        return b"250 2.0.0 ok\r\n"

    def take_octets(self, count):
        """So many octets; None if the client is gone."""
        while len(self.received) < count:
            more = self.request.recv(1 << 20)
            if not more:
                return None
            self.received += more
        taken, self.received = self.received[:count], self.received[count:]
        return taken

    @staticmethod
    def path(line):
        return re.search(rb"<(.*?)>(?: |$)", line).group(1).decode()


class RecordingSink(socketserver.ThreadingTCPServer):
    """As a context: `address` to send to, `mails` by their first recipient's local part."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Session)
        self.address = self.server_address
        self.mails = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
        self._thread.join()

    def add(self, mail):
        key = mail.rcpt_to[0].partition("@")[0]
        with self._lock:
            assert key not in self.mails, f"{key} came twice"
            self.mails[key] = mail
