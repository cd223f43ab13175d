# SPDX-License-Identifier: GPL-3.0-or-later
"""A server under attack, good senders beside, and what is to be true of both.

Attackers and good senders are processes of their own. Nothing here takes longer than its bounds.
"""

import base64
import collections
import ctypes
import dataclasses
import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))

import letters  # noqa: E402
import mailrace  # noqa: E402

MIB = 1 << 20
CLONE_NEWNS, MS_NOSUID, MS_REC, MS_PRIVATE = 0x00020000, 2, 1 << 14, 1 << 18
ATTACK_MAY_OVERRUN_S = 120 + mailrace.PATIENCE_S
SETTLE_S = 20 + mailrace.PATIENCE_S
LINES_KEPT = 200  # of the log, of each event
OPEN_STATES = ("01", "08")  # ESTABLISHED, CLOSE_WAIT
# Descriptors of the spool come and go, and those of connections do not show there as a rule.
DESCRIPTORS_SPARE = 16
# Pools keep what they once took. A second attack finds it there, but for what comes by chance.
LEAK_BYTES_MAX = 8 * MIB


@dataclasses.dataclass(frozen=True)
class Options:
    scale: float = 1
    seconds: float = 10        # of attack
    rounds: int = 1            # of it; memory must not grow from the first to the last
    quiet_s: float = 5         # before it
    processes: int = 0         # that attack; 0: as many as the scenario says
    watch_idle_s: float = 1    # behind it, for work without a cause; 0: not at all
    memory_bytes_max: int = 0  # of growth; 0: any
    anonymous_spare: int = 0   # of growth that may stay; 0: any


@dataclasses.dataclass
class Result:
    name: str
    what: str = ""
    ok: int = 0
    total: int = 0
    deferred: int = 0
    quiet_ms: tuple = (None, None)   # p99 of the 250, and of the greeting
    attack_ms: tuple = (None, None)
    peak_bytes: int = 0              # VmHWM
    anonymous: tuple = ()            # RssAnon: before, behind each round, in the end
    anonymous_peak: int = 0
    sockets: int = 0                 # left
    descriptors: int = 0             # more than before
    settled_s: float = 0
    counts: dict = dataclasses.field(default_factory=dict)
    log: dict = dataclasses.field(default_factory=dict)
    complaints: list = dataclasses.field(default_factory=list)
    skipped: str = ""

    def complain(self, is_wrong, text):
        if is_wrong:
            self.complaints.append(text)


