# SPDX-License-Identifier: GPL-3.0-or-later
"""`mailrace sink` for tests: started, stopped, its report; mails with ids as it knows them."""

import json
import re
import subprocess
import tempfile
import time

import mailrace

_POLYNOMIAL = 0x82F63B78


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(octets):
    crc = 0xFFFFFFFF
    for octet in octets:
        crc = crc >> 8 ^ _TABLE[(crc ^ octet) & 0xFF]
    return crc ^ 0xFFFFFFFF


def with_id(number, rest, run=0x1234):
    """A mail with an id in front of `rest`. Returns its octets, and its line in a file of ids."""
    text = f"{run:016x}.{number:016x}.{crc32c(rest):08x}"
    content = f"X-Mailrace-Load-Id: {text}\r\n".encode() + rest
    return content, f"{text} {len(content)}"


class Sink:
    """A sink as a context; it listens when the context is entered."""

    def __init__(self, *flags, listen=("127.0.0.1:0",)):
        self.command = [mailrace.PROGRAM, "sink", "--json"]
        for address in listen:
            self.command += ["--listen", address]
        self.command += flags
        self.listeners = len(listen)
        self.report = None

    def __enter__(self):
        self._stderr = tempfile.NamedTemporaryFile()
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, stderr=self._stderr,
                                        env=mailrace.clean_environment(),
                                        preexec_fn=mailrace.die_with_parent)
        deadline = time.monotonic() + mailrace.PATIENCE_S
        while len(places := re.findall(r"listening on (.*)\n", self.stderr())) < self.listeners:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise AssertionError(f"no sink: {self.stderr()!r}")
            time.sleep(0.01)
        self.places = places
        host, _, port = places[0].rpartition(":")
        self.address = (host, int(port)) if port.isdigit() else None
        return self

    def __exit__(self, failed, *_):
        if self.process.poll() is None:
            if failed is None:
                self.stop()
            else:
                self.process.kill()
                self.process.communicate()
        self._stderr.close()

    def stderr(self):
        with open(self._stderr.name, encoding="utf-8") as file:
            return file.read()

    def wait(self, status=0):
        """Waits until it ends by itself. Returns its report."""
        out, _ = self.process.communicate(timeout=mailrace.PATIENCE_S)
        if self.process.returncode != status:
            raise AssertionError(f"status {self.process.returncode}: {out!r} {self.stderr()!r}")
        self.report = json.loads(out)
        return self.report

    def stop(self, status=0):
        """Ends it in good order. Returns its report."""
        self.process.terminate()
        return self.wait(status)

    def connect(self):
        return mailrace.Client(self.address)


def lines_of(path):
    with open(path, encoding="ascii") as file:
        return file.read().splitlines()


def write_lines(path, lines):
    with open(path, "w", encoding="ascii") as file:
        file.writelines(line + "\n" for line in lines)
