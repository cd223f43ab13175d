# SPDX-License-Identifier: GPL-3.0-or-later
"""Mail to deliver: edges and seeded sizes that are made here, real mail out of Debian packages."""

import contextlib
import fcntl
import glob
import gzip
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

SEED = int(os.environ.get("MAILRACE_TEST_SEED", "1"))
CORPORA = os.environ.get("MAILRACE_CORPORA",
                         os.path.expanduser("~/.cache/mailrace/corpora"))
LARGEST_BYTES = 25_000_000
FETCH_TIMEOUT_S = 120

# Debian package -> where its mail is, and at least how many files.
PACKAGES = {
    "golang-github-jhillyerd-enmime-dev": (
        ("usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/**/*.raw",
         "usr/share/gocode/src/github.com/jhillyerd/enmime/testdata/encode/*.golden"), 70),
    "libpython3.11-testsuite": (
        ("usr/lib/python3.11/test/test_email/data/msg_*.txt",), 40),
    "mailman3": (("usr/lib/python3/dist-packages/mailman/**/*.eml",), 10),
    "spamassassin": (("usr/share/doc/spamassassin/examples/sample-*spam.txt*",), 2),
}


class Message:
    """One mail as a file has it: LF or CRLF line ends, or a mixture."""

    def __init__(self, name, octets):
        self.name = name
        self.octets = octets

    def __repr__(self):
        return f"{self.name} ({len(self.octets)} octets)"

    @property
    def crlf(self):
        """All kinds of line end made CRLF, and one at the end."""
        text = re.sub(rb"\r\n|\r|\n", b"\r\n", self.octets)
        return text if text.endswith(b"\r\n") else text + b"\r\n"


# --- made here --------------------------------------------------------------------------------


def header(name, extra=b""):
    return (b"From: <sender@example.org>\nTo: <user@example.com>\nSubject: " + name.encode()
            + b"\nDate: Mon, 6 Jan 2025 10:00:00 +0000\nMessage-ID: <" + name.encode()
            + b"@client.example>\n" + extra + b"\n")


def body_of(size, source):
    """About `size` octets in lines as they occur, some of which begin with dots."""
    lines = []
    left = size
    while left > 0:
        line = source.randbytes(source.choice((0, 10, 30, 36, 38, 38, 400))).hex().encode()
        if source.random() < 0.05:
            line = source.choice((b".", b"..", b".x", b"...")) + line
        lines.append(line)
        left -= len(line) + 2
    return b"\n".join(lines) + b"\n"


def edge_messages():
    dots = b"".join(b"." * count + b"\n" for count in range(1, 6))
    eight_bit = bytes(octet for octet in range(256) if octet not in b"\0\r\n")
    mime = b"MIME-Version: 1.0\nContent-Type: text/plain; charset=x\n" \
           b"Content-Transfer-Encoding: 8bit\n"
    yield Message("empty", b"")
    yield Message("one_octet", b"x")
    yield Message("one_dot", b".")
    yield Message("one_line_end", b"\n")
    yield Message("two_octets", b"xy")
    yield Message("header_only", header("header_only").removesuffix(b"\n"))
    yield Message("only_dots", header("only_dots") + dots)
    yield Message("only_dots_crlf", (header("only_dots_crlf") + dots).replace(b"\n", b"\r\n"))
    yield Message("no_final_line_end", header("no_final_line_end") + b"text")
    yield Message("dot_without_line_end", header("dot_without_line_end") + b"text\n.")
    yield Message("eight_bit", header("eight_bit", mime) + eight_bit + b"\n.\n" + eight_bit + b"\n")
    yield Message("empty_lines", header("empty_lines") + 500 * b"\n")
    for length in (997, 998, 999, 1000, 1001, 2100, 70_000):
        name = f"line_of_{length}"
        yield Message(name, header(name) + b"x" * length + b"\n."
                      + b"y" * (length - 1) + b"\nend\n")


def sized_messages(count):
    """Log-normal sizes (median 20 KB), and the largest that is common."""
    for number in range(count):
        source = random.Random(SEED * 1_000_000 + number)
        size = min(int(source.lognormvariate(9.9, 1.6)), LARGEST_BYTES)
        name = f"sized_{number}"
        yield Message(name, header(name) + body_of(size, source))


def largest_message():
    source = random.Random(SEED)
    return Message("largest", header("largest") + body_of(LARGEST_BYTES, source))


def broken_messages():
    """With CR or LF that are not line ends, for clients that send what they are given."""
    yield Message("bare_cr", header("bare_cr").replace(b"\n", b"\r\n") + b"a\rb\r\n")
    yield Message("bare_lf", header("bare_lf").replace(b"\n", b"\r\n") + b"a\nb\r\n")
    yield Message("cr_cr_lf", header("cr_cr_lf").replace(b"\n", b"\r\n") + b"a\r\r\nb\r\n")
    yield Message("ends_in_cr", header("ends_in_cr").replace(b"\n", b"\r\n") + b"a\r")
    yield Message("smuggling", header("smuggling").replace(b"\n", b"\r\n")
                  + b"a\n.\nMAIL FROM:<x@example.org>\r\n")


# --- out of packages ------------------------------------------------------------------------------


def unpack(package):
    """Fetches the package once. Returns the folder with its files."""
    folder = os.path.join(CORPORA, package)
    if os.path.isdir(folder):
        return folder
    partial = folder + ".part"
    subprocess.run(["rm", "-rf", partial], check=True)
    os.makedirs(partial)
    for command in (["apt-get", "-q", "-o", "APT::Sandbox::User=root", "-o", "Acquire::Retries=2",
                     "download", package],
                    ["sh", "-c", "dpkg-deb -x ./*.deb files"]):
        done = subprocess.run(command, cwd=partial, capture_output=True, timeout=FETCH_TIMEOUT_S,
                              check=False)
        if done.returncode != 0:
            last = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason"])[-1]
            mailrace.skip_program(f"cannot get the package {package}: {last}")
    os.rename(os.path.join(partial, "files"), folder)
    subprocess.run(["rm", "-rf", partial], check=True)
    return folder


@contextlib.contextmanager
def locked():
    """One test at a time fetches packages."""
    os.makedirs(CORPORA, exist_ok=True)
    with open(os.path.join(CORPORA, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def corpus_messages():
    """Every mail file of the packages, in a fixed order."""
    messages = []
    with locked():
        for package, (patterns, at_least) in PACKAGES.items():
            folder = unpack(package)
            paths = sorted(path for pattern in patterns
                           for path in glob.glob(os.path.join(folder, pattern), recursive=True))
            assert len(paths) >= at_least, f"{package}: only {len(paths)} mails"
            for path in paths:
                opener = gzip.open if path.endswith(".gz") else open
                with opener(path, "rb") as file:
                    messages.append(Message(f"{package}/{os.path.basename(path)}", file.read()))
    return messages
