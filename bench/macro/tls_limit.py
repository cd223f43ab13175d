# SPDX-License-Identifier: GPL-3.0-or-later
"""What the TLS library allows: handshakes in memory, beside those of whole sessions."""

import json
import statistics
import subprocess

MEMORY_SECONDS = 0.5
CERTIFICATES = ("ecdsa", "rsa")
TITLES = {f"wolfssl-{name}": f"wolfSSL in memory, {name.upper()}" for name in CERTIFICATES}
# As in the names of bench/micro/tls_bench.cc.
HANDSHAKES = {"S13": "1.3/full", "S13R": "1.3/resumed", "S12": "1.2/full", "S12R": "1.2/resumed"}
WITHOUT_TLS = "S0"


def has_shaken_hands(result, flags):
    """Whether a run of the generator had the handshakes that its flags ask for. With resumption the
    first ones are full: nothing is there to be resumed yet."""
    handshakes, resumed = result["tls_handshakes"], result["tls_resumed"]
    if "--tls " not in flags:
        return handshakes == 0
    if "--tls-resume 100" in flags:
        return resumed > 0 and handshakes - resumed <= result["connections"]
    return handshakes > 0 and resumed == 0


def run(scenario, side, arguments):
    """Handshakes of a scenario without a network. Returns what mails_per_second's runs do."""
    if scenario not in HANDSHAKES:
        return None
    name = f"{side.replace('-', '/')}/{HANDSHAKES[scenario]}"
    done = subprocess.run(
        ["taskset", "-c", str(arguments.server_cpu), arguments.build / "bench" / "micro_tls",
         f"--benchmark_filter=^tls_handshake/{name}/manual_time$",
         f"--benchmark_min_time={MEMORY_SECONDS}", "--benchmark_format=json"],
        capture_output=True, text=True, check=True)
    (benchmark,) = json.loads(done.stdout)["benchmarks"]
    if benchmark.get("error_occurred"):
        raise RuntimeError(f"{name}: {benchmark['error_message']}")
    milliseconds = benchmark["real_time"] / 1e6
    return {"rate": 1e3 / milliseconds, "cpu": milliseconds, "user": milliseconds, "p50": 0,
            "p99": 0, "taken": 1, "wanted": 1}


def of_round(plain, tls, library, postfix):
    """The columns of the table: what TLS adds to a session, beside the library and Postfix."""
    added, user = (tls[kind] - plain[kind] for kind in ("cpu", "user"))
    return (library["cpu"], added, user, library["cpu"] / added, library["cpu"] / user,
            tls["cpu"], tls["cpu"] / postfix["cpu"])


def rows_of(results):
    for scenario, handshake in HANDSHAKES.items():
        for certificate in CERTIFICATES:
            runs = [results.get(WITHOUT_TLS, {}).get(f"tls-{certificate}")]
            runs += [results.get(scenario, {}).get(f"{server}-{certificate}")
                     for server in ("tls", "wolfssl", "postfix")]
            if not all(runs):
                continue
            columns = zip(*(of_round(*one) for one in zip(*runs)))
            yield [f"TLS {handshake.replace('/', ', ')}, {certificate.upper()}",
                   *(f"{statistics.median(column):.3f}" for column in columns)]


def table(results):
    """Markdown, or nothing if not all of it was measured."""
    rows = list(rows_of(results))
    if not rows:
        return []
    return ["## What a handshake costs", "",
            "CPU ms, medians of what was calculated round by round. TLS of a session: the session"
            " with STARTTLS less the same without (S0), so records, a second EHLO and three more"
            " round trips are in it; user: without the kernel's share. In memory: the library's"
            " server side alone, whose ratio to both follows.", "",
            "| handshake | in memory | TLS of a session | user | ratio | ratio, user"
            " | whole session | of Postfix's |",
            "| --- | --- | --- | --- | --- | --- | --- | --- |",
            *("| " + " | ".join(row) + " |" for row in rows), ""]
