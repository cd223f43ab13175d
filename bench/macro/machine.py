# SPDX-License-Identifier: GPL-3.0-or-later
"""What a result must state of the machine and the build."""

import datetime
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def first_line(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
        return done.stdout.split("\n")[0].strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def cpu_model():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def from_build(build, key):
    try:
        for line in (build / "CMakeCache.txt").read_text().splitlines():
            if line.startswith(key + ":"):
                return line.partition("=")[2].strip()
    except OSError:
        pass
    return ""


def file_system(directory):
    """Type and source of the file system that holds a directory."""
    done = first_line(["findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", str(directory)])
    return " on ".join(done.split()[:2])


def stated(build):
    """Lines of a list in Markdown. build   directory of the programs that are measured"""
    compiler = from_build(build, "CMAKE_CXX_COMPILER")
    build_type = from_build(build, "CMAKE_BUILD_TYPE")
    flags = " ".join(filter(None, (from_build(build, "CMAKE_CXX_FLAGS"), from_build(
        build, "CMAKE_CXX_FLAGS_" + build_type.upper()))))
    revision = first_line(["git", "rev-parse", "HEAD"])
    if first_line(["git", "status", "--porcelain"]):
        revision += " and uncommitted changes"
    congestion = pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control")
    return [
        f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        f"- revision: {revision}",
        f"- machine: {cpu_model()}, {os.cpu_count()} CPUs",
        f"- kernel: {platform.system()} {platform.release()}, TCP {congestion.read_text().strip()}",
        f"- compiler: {first_line([compiler, '--version']) if compiler else 'unknown'}",
        f"- build: {build_type or 'unknown'}, {flags or 'flags unknown'}"]