def p99(values):
    """By nearest rank; None of nothing."""
    ranked = sorted(value for value in values if value is not None)
    return ranked[-1 - len(ranked) // 100] if ranked else None


# --- the server -----------------------------------------------------------------------------------


class CountedServer(mailrace.Server):
    """Its log may have a line for each of very many events: most are only counted."""

    def _read_log(self):
        self.seen = collections.Counter()
        for line in self.process.stdout:
            event = re.search(rb'"event":"(\w+)"', line).group(1).decode()
            with self._changed:
                self.seen[event] += 1
                if b'"answered":false' in line:
                    self.seen["unanswered messages"] += 1
                if self.seen[event] <= LINES_KEPT:
                    self.log.append(json.loads(line))
                    self._changed.notify_all()
        self.process.stdout.close()
        with self._changed:
            self._changed.notify_all()

    def status(self, *names):
        """Members of /proc/PID/status, in octets."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            text = file.read()
        return [int(re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024
                for name in names]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def open_sockets(self):
        """Connections as the kernel sees them: those that are direct descriptors do not show in
        /proc/PID/fd."""
        ports = {f"{port:04X}" for _, port in self.addresses}
        with open("/proc/net/tcp", encoding="ascii") as file:
            rows = [line.split(maxsplit=4) for line in list(file)[1:]]
        return sum(row[3] in OPEN_STATES and row[1].rsplit(":", 1)[1] in ports for row in rows)

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class MemoryPeak(threading.Thread):
    """The most of RssAnon that was seen; VmHWM is kept by the kernel."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.bytes = 0
        self.is_over = threading.Event()

    def run(self):
        while not self.is_over.wait(0.05):
            try:
                self.bytes = max(self.bytes, *self.server.status("RssAnon"))
            except (OSError, AttributeError):  # it has ended
                return

    def stop(self):
        self.is_over.set()
        self.join()
        return self.bytes


# --- other processes ------------------------------------------------------------------------------


def start(script, *arguments):
    # What it says in the end may be more than a pipe holds while nobody reads.
    output = tempfile.TemporaryFile()
    process = subprocess.Popen([sys.executable, os.path.join(HERE, script), *arguments],
                               stdin=subprocess.PIPE, stdout=output, text=True,
                               preexec_fn=mailrace.die_with_parent)
    process.output = output
    return process


def end(process):
    """Whatever it is at."""
    if process.poll() is None:
        process.kill()
        process.wait()


def finish(process, timeout):
    """Its report; None if it did not end in time, or not well."""
    process.stdin.close()
    try:
        status = process.wait(timeout)
    except subprocess.TimeoutExpired:
        end(process)
        return None
    with process.output as output:
        output.seek(0)
        return json.load(output) if status == 0 else None


def mount_small_disk(path, size):
    """A tmpfs that nobody else sees and that goes away with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    failed = (libc.unshare(CLONE_NEWNS) != 0
              or libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0
              or libc.mount(b"tmpfs", path.encode(), b"tmpfs", MS_NOSUID,
                            f"size={size},mode=700".encode()) != 0)
    if failed:
        reason = os.strerror(ctypes.get_errno())
        raise unittest.SkipTest(f"no file system of our own can be mounted here: {reason}")
    return lambda: libc.umount2(path.encode(), 2)


def stored_letters(spool):
    """Ids of all mails of a spool, each of which must be a whole letter, and how often each is
    there, and the queue id of each. Keeps none of them in memory: they may be large and many."""
    command = [mailrace.PROGRAM, "spool", "export", spool, "--format", "jsonl", "--output", "-"]
    times, queue_ids = collections.Counter(), {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=mailrace.clean_environment(),
                          preexec_fn=mailrace.die_with_parent) as process:
        for line in process.stdout:
            entry = json.loads(line)
            data = base64.b64decode(entry["data"], validate=True)
            uid = letters.uid_of(mailrace.split_received(data)[1])
            times[uid] += 1
            queue_ids[uid] = entry["id"]
        status = process.wait(mailrace.PATIENCE_S)
    assert status == 0, f"spool export ended with {status}"
    return times, queue_ids


def misplaced(spool, queue_ids):
    """Letters that were accepted and are not there exactly once, or not under their queue id (as
    far as it is known), and any that are there twice; and how many there are. No mail is torn."""
    mailrace.verify(spool)
    times, found = stored_letters(spool)
    wrong = [uid for uid, queue_id in queue_ids.items()
             if times[uid] != 1 or queue_id not in (None, found[uid])]
    wrong += [uid for uid, count in times.items() if count > 1]
    return wrong, sum(times.values())


# --- one scenario ---------------------------------------------------------------------------------


class Run:
    """One scenario from the start of a server to what is left in its spool."""

    def __init__(self, scenario, options, directory):
        self.scenario, self.options, self.directory = scenario, options, directory
        self.seconds = max(options.seconds, scenario.seconds_min)
        self.result = Result(scenario.name)
        self.clean_up = []

    def go(self):
        try:
            if self.scenario.small_disk:
                self.use_small_disk()
            with self.server() as server:
                self.go_on(server)
            self.account()
        except unittest.SkipTest as reason:
            self.result.skipped = str(reason)
        finally:
            for action in reversed(self.clean_up):
                action()
        return self.result

    def use_small_disk(self):
        seconds = self.options.quiet_s + self.options.rounds * self.seconds
        size = int(32 + 12 * seconds) * MIB
        self.clean_up.append(mount_small_disk(self.directory, size))

    def server(self):
        self.spool = os.path.join(self.directory, "spool")
        flags = (*self.scenario.flags, *mailrace.tls_flags("ecdsa"), "--listen-tls", "127.0.0.1:0",
                 "--drain-timeout", "5s")
        return CountedServer(self.spool, *flags, workers=2,
                             segment_size=self.scenario.segment_size)

    def go_on(self, server):
        descriptors = server.descriptors()
        self.senders = self.start_senders(server)
        self.begin_phase("quiet")
        time.sleep(self.options.quiet_s)
        peak = MemoryPeak(server)
        before, hwm_before = server.status("RssAnon", "VmHWM")
        peak.start()
        behind = self.attack(server)
        self.note_senders()
        self.settle(server, before, descriptors)
        self.result.anonymous = (before, *behind, *server.status("RssAnon"))
        self.result.anonymous_peak = peak.stop()
        self.result.peak_bytes, = server.status("VmHWM")
        self.judge_memory(hwm_before)
        self.stop(server)

    def start_senders(self, server):
        host, port = server.address
        senders = start("good_senders.py", host, str(port), *self.scenario.senders)
        self.clean_up.append(lambda: end(senders))
        assert server.wait_event("message"), "no good sender got a mail through"
        return senders

    def begin_phase(self, name):
        self.senders.stdin.write(name + "\n")
        self.senders.stdin.flush()

    def attack(self, server):
        """Returns RssAnon behind each round."""
        counts = collections.Counter()
        self.accepted = []
        behind = []
        for number in range(self.options.rounds):
            counts.update(self.attack_once(server, number))
            self.begin_phase("after")
            behind += server.status("RssAnon")
        self.result.counts = dict(counts)
        self.result.what = self.scenario.what.format_map(counts)
        for name in self.scenario.expected:
            self.result.complain(counts[name] == 0, f"there is no '{name}'")
        for name in self.scenario.forbidden:
            self.result.complain(counts[name] > 0, f"{counts[name]} times '{name}'")
        return behind

    def start_attackers(self, server, scenario, number):
        processes = self.options.processes or scenario.processes
        plan = {"name": scenario.name, "round": number, "address": server.addresses[0],
                "tls_address": server.addresses[1], "processes": processes,
                "seconds": self.seconds, "scale": self.options.scale, "directory": self.directory}
        attackers = [start("scenarios.py", json.dumps({**plan, "index": index}))
                     for index in range(processes)]
        self.clean_up += [lambda one=one: end(one) for one in attackers]
        return attackers

    def attack_once(self, server, number):
        self.begin_phase("opening" if self.scenario.opening else "attack")
        attackers = self.start_attackers(server, self.scenario, number)
        if self.scenario.opening:
            time.sleep(self.scenario.opening * self.seconds)
            self.begin_phase("attack")
        counts = collections.Counter()
        deadline = time.monotonic() + self.seconds + ATTACK_MAY_OVERRUN_S
        for attacker in attackers:
            report = finish(attacker, max(0, deadline - time.monotonic()))
            self.result.complain(report is None, "an attacker did not end, or not well")
            counts.update(report["counts"] if report else {})
            self.accepted += report["accepted"] if report else []
        return counts

    def note_senders(self):
        good = finish(self.senders, ATTACK_MAY_OVERRUN_S)
        assert good, "the good senders did not end, or not well"
        result = self.result
        self.good = [mail for mail in good if mail["queue_id"]]
        result.ok, result.total = len(self.good), len(good)
        result.deferred = sum(mail["deferred"] for mail in good)
        failures = [mail["failure"] for mail in good if mail["failure"]]
        first = next((mail["first_4xx"] for mail in good if mail["first_4xx"]), "")
        result.complain(failures, f"{len(failures)} good senders failed: {failures[:3]}")
        result.complain(result.ok == 0, "no good sender was there")
        heard = f"{result.deferred} times 4xx: {first}"
        result.complain(self.scenario.defers == "never" and result.deferred > 0, heard)
        result.complain(self.scenario.defers == "always" and result.deferred == 0, heard)
        for phase in ("quiet", "attack"):
            mails = [mail for mail in good if mail["phase"] == phase]
            setattr(result, f"{phase}_ms", (p99(mail["reply_ms"] for mail in mails),
                                            p99(mail["greeting_ms"] for mail in mails)))

    def settle(self, server, anonymous, descriptors):
        """Everybody is gone: until everything is as before, or it takes too long."""
        begin = time.monotonic()
        spare = self.options.anonymous_spare
        while True:
            self.result.sockets = server.open_sockets()
            self.result.descriptors = server.descriptors() - descriptors
            grown = server.status("RssAnon")[0] - anonymous
            self.result.settled_s = time.monotonic() - begin
            complaints = [text for is_wrong, text in (
                (self.result.sockets > 0, f"{self.result.sockets} sockets are left"),
                (self.result.descriptors > DESCRIPTORS_SPARE,
                 f"{self.result.descriptors} more descriptors than before"),
                (spare and grown > spare, f"{grown / MIB:.0f} MiB more than before"),
            ) if is_wrong]
            if not complaints or self.result.settled_s > SETTLE_S:
                break
            time.sleep(0.05)
        self.result.complaints += complaints
        self.watch_idle(server)

    def watch_idle(self, server):
        if self.options.watch_idle_s:
            before = server.cpu_s()
            time.sleep(self.options.watch_idle_s)
            used = (server.cpu_s() - before) / self.options.watch_idle_s
            self.result.complain(used > 0.3, f"{100 * used:.0f} % of a CPU with nobody there")

    def judge_memory(self, hwm_before):
        _, first, *further = self.result.anonymous
        leaked = max(further) - first
        self.result.complain(self.options.rounds > 1 and leaked > LEAK_BYTES_MAX,
                             f"{leaked / MIB:.0f} MiB more from round to round")
        grown = self.result.peak_bytes - hwm_before
        most = self.options.memory_bytes_max
        self.result.complain(most and grown > most, f"{grown / MIB:.0f} MiB more at the peak")

    def stop(self, server):
        status = server.stop(2 * mailrace.PATIENCE_S)
        self.result.complain(status != 0, f"exit status {status}")
        self.result.log = dict(server.seen)
        errors = [line for line in server.log if line["level"] == "error"]
        if not self.scenario.small_disk:
            self.result.complain(errors, f"errors in the log: {errors[:3]}")

    def account(self):
        queue_ids = {mail["uid"]: mail["queue_id"] for mail in self.good}
        queue_ids.update((uid, None) for uid in self.accepted)
        wrong, stored = misplaced(self.spool, queue_ids)
        self.result.complain(wrong, f"{len(wrong)} mails not exactly once: {wrong[:5]}")
        self.result.counts["accepted"] = len(self.accepted)
        self.result.counts["stored"] = stored


class StoppedRun(Run):
    """All of some scenarios at once, and SIGTERM in the middle of it. Good senders lose their
    server, but no mail that was accepted."""

    def __init__(self, scenarios, options, directory):
        super().__init__(scenarios[0], options, directory)
        self.scenarios = scenarios

    def go_on(self, server):
        self.senders = self.start_senders(server)
        attackers = [one for scenario in self.scenarios
                     for one in self.start_attackers(server, scenario, 0)]
        time.sleep(self.seconds / 2)
        self.stop(server)
        self.accepted = []
        for attacker in attackers:
            report = finish(attacker, self.seconds + ATTACK_MAY_OVERRUN_S)
            self.result.complain(report is None, "an attacker did not end, or not well")
            self.accepted += report["accepted"] if report else []
        good = finish(self.senders, ATTACK_MAY_OVERRUN_S)
        self.good = [mail for mail in good if mail["queue_id"]]
        self.result.ok, self.result.total = len(self.good), len(good)
        self.result.complain(not self.good, "no good sender was there")


def run(kind, what, options):
    """In a temporary directory of its own (TMPDIR says where)."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with mailrace.Temporary() as directory:
        return kind(what, options, directory).go()


def run_scenario(scenario, options):
    return run(Run, scenario, options)


def run_and_stop(scenarios, options):
    return run(StoppedRun, scenarios, options)
