# SPDX-License-Identifier: GPL-3.0-or-later
"""What is sent, by name, and to what server."""

SESSIONS = "--size 4KiB --connections 16 --messages-per-connection 1 --pipelining"
# name: what it is, flags of `mailrace load`
SCENARIOS = {
    "A0": ("4 KiB, one message per connection, 50 connections, no pipelining",
           "--size 4KiB --connections 50 --messages-per-connection 1 --no-pipelining"),
    "B0": ("4 KiB, connections reused, 50 connections, no pipelining",
           "--size 4KiB --connections 50 --no-pipelining"),
    "B1": ("4 KiB, connections reused, 50 connections, pipelining",
           "--size 4KiB --connections 50 --pipelining"),
    "C": ("100 KiB, connections reused, 50 connections, pipelining",
          "--size 100KiB --connections 50 --pipelining"),
    "D": ("1 MiB, connections reused, 8 connections, pipelining",
          "--size 1MiB --connections 8 --pipelining"),
    "K1": ("4 KiB, one connection, pipelining", "--size 4KiB --connections 1 --pipelining"),
    "K8": ("4 KiB, 8 connections, pipelining", "--size 4KiB --connections 8 --pipelining"),
    "K64": ("4 KiB, 64 connections, pipelining", "--size 4KiB --connections 64 --pipelining"),
    "K512": ("4 KiB, 512 connections, pipelining", "--size 4KiB --connections 512 --pipelining"),
    "H1": ("100 KiB, one connection, pipelining", "--size 100KiB --connections 1 --pipelining"),
    "T64": ("32 KiB, 64 connections, pipelining", "--size 32KiB --connections 64 --pipelining"),
    "H64": ("100 KiB, 64 connections, pipelining", "--size 100KiB --connections 64 --pipelining"),
    "M64": ("1 MiB, 64 connections, pipelining", "--size 1MiB --connections 64 --pipelining"),
    "S0": ("as S13, without TLS", SESSIONS),
    "S13": ("4 KiB, one message per connection, 16 connections, STARTTLS, TLS 1.3",
            SESSIONS + " --tls starttls --tls-version 1.3"),
    "S13R": ("as S13, resumed by ticket",
             SESSIONS + " --tls starttls --tls-version 1.3 --tls-resume 100"),
    "S12": ("as S13, TLS 1.2", SESSIONS + " --tls starttls --tls-version 1.2"),
    "S12R": ("as S13, TLS 1.2, resumed by ticket",
             SESSIONS + " --tls starttls --tls-version 1.2 --tls-resume 100"),
    "DT": ("as D, STARTTLS, TLS 1.3",
           "--size 1MiB --connections 8 --pipelining --tls starttls --tls-version 1.3"),
}

# With some mail kept and the rest let go, as behind a consumer that keeps up: segments are used
# again. And with memory for 64 mails of 1 MiB at a time, and those on their way to the disk.
SERVE = ("{mailrace} serve --listen 127.0.0.1:{port} --workers 1 --domain example.test"
         " --spool {spool} --durability {durability} --log-level error"
         " --retain-bytes 256MiB --spool-memory 256MiB")
