# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Postfix: queue, configuration and processes of its own, gone when the context ends."""

import os
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))

import mailrace  # noqa: E402

DAEMONS = "/usr/lib/postfix/sbin"
START_S = 30
QUEUE_EMPTY_S = 120

# What any instance has; {directory} is its own.
MAIN_CF = """
compatibility_level = 3.6
config_directory = {directory}/config
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {daemons}
maillog_file = {directory}/log
maillog_file_prefixes = {directory}
alias_maps =
alias_database =
local_recipient_maps =
inet_interfaces = loopback-only
inet_protocols = ipv4
smtp_dns_support_level = disabled
smtp_host_lookup = native
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
notify_classes =
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
    """The instance, as a context.

    directory   a temporary one. main_cf, master_cf: further lines of these files.
    """

    def __init__(self, directory, main_cf="", master_cf=""):
        self.directory = directory
        self.config = os.path.join(directory, "config")
        os.chmod(directory, 0o755)  # its daemons run as another user
        os.mkdir(self.config)
        os.mkdir(os.path.join(directory, "queue"))
        os.mkdir(os.path.join(directory, "data"))
        shutil.chown(os.path.join(directory, "data"), "postfix")
        self.write("main.cf", MAIN_CF.format(directory=directory, daemons=DAEMONS)
                   + main_cf.lstrip())
        self.write("master.cf", MASTER_CF + master_cf.lstrip())

    def write(self, name, text):
        with open(os.path.join(self.config, name), "w", encoding="utf-8") as file:
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

    def sendmail(self, arguments, octets):
        """Submits a mail by the sendmail command."""
        done = subprocess.run(["sendmail", "-C", self.config, "-i", *arguments], input=octets,
                              capture_output=True, check=False, timeout=QUEUE_EMPTY_S)
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


def require():
    """Skips where no instance can run."""
    if not mailrace.IS_ROOT:
        mailrace.skip_program("Postfix starts as root only")
    if shutil.which("postfix") is None or not os.path.isdir(DAEMONS):
        mailrace.skip_program("Postfix is not installed")
