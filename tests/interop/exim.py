# SPDX-License-Identifier: GPL-3.0-or-later
"""A private Exim, unpacked but not installed: one mail server can be, and that is Postfix."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "../support"))
sys.path.insert(0, HERE)

import mailrace  # noqa: E402
import messages  # noqa: E402

PACKAGE = "exim4-daemon-light"
USER = "Debian-exim"  # compiled into it, made by the package when it is installed
DELIVERY_S = 120

# Routes by domain; what bounces comes to nothing.
CONFIG = """
exim_path = {directory}/exim4
exim_user = {user}
exim_group = {user}
spool_directory = {directory}/queue
log_file_path = {directory}/log/%slog
primary_hostname = client.example
keep_environment =
never_users =
message_size_limit = 50M
begin routers
{routers}
bounces:
  driver = redirect
  data = :blackhole:
begin transports
{transports}
"""
ROUTER = """{name}:
  driver = manualroute
  domains = {domain}
  route_list = * 127.0.0.1
  self = send
  transport = {name}
"""
TRANSPORT = """{name}:
  driver = smtp
  port = {port}
  message_linelength_limit = 1G
{settings}
"""
SETTINGS = {"hosts_try_chunking": ":", "hosts_avoid_tls": "*"}

# With a user of its own that the machine need not have: in a mount namespace, over its own copies.
RUN = """set -e
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
shift
exec "$@"
"""


class Exim:
    """The instance.

    directory   a temporary one
    routes      (name, domain, port, settings of its transport beside SETTINGS), ...
    """

    def __init__(self, directory, routes):
        self.directory = directory
        os.chmod(directory, 0o755)
        self.config = os.path.join(directory, "exim.conf")
        routers = "".join(ROUTER.format(name=name, domain=domain)
                          for name, domain, _, _ in routes)
        transports = "".join(
            TRANSPORT.format(name=name, port=port,
                             settings="\n".join(f"  {key} = {value}" for key, value
                                                in {**SETTINGS, **settings}.items()))
            for name, _, port, settings in routes)
        self.write("exim.conf", CONFIG.format(directory=directory, user=USER, routers=routers,
                                              transports=transports))
        self.uid = self.add_user()
        for folder in ("queue", "log"):
            path = os.path.join(directory, folder)
            os.mkdir(path)
            os.chown(path, self.uid, self.uid)
        shutil.copy(find_program(), os.path.join(directory, "exim4"))

    def write(self, name, text):
        with open(os.path.join(self.directory, name), "w", encoding="utf-8") as file:
            file.write(text.lstrip())

    def add_user(self):
        """Copies of the machine's users and groups, with Exim's added. Returns its uid and gid."""
        texts = {}
        for name in ("passwd", "group"):
            with open(os.path.join("/etc", name), encoding="utf-8") as file:
                texts[name] = "".join(line for line in file if not line.startswith(USER + ":"))
        used = {int(line.split(":")[2]) for text in texts.values() for line in text.splitlines()
                if line.count(":") >= 3}
        uid = next(number for number in range(60000, 64000) if number not in used)
        self.write("passwd", texts["passwd"] + f"{USER}:x:{uid}:{uid}::/:/bin/false\n")
        self.write("group", texts["group"] + f"{USER}:x:{uid}:\n")
        return uid

    def sendmail(self, arguments, octets):
        """Submits a mail, and waits for its delivery or refusal."""
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", RUN, "sh", self.directory,
             os.path.join(self.directory, "exim4"), "-C", self.config, "-odf", "-oi", *arguments],
            input=octets, capture_output=True, check=False, timeout=DELIVERY_S)
        if done.returncode != 0:
            raise AssertionError(f"exim: {done.stderr.decode(errors='replace')}")

    def log(self):
        with open(os.path.join(self.directory, "log/mainlog"), encoding="utf-8",
                  errors="replace") as file:
            return file.read()


def find_program():
    return os.path.join(messages.unpack(PACKAGE), "usr/sbin/exim4")


def require():
    """Skips where no instance can run."""
    if not mailrace.IS_ROOT:
        mailrace.skip_program("Exim delivers as root only")
    if subprocess.run(["unshare", "--mount", "true"], capture_output=True,
                      check=False).returncode != 0:
        mailrace.skip_program("no mount namespace may be made")
    with messages.locked():
        program = find_program()
    linked = subprocess.run(["ldd", program], capture_output=True, check=False, text=True).stdout
    missing = [line.split()[0] for line in linked.splitlines() if "not found" in line]
    if missing:
        mailrace.skip_program(f"Exim needs {', '.join(missing)}")
