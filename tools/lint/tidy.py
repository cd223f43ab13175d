#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""What no compiler checks: sizes, include directions, banned calls, leftovers, files in no target.

    tools/lint/tidy.py [ROOT]    ROOT: a work tree, by default the one this file is in

Every finding is one line `file:line: what`; the exit status is 1 if there is any. The limits and
the table of include directions are below, and nowhere else.
"""

import ast
import fnmatch
import os
import re
import subprocess
import sys

COLUMNS_MAX = 100
HEADER_LINES_MAX = 300
SOURCE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
# Tables and kernels may be longer; so may a state table that is one switch.
LONG_FILES = ("core/base/limits.h", "core/scan/*_kernel*", "core/scan/dot_scan_*",
              "core/smtp/replies.h", "core/smtp/verb.cc")
# Octets that are what they are: no rule about text applies.
DATA = ("tests/data/*", "tests/fuzz/corpus/*", "tests/dialogs/*", "bench/results/*", "LICENSE")

ROOMS = ("core", "spool", "net", "tools", "bench", "tests")
MAY_INCLUDE = {
    "core": ("core",),
    "spool": ("core", "spool"),
    "net": ("core", "net"),
    "tools": ROOMS,
    "bench": ROOMS,
    "tests": ROOMS,
}
# Folders of core: what each may include besides itself.
CORE_MAY_INCLUDE = {
    "base": (),
    "scan": ("base",),
    "smtp": ("message", "scan", "base"),
    "message": ("base",),
    "auth": ("message", "base"),
    "milter": ("base",),
    "proxy": ("base",),
    "tls": ("base",),
    "policy": ("auth", "message", "smtp", "scan", "base"),
    "port": ("smtp", "scan", "base"),
}
# Engines compute: std, tl::expected and what the processor itself offers; the exceptions are a
# type (iovec) and a conversion of text (inet_pton).
ENGINE_ROOMS = ("core", "spool")
ENGINE_HEADERS = ("*mmintrin.h", "x86intrin.h", "cpuid.h", "arm_*.h", "sys/auxv.h",
                  "tl/expected.hpp")
ENGINE_EXCEPTIONS = (("core/port/file_io.h", "sys/uio.h"), ("core/base/ip.cc", "arpa/inet.h"))
ENGINE_BANNED_STD = ("chrono", "condition_variable", "filesystem", "fstream", "future", "iostream",
                     "mutex", "thread")
# Library -> its includes, and the only files of core, spool and net that may have them.
LIBRARIES = {
    "liburing": ("liburing*", ("net/ring*", "net/buffer_ring*", "net/worker.cc", "net/token.h")),
    "wolfSSL": ("wolfssl/*", ("core/base/digest.cc", "net/tls_*")),
    "libidn2": ("idn2.h", ("core/base/idna.cc",)),
    "libseccomp": ("seccomp.h", ()),
    "c-ares": ("ares*.h", ("net/resolver*",)),
}
# Slow to compile: one source file each, in the whole tree.
ONE_FILE_ONLY = {"CLI/*": "tools/lib/flags.cc", "toml++/*": "tools/lib/config_file.cc",
                 "nlohmann/*": "tools/load/result_file.cc"}

BANNED_CALLS = re.compile(
    r"(?<![\w.>])(?:std::|::)?"
    r"(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll|atof|s?rand)\s*\(")
# In two pieces each, so that this file does not find itself.
MARKERS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "HA" + "CK")) + r")\b")
SPDX = "SPDX-License-Identifier: GPL-3.0-or-later"

# Comments, raw strings, strings and characters; a quote after a digit or letter is 1'000.
CPP_NO_CODE = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r"|R\"(?P<mark>[^()\s\\]{0,16})\(.*?\)(?P=mark)\""
    r"|\"(?:\\.|[^\"\\\n])*\""
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'", re.DOTALL)
CPP_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)
CPP_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)
CPP_SCOPE = re.compile(r"\s*(?:(?:inline|typedef|template\s*<.*?>)\s*)*"
                       r"(?:namespace|class|struct|union|enum|extern)\b"
                       r"(?!.*\)\s*(?:const|noexcept)?\s*$)", re.DOTALL)


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


class Tree:
    """The files of a work tree, and the findings about them."""

    def __init__(self, root):
        self.root = root
        self.paths = self.list_paths()
        self.findings = []

    def list_paths(self):
        """Tracked and new files that are not ignored; without git, everything but build/."""
        git = ["git", "-C", self.root, "ls-files", "-z", "--cached", "--others",
               "--exclude-standard"]
        try:
            listed = subprocess.run(git, capture_output=True, check=True).stdout
            paths = [os.fsdecode(name) for name in listed.split(b"\0") if name]
        except (OSError, subprocess.CalledProcessError):
            paths = []
            for folder, folders, names in os.walk(self.root):
                folders[:] = [name for name in folders if name not in (".git", "build")]
                paths += [os.path.relpath(os.path.join(folder, name), self.root)
                          for name in names]
        return sorted(set(path for path in paths if os.path.isfile(self.absolute(path))))

    def absolute(self, path):
        return os.path.join(self.root, path)

    def read(self, path):
        with open(self.absolute(path), encoding="utf-8", errors="replace") as file:
            return file.read()

    def find(self, path, line, what):
        self.findings.append((path, line, what))


def kind_of(path, text):
    """cpp, python, shell, cmake, text, or nothing for what is not ours to judge."""
    name = os.path.basename(path)
    if matches(path, DATA):
        return None
    if name.endswith((".h", ".cc", ".c", ".cpp", ".hpp")):
        return "cpp"
    if name.endswith(".py"):
        return "python"
    if name.endswith(".sh"):
        return "shell"
    if name == "CMakeLists.txt" or name.endswith(".cmake"):
        return "cmake"
    if text.startswith("#!"):
        return "python" if "python" in text.split("\n", 1)[0] else "shell"
    return "text"


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def blank(match):
    """What is matched, as spaces: offsets and lines stay."""
    return re.sub(r"[^\n]", " ", match.group(0))


# --- any file ---------------------------------------------------------------------------------


def check_text(tree, path, text):
    for match in MARKERS.finditer(text):
        tree.find(path, line_of(text, match.start()), f"leftover {match.group(1)}")


def check_code(tree, path, kind, text):
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            tree.find(path, number, f"{len(line)} columns, {COLUMNS_MAX} are allowed")
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    if SPDX not in first:
        tree.find(path, 1, f"the first line is not '{SPDX}'")
    lines_max = HEADER_LINES_MAX if path.endswith((".h", ".hpp")) else SOURCE_LINES_MAX
    count = text.count("\n")
    if kind != "cmake" and count > lines_max and not matches(path, LONG_FILES):
        tree.find(path, lines_max + 1, f"{count} lines, {lines_max} are allowed")


def check_functions(tree, path, spans):
    for name, begin, end in spans:
        count = end - begin + 1
        if count > FUNCTION_LINES_MAX and not matches(path, LONG_FILES):
            tree.find(path, begin,
                      f"{name} has {count} lines, {FUNCTION_LINES_MAX} are allowed")


# --- functions of each language: (name, first line, last line) --------------------------------


def cpp_functions(code):
    """Finds bodies by their braces. `code` has neither comments, strings nor directives."""
    spans = []
    stack = []  # per open brace: what it opens, a function's name, its line
    head = 0    # where the statement in front of the next brace begins
    closed = last_name = None
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match.group() == "{":
            before = code[head:at]
            if stack and stack[-1][0] != "scope":
                opens = "inner"
            elif not before.strip():
                opens = "function" if closed else "scope"  # the former: X() : a_{1} {
            elif CPP_SCOPE.match(before):
                opens = "scope"
            else:
                opens = "function" if re.search(r"\)[^(){};=]*$", before) else "inner"
            name = re.search(r"([\w:~]+|operator\S+)\s*\(", before)
            name = name.group(1) if name else last_name or "function"
            stack.append((opens, name, line_of(code, at)))
        elif match.group() == "}" and stack:
            closed, last_name, line = stack.pop()
            if closed == "function":
                spans.append((last_name, line, line_of(code, at)))
        if match.group() != "}":
            closed = last_name = None
        head = at + 1
    return spans


def python_functions(text):
    try:
        nodes = ast.walk(ast.parse(text))
    except SyntaxError:
        return []
    return [(node.name, node.lineno, node.end_lineno) for node in nodes
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


def shell_functions(text):
    spans = []
    name, begin = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        opened = re.match(r"(\w+)\(\) *[{(]$", line)
        if opened:
            name, begin = opened.group(1), number
        elif name and line in ("}", ")"):
            spans.append((name, begin, number))
            name = None
    return spans


# --- C++ --------------------------------------------------------------------------------------


def check_cpp(tree, path, text):
    code = CPP_DIRECTIVE.sub(blank, CPP_NO_CODE.sub(blank, text))
    check_functions(tree, path, cpp_functions(code))
    if path.endswith((".h", ".hpp")) and not re.search(r"^#pragma once$", text, re.MULTILINE):
        tree.find(path, 1, "no #pragma once")
    # The standard's literals cannot be had by name without it.
    for match in re.finditer(r"\busing\s+namespace\b(?! std::(?:\w+_)?literals;)", code):
        tree.find(path, line_of(text, match.start()), "using namespace")
    for match in BANNED_CALLS.finditer(code):
        tree.find(path, line_of(text, match.start()), f"{match.group(1)}() is banned")
    for match in CPP_INCLUDE.finditer(text):
        line = line_of(text, match.start())
        if match.group(1) == '"':
            check_own_include(tree, path, line, match.group(2))
        else:
            check_library_include(tree, path, line, match.group(2))


def check_own_include(tree, path, line, target):
    room, target_room = path.split("/")[0], target.split("/")[0]
    if target_room not in ROOMS:
        tree.find(path, line, f'"{target}" is not from the repository root')
        return
    if not os.path.isfile(tree.absolute(target)):
        tree.find(path, line, f'there is no "{target}"')
    if target_room not in MAY_INCLUDE.get(room, ROOMS):
        tree.find(path, line, f"{room} may not include {target_room}: {target}")
    if room == target_room == "core":
        folder, target_folder = path.split("/")[1], target.split("/")[1]
        allowed = CORE_MAY_INCLUDE.get(folder)
        if allowed is None:
            tree.find(path, line, f"core/{folder} is in no include table (tools/lint/tidy.py)")
        elif target_folder != folder and target_folder not in allowed:
            tree.find(path, line, f"core/{folder} may not include core/{target_folder}: {target}")


def check_library_include(tree, path, line, target):
    room = path.split("/")[0]
    if target.split("/")[0] in ROOMS:
        tree.find(path, line, f"<{target}>: our own headers are included in quotes")
    for pattern, only in ONE_FILE_ONLY.items():
        if fnmatch.fnmatch(target, pattern) and path != only:
            tree.find(path, line, f"<{target}> belongs to {only} only")
            return
    if room not in ("core", "spool", "net"):
        return
    for library, (pattern, files) in LIBRARIES.items():
        if fnmatch.fnmatch(target, pattern):
            if not matches(path, files):
                tree.find(path, line, f"{library} is for {', '.join(files)}: <{target}>")
            return
    if room in ENGINE_ROOMS:
        foreign = "." in target and not matches(target, ENGINE_HEADERS)
        excepted = (path, target) in ENGINE_EXCEPTIONS
        if (foreign and not excepted) or target in ENGINE_BANNED_STD:
            tree.find(path, line, f"{room} does no I/O and has no clock or threads: <{target}>")


# --- the build --------------------------------------------------------------------------------


def check_targets(tree):
    """Every source file is named by a CMakeLists.txt, every fuzz target has a corpus."""
    listed = set()
    for path in tree.paths:
        if os.path.basename(path) != "CMakeLists.txt":
            continue
        folder = os.path.dirname(path)
        code = re.sub(r"#[^\n]*", "", tree.read(path))
        for word in re.findall(r"[^\s()\"]+\.cc?\b", code):
            word = word.replace("${PROJECT_SOURCE_DIR}/", "/")
            word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
            name = word[1:] if word.startswith("/") else os.path.join(folder, word)
            listed.add(os.path.normpath(name))
    for path in tree.paths:
        if path.endswith((".cc", ".c")) and path.split("/")[0] in ROOMS and path not in listed:
            tree.find(path, 1, "no CMakeLists.txt names this file")
        if fnmatch.fnmatch(path, "tests/fuzz/*_fuzz.cc"):
            corpus = "tests/fuzz/corpus/" + os.path.basename(path)[:-len("_fuzz.cc")]
            if not any(other.startswith(corpus + "/") for other in tree.paths):
                tree.find(path, 1, f"no corpus: {corpus}/ has no file")


def main(arguments):
    root = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "..", "..")
    tree = Tree(os.path.realpath(root))
    for path in tree.paths:
        if matches(path, DATA):
            continue
        text = tree.read(path)
        kind = kind_of(path, text)
        check_text(tree, path, text)
        if kind != "text":
            check_code(tree, path, kind, text)
        if kind == "cpp":
            check_cpp(tree, path, text)
        elif kind == "python":
            check_functions(tree, path, python_functions(text))
        elif kind == "shell":
            check_functions(tree, path, shell_functions(text))
    check_targets(tree)
    for path, line, what in sorted(tree.findings):
        print(f"{path}:{line}: {what}")
    print(f"tidy: {len(tree.paths)} files, {len(tree.findings)} findings")
    return 1 if tree.findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
