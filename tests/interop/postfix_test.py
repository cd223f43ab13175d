#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Postfix relays mail to us; what is in the spool is what Postfix sent to a recording sink as well.

    postfix_test.py made|corpora|all

A private instance with queue and configuration of its own; it listens nowhere. Each message is
submitted once with two recipients, one routed to the sink and one to `mailrace serve`: both get the
same queue file, with the same Received and Message-ID fields, so nothing has to be normalised. A
CR in the middle of a line goes out as it is, and must be refused with 550 5.6.11.
"""

import os
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import clients  # noqa: E402
import deliver_test  # noqa: E402
import mailrace  # noqa: E402
import recording_sink  # noqa: E402

DAEMONS = "/usr/lib/postfix/sbin"
START_S = 30
QUEUE_EMPTY_S = 120

MAIN_CF = """
compatibility_level = 3.6
config_directory = {directory}/config
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {daemons}
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
myhostname = client.example
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
transport_maps = inline:{{ {{ sink.example = smtp:[127.0.0.1]:{sink} }} }}
relayhost = [127.0.0.1]:{server}
message_size_limit = 50000000
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
notify_classes =
smtputf8_enable = no
in_flow_delay = 0
"""

# Nothing that listens beyond sockets in the queue directory, nothing chrooted.
MASTER_CF = """
pickup    unix n - n 1 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
smtp      unix - - n - - smtp
relay     unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
showq     unix n - n - - showq
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
postlog   unix-dgram n - n - 1 postlogd
"""


class Postfix:
    """The instance, as a context."""

    def __init__(self, directory, sink, server):
        self.directory = directory
        self.config = os.path.join(directory, "config")
        os.chmod(directory, 0o755)  # its daemons run as another user
        os.mkdir(self.config)
        os.mkdir(os.path.join(directory, "queue"))
        os.mkdir(os.path.join(directory, "data"))
        shutil.chown(os.path.join(directory, "data"), "postfix")
        ports = {"sink": sink.address[1], "server": server.address[1]}
        self.write("main.cf", MAIN_CF.format(directory=directory, daemons=DAEMONS, **ports))
        self.write("master.cf", MASTER_CF)

    def write(self, name, text):
        with open(os.path.join(self.config, name), "w", encoding="ascii") as file:
            file.write(text.lstrip())

    def log(self):
        try:
            with open(os.path.join(self.directory, "log"), encoding="utf-8",
                      errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def __enter__(self):
        done = subprocess.run(["postfix", "-c", self.config, "check"], capture_output=True,
                              timeout=START_S, check=False)
        if done.returncode != 0:
            raise AssertionError(f"postfix check: {done.stderr.decode(errors='replace')}")
        # In the foreground and our own child, so that it ends with us whatever happens; its daemons
        # end when it does.
        self.process = subprocess.Popen([os.path.join(DAEMONS, "master"), "-c", self.config, "-s"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True,
                                        preexec_fn=mailrace.die_with_parent)
        deadline = time.monotonic() + START_S
        while "daemon started" not in self.log():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise AssertionError(f"Postfix does not start:\n{self.log()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)  # to its whole group
        try:
            self.process.wait(START_S)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def submit(self, message, key):
        done = subprocess.run(["sendmail", "-C", self.config, "-i", "-f", clients.SENDER,
                               f"{key}@sink.example", f"{key}@example.com"],
                              input=message.octets, capture_output=True, check=False,
                              timeout=clients.TIMEOUT_S)
        if done.returncode != 0:
            raise AssertionError(f"sendmail: {done.stderr.decode(errors='replace')}")

    def queued(self):
        folders = ("maildrop", "incoming", "active", "deferred")
        return sum(len(names) for folder in folders
                   for _, _, names in os.walk(os.path.join(self.directory, "queue", folder)))

    def wait_until_sent(self):
        deadline = time.monotonic() + QUEUE_EMPTY_S
        while self.queued() > 0:
            if time.monotonic() > deadline:
                raise AssertionError(f"Postfix is stuck:\n{self.log()[-4000:]}")
            time.sleep(0.1)

    def refusals(self):
        """Key -> the log line about a recipient of ours that was not taken."""
        refused = {}
        for line in self.log().splitlines():
            if "@example.com>" in line and "status=sent" not in line and "status=" in line:
                refused[line.split("to=<")[1].split("@")[0]] = line
        return refused


class RelayedMail:
    """What deliver_test wants to know of a client."""

    name = "postfix"
    sends_verbatim = False

    @staticmethod
    def suits(message):
        del message
        return True

    @staticmethod
    def expected(message):
        del message


def main(which):
    mailrace.require_server()
    if not mailrace.IS_ROOT:
        mailrace.skip_program("Postfix starts as root only")
    if shutil.which("postfix") is None or not os.path.isdir(DAEMONS):
        mailrace.skip_program("Postfix is not installed")
    begun = time.monotonic()
    with mailrace.Temporary() as directory:
        chosen = deliver_test.choose(which, RelayedMail)
        comparison = deliver_test.Comparison(RelayedMail)
        spool = os.path.join(directory, "spool")
        with recording_sink.RecordingSink() as sink, mailrace.Server(spool, workers=2) as server:
            with Postfix(directory, sink, server) as postfix:
                for number, message in enumerate(chosen):
                    postfix.submit(message, f"user{number}")
                postfix.wait_until_sent()
                comparison.refused = postfix.refusals()
            server.stop()
            comparison.compare(chosen, sink, mailrace.exported(spool), envelopes=False)
        missing = [message for number, message in enumerate(chosen)
                   if f"user{number}" not in sink.mails]
    comparison.failures += [(message, "it never came to the sink") for message in missing]
    return deliver_test.report(RelayedMail.name, chosen, comparison, begun)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
