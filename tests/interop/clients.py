# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail clients behind one interface: deliver this message to that address."""

import os
import shutil
import smtplib
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

SENDER = "sender@example.org"
TIMEOUT_S = 120


class Refused(Exception):
    """The server refused the mail; the text has its reply."""


class Smtplib:
    """Python's: what is not text is sent as it is, with a CRLF at the end if it has none."""

    name = "smtplib"
    sends_verbatim = True

    def __init__(self, directory):
        del directory
        self.connections = {}

    def deliver(self, message, address, recipient):
        client = self.connections.get(address)
        if client is None:
            client = smtplib.SMTP(*address, local_hostname="client.example", timeout=TIMEOUT_S)
            self.connections[address] = client
        try:
            client.sendmail(SENDER, [recipient], message.octets,
                            mail_options=["BODY=8BITMIME"])
        except smtplib.SMTPDataError as error:
            raise Refused(f"{error.smtp_code} {error.smtp_error.decode()}") from error

    def close(self):
        for client in self.connections.values():
            client.quit()

    @staticmethod
    def suits(message):
        del message
        return True

    @staticmethod
    def expected(message):
        """What must be on the wire, as far as the client's own documentation says; None: no word.
        (Dots behind a bare LF are doubled too, although no line begins there.)"""
        octets = message.octets
        if b"\n" in octets.replace(b"\r\n", b""):
            return None
        return octets if octets.endswith(b"\r\n") else octets + b"\r\n"


class Bdat:
    """Ours, since hardly any program sends BDAT: octets as they are, in chunks of sizes that make
    every border meet every octet sooner or later."""

    name = "bdat"
    sends_verbatim = True
    parameters = " BODY=8BITMIME"
    sizes = (1, 2, 3, 70, 1000, 0, 16384)
    # A send that is not read meanwhile must fit into what sockets hold.
    bytes_max = 2_000_000

    def __init__(self, directory):
        del directory
        self.connections = {}

    def deliver(self, message, address, recipient):
        client = self.connections.get(address)
        if client is None:
            client = mailrace.Client(address, timeout=TIMEOUT_S).hello()
            self.connections[address] = client
        # Small mails in small chunks; large ones would have more replies than anybody holds.
        sizes = self.sizes if len(message.octets) < 100_000 else (1 << 16, 0, 1 << 17)
        reply = client.mail_in_chunks(message.octets, sizes, parameters=self.parameters,
                                      rcpt_to=(recipient,), mail_from=SENDER)
        if reply.code != 250:
            raise Refused(str(reply))

    def close(self):
        for client in self.connections.values():
            client.command("QUIT")
            client.close()

    @classmethod
    def suits(cls, message):
        return len(message.octets) <= cls.bytes_max

    @staticmethod
    def expected(message):
        return message.octets

class BdatBinary(Bdat):
    """The same, and what is sent has no lines."""

    name = "bdat_binary"
    parameters = " BODY=BINARYMIME"


class Program:
    """A client that is a program, run once for each mail; its file is the message."""

    sends_verbatim = False

    def __init__(self, directory):
        if shutil.which(self.name) is None:
            mailrace.skip_program(f"{self.name} is not installed")
        self.path = os.path.join(directory, "message")

    def deliver(self, message, address, recipient):
        with open(self.path, "wb") as file:
            file.write(message.octets)
        command = self.command(message, address, recipient)
        with open(self.path, "rb") as stdin:
            done = subprocess.run(command, stdin=stdin, capture_output=True, timeout=TIMEOUT_S,
                                  check=False, env={**os.environ, "HOME": "/nonexistent"})
        if done.returncode != 0:
            raise Refused((done.stdout + done.stderr).decode(errors="replace"))

    def close(self):
        pass

    @staticmethod
    def suits(message):
        """Whether the client can send it at all."""
        del message
        return True

    @staticmethod
    def expected(message):
        del message


class Curl(Program):
    """Sends a file as it is, or with --crlf each LF as CRLF."""

    name = "curl"
    sends_verbatim = True

    def command(self, message, address, recipient):
        # --crlf also makes CR CRLF of CRLF.
        crlf = [] if b"\r" in message.octets else ["--crlf"]
        return ["curl", "--disable", "--silent", "--show-error", "--verbose", *crlf,
                "--url", f"smtp://{address[0]}:{address[1]}/client.example",
                "--mail-from", SENDER, "--mail-rcpt", recipient, "--upload-file", self.path]


class Swaks(Program):
    """Makes every line end CRLF. What has no line end it takes for a file name, and with megabytes
    it is busy for minutes."""

    name = "swaks"
    bytes_max = 1_000_000

    @classmethod
    def suits(cls, message):
        return b"\n" in message.octets and len(message.octets) <= cls.bytes_max

    def command(self, message, address, recipient):
        return ["swaks", "--server", address[0], "--port", str(address[1]), "--helo",
                "client.example", "--from", SENDER, "--to", recipient, "--pipeline",
                "--hide-all", "--show-raw-text", "--data", "@" + self.path]


class Msmtp(Program):
    """Reads lines, takes Bcc away, and adds nothing unless told to."""

    name = "msmtp"

    def command(self, message, address, recipient):
        return ["msmtp", "--file=/dev/null", f"--host={address[0]}", f"--port={address[1]}",
                "--domain=client.example", f"--from={SENDER}", "--auth=off", "--tls=off",
                "--set-from-header=off", "--set-date-header=off", "--set-msgid-header=off", "--",
                recipient]


CLIENTS = {client.name: client for client in (Smtplib, Bdat, BdatBinary, Curl, Swaks, Msmtp)}
