#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""All attacks in random order and company, good senders, a consumer, and faults, for a long time.

    tests/hostile/soak.py [--minutes M] [--seed N] [--output FILE]

In the end every mail that was accepted is where the consumer takes it to, whole and once, and the
server has no more descriptors than in the middle, nor memory, if there were bursts enough to tell.
Needs root: the spool is on a small file system of its own, which attacks fill up.
"""

import argparse
import collections
import dataclasses
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "../support"))
sys.dont_write_bytecode = True

import letters  # noqa: E402
import mailrace  # noqa: E402
import rig  # noqa: E402
import scenarios  # noqa: E402

SPOOL_BYTES = 768 * rig.MIB
MAILDIR_BYTES = 4096 * rig.MIB
BURST_S = (1, 8)
SCALES = (0.02, 0.1, 0.3)
SAMPLES_MIN = 30  # to tell a leak from pools that another kind of attack makes as large as they get
CATCH_UP_S = 60 + 2 * mailrace.PATIENCE_S


@dataclasses.dataclass
class Sample:
    """Between two bursts of attacks."""
    seconds: float
    anonymous: int  # octets of RssAnon
    descriptors: int
    threads: int
    collected: int  # mails


def own_threads(pid):
    """Without those that the kernel lends to a ring for what would block: it starts and ends them
    as it sees fit, and has a bound for them."""
    count = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/comm", encoding="utf-8") as name:
                count += not name.read().startswith("iou-wrk-")
        except (FileNotFoundError, ProcessLookupError):
            pass  # has ended meanwhile
    return count


class Collector(threading.Thread):
    """A consumer of the spool, and who takes the mails that it hands over."""

    def __init__(self, spool, directory):
        super().__init__(daemon=True)
        self.spool, self.directory = spool, directory
        self.new = os.path.join(directory, "new")
        self.times = collections.Counter()
        self.names = {}        # of files, by id: a mail that comes twice has the same again
        self.failures = []
        self.may_repeat = False
        self.is_over = threading.Event()
        self.process = None

    def start_consumer(self):
        command = [mailrace.PROGRAM, "spool", "export", self.spool, "--follow", "--consumer",
                   "soak", "--format", "maildir", "--output", self.directory]
        self.process = subprocess.Popen(command, env=mailrace.clean_environment(),
                                        preexec_fn=mailrace.die_with_parent)

    def restart_consumer(self):
        self.may_repeat = True
        self.process.kill()
        self.process.wait()
        self.start_consumer()

    def run(self):
        while not self.is_over.wait(0.05):
            self.take_all()

    def take_all(self):
        for name in os.listdir(self.new) if os.path.isdir(self.new) else ():
            path = os.path.join(self.new, name)
            with open(path, "rb") as file:
                data = file.read()
            os.unlink(path)
            try:
                uid = letters.uid_of(mailrace.split_received(data)[1])
            except (ValueError, AssertionError) as failure:
                self.failures.append(f"{name}: {failure}")
                continue
            if self.names.setdefault(uid, name) != name or \
                    (self.times[uid] and not self.may_repeat):
                self.failures.append(f"{uid} came as {name} and as {self.names[uid]}")
            self.times[uid] += 1

    def stop(self):
        self.is_over.set()
        self.join()
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(mailrace.PATIENCE_S)
        self.take_all()
        return status


class Soak(rig.Run):
    def __init__(self, seconds, seed, directory):
        super().__init__(scenarios.SCENARIOS["disk_full"], rig.Options(watch_idle_s=0), directory)
        self.random = random.Random(seed)
        self.soak_s = seconds
        self.samples = []
        self.bursts = collections.Counter()
        self.faults = collections.Counter()
        self.accepted = []

    # --- the server and all around it ---

    def use_small_disk(self):
        self.maildir = os.path.join(self.directory, "maildir")
        self.clean_up.append(rig.mount_small_disk(self.directory, SPOOL_BYTES))
        os.mkdir(self.maildir)
        self.clean_up.append(rig.mount_small_disk(self.maildir, MAILDIR_BYTES))

    def server(self):
        lists = mailrace.Temporary()  # not on the disk that is full now and then
        self.block_list = os.path.join(lists.__enter__(), "block-list")
        self.clean_up.append(lists.__exit__)
        self.write_block_list("198.51.100.0/24\n")
        self.scenario = dataclasses.replace(self.scenario, flags=(
            "--block-list", self.block_list, "--timeout-command", "5s", "--timeout-data-block",
            "5s", "--timeout-reply", "5s", "--timeout-tls-handshake", "5s"))
        return super().server()

    def write_block_list(self, text):
        with open(self.block_list + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(self.block_list + ".new", self.block_list)

    def go_on(self, server):
        self.collector = Collector(self.spool, self.maildir)
        self.collector.start_consumer()
        self.clean_up.append(lambda: rig.end(self.collector.process))
        self.collector.start()
        self.senders = self.start_senders(server)
        self.begin = time.monotonic()
        while time.monotonic() < self.begin + self.soak_s:
            self.burst(server)
            self.sample(server)
        self.note_good_senders()
        self.catch_up()
        self.judge()
        self.stop(server)

    # --- what comes ---

    def burst(self, server):
        """One to three attacks at a time, and something that goes wrong meanwhile."""
        self.seconds = min(self.random.uniform(*BURST_S), self.soak_s / 4)
        self.options = dataclasses.replace(self.options, processes=1,
                                           scale=self.random.choice(SCALES))
        chosen = self.random.sample(list(scenarios.SCENARIOS.values()), self.random.randint(1, 3))
        number = sum(self.bursts.values())
        attackers = [one for place, scenario in enumerate(chosen)
                     for one in self.start_attackers(server, scenario, number + place)]
        self.bursts.update(scenario.name for scenario in chosen)
        time.sleep(self.random.uniform(0, self.seconds))
        fault = self.random.choice((self.reload, self.broken_reload, self.few_descriptors,
                                    self.standstill, self.slow_consumer, self.killed_consumer))
        self.faults[fault.__name__] += 1
        fault(server)
        for attacker in attackers:
            report = rig.finish(attacker, self.seconds + rig.ATTACK_MAY_OVERRUN_S)
            self.result.complain(report is None, f"one of {chosen} did not end, or not well")
            self.accepted += report["accepted"] if report else []

    def reload(self, server):
        server.signal(signal.SIGHUP)

    def broken_reload(self, server):
        self.write_block_list("198.51.100.0/24\n198.51.100.0/240\n")
        server.signal(signal.SIGHUP)
        time.sleep(0.5)
        self.write_block_list("203.0.113.0/24\n")
        server.signal(signal.SIGHUP)

    def few_descriptors(self, server):
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (server.descriptors() + 1, before[1]))
        time.sleep(1)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)

    def standstill(self, server):
        server.signal(signal.SIGSTOP)
        time.sleep(1.5)
        server.signal(signal.SIGCONT)

    def slow_consumer(self, _):
        self.collector.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        self.collector.process.send_signal(signal.SIGCONT)

    def killed_consumer(self, _):
        self.collector.restart_consumer()

    # --- what is to be true ---

    def sample(self, server):
        anonymous, = server.status("RssAnon")
        self.samples.append(Sample(time.monotonic() - self.begin, anonymous, server.descriptors(),
                                   own_threads(server.process.pid),
                                   len(self.collector.times)))

    def note_good_senders(self):
        good = rig.finish(self.senders, rig.ATTACK_MAY_OVERRUN_S)
        assert good, "the good senders did not end, or not well"
        self.good = [mail for mail in good if mail["queue_id"]]
        self.result.ok, self.result.total = len(self.good), len(good)
        self.result.deferred = sum(mail["deferred"] for mail in good)
        failures = [mail["failure"] for mail in good if mail["failure"]]
        self.result.complain(failures, f"{len(failures)} good senders failed: {failures[:3]}")

    def missing(self):
        """Of the mails that were accepted."""
        wanted = [mail["uid"] for mail in self.good] + self.accepted
        return [uid for uid in wanted if uid not in self.collector.times]

    def catch_up(self):
        deadline = time.monotonic() + CATCH_UP_S
        while self.missing() and time.monotonic() < deadline:
            time.sleep(0.2)
        status = self.collector.stop()
        self.result.complain(status != 0, f"the consumer ended with {status}")

    def judge(self):
        missing, failures = self.missing(), self.collector.failures
        self.result.complain(missing, f"{len(missing)} mails lost: {missing[:5]}")
        self.result.complain(failures, f"{len(failures)} wrong: {failures[:3]}")
        third = len(self.samples) // 3
        middle, end = self.samples[third:2 * third], self.samples[2 * third:]
        if not middle:
            return
        spares = {"threads": 0, "descriptors": rig.DESCRIPTORS_SPARE}
        if len(self.samples) >= SAMPLES_MIN:
            spares["anonymous"] = rig.LEAK_BYTES_MAX
        for name, spare in spares.items():
            before, now = (max(getattr(one, name) for one in part) for part in (middle, end))
            self.result.complain(now > before + spare, f"{name}: {before}, in the end {now}")

    def account(self):
        """In the spool itself is only what the consumer has not acknowledged yet."""
        mailrace.verify(self.spool)


def run(seconds, seed):
    """Returns the Soak, whose result says what came of it."""
    with mailrace.Temporary() as directory:
        soak = Soak(seconds, seed, directory)
        soak.go()
        return soak


def report(soak):
    result, accepted = soak.result, len(soak.accepted)
    if result.skipped:
        return f"skipped: {result.skipped}\n"
    lines = [f"- good senders: {result.ok} of {result.total} mails accepted, {result.deferred} "
             "times 4xx before; of attackers "
             f"{accepted} mails accepted; {len(soak.collector.times)} collected",
             "- attacks: " + ", ".join(f"{n} {name}" for name, n in sorted(soak.bursts.items())),
             "- faults: " + ", ".join(f"{n} {name}" for name, n in sorted(soak.faults.items())),
             "- verdict: " + ("; ".join(result.complaints) or "good"), "",
             "| s | own memory MiB | descriptors | threads | mails collected |",
             "| --- | --- | --- | --- | --- |"]
    for one in soak.samples[::max(1, len(soak.samples) // 20)]:
        lines.append(f"| {one.seconds:.0f} | {one.anonymous / rig.MIB:.1f} | {one.descriptors} | "
                     f"{one.threads} | {one.collected} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=1, help="chooses attacks and faults")
    parser.add_argument("--directory", default="/var/tmp", help="where file systems are mounted")
    parser.add_argument("--output", help="a file for the report as well")
    arguments = parser.parse_args()
    tempfile.tempdir = arguments.directory
    soak = run(60 * arguments.minutes, arguments.seed)
    text = report(soak)
    print(text, end="")
    if arguments.output:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text)
    sys.exit(bool(soak.result.complaints))


if __name__ == "__main__":
    main()
