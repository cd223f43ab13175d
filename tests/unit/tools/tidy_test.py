#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every rule of tools/lint/tidy.py finds its row's fault, and finds nothing in the clean tree."""

import os
import subprocess
import sys
import tempfile
import unittest

TIDY = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../tools/lint/tidy.py")
LICENCE = "// SPDX-License-Identifier: GPL-3.0-or-later\n"
HASH_LICENCE = LICENCE.replace("//", "#")

CLEAN = {
    "CMakeLists.txt": HASH_LICENCE,
    "core/CMakeLists.txt": HASH_LICENCE + "add_library(core base/a.cc scan/b.cc)\n",
    "core/base/a.h": LICENCE + "#pragma once\n#include <span>\n",
    "core/base/a.cc": LICENCE + '#include "core/base/a.h"\nint f() { return 1\'000; }  // "{{{\n',
    "core/scan/b.cc": LICENCE + '#include "core/base/a.h"\n#include <immintrin.h>\n',
    "tests/fuzz/CMakeLists.txt": HASH_LICENCE + "add_executable(x x_fuzz.cc)\n",
    "tests/fuzz/x_fuzz.cc": LICENCE,
    "tests/fuzz/corpus/x/1": "TO" + "DO\x00",
    "README.md": "|" + " long" * 40 + "|\n",
    "tools/go": "#!/bin/sh\n" + HASH_LICENCE,
}
LONG = "  g();\n" * 69
PASTE = '#pragma once\nstruct A {\n  A() : b_{1} {\n' + "  g();\n" * 69 + "  }\n};\n"

# name: (path, its text, the whole finding)
FAULTS = {
    "columns": ("core/base/a.h", CLEAN["core/base/a.h"] + "// " + "é" * 98 + "\n",
                "core/base/a.h:4: 101 columns, 100 are allowed"),
    "cmake columns": ("CMakeLists.txt", HASH_LICENCE + "#" * 101 + "\n",
                      "CMakeLists.txt:2: 101 columns, 100 are allowed"),
    "header lines": ("core/base/a.h", CLEAN["core/base/a.h"] + "\n" * 298,
                     "core/base/a.h:301: 301 lines, 300 are allowed"),
    "source lines": ("core/base/a.cc", LICENCE + "\n" * 700,
                     "core/base/a.cc:701: 701 lines, 700 are allowed"),
    "function": ("core/base/a.cc", LICENCE + "namespace a {\nvoid f(int x) const {\n" + LONG +
                 "}\n}\n", "core/base/a.cc:3: f has 71 lines, 70 are allowed"),
    "constructor": ("core/base/a.h", LICENCE + PASTE,
                    "core/base/a.h:4: A has 71 lines, 70 are allowed"),
    "python function": ("tools/x.py", HASH_LICENCE + "def f():\n" + "    g()\n" * 70,
                        "tools/x.py:2: f has 71 lines, 70 are allowed"),
    "shell function": ("tools/go", "#!/bin/sh\n" + HASH_LICENCE + "f() {\n" + LONG + "}\n",
                       "tools/go:3: f has 71 lines, 70 are allowed"),
    "licence": ("tools/go", "#!/bin/sh\n# Runs.\n",
                "tools/go:1: the first line is not 'SPDX-License-Identifier: GPL-3.0-or-later'"),
    "pragma": ("core/base/a.h", LICENCE, "core/base/a.h:1: no #pragma once"),
    "namespace": ("core/base/a.cc", LICENCE + "using namespace std;\n",
                  "core/base/a.cc:2: using namespace"),
    "banned": ("core/base/a.cc", LICENCE + "int f(const char* t) { return std::atoi(t); }\n",
               "core/base/a.cc:2: atoi() is banned"),
    "marker": ("README.md", "a\n" + "FIX" + "ME later\n", "README.md:2: leftover FIX" + "ME"),
    "room": ("core/base/a.h", LICENCE + '#pragma once\n#include "tests/fuzz/x_fuzz.cc"\n',
             "core/base/a.h:3: core may not include tests: tests/fuzz/x_fuzz.cc"),
    "folder of core": ("core/base/a.cc", LICENCE + '#include "core/scan/b.cc"\n',
                       "core/base/a.cc:2: core/base may not include core/scan: core/scan/b.cc"),
    "not from the root": ("core/base/a.cc", LICENCE + '#include "a.h"\n',
                          'core/base/a.cc:2: "a.h" is not from the repository root'),
    "missing header": ("core/base/a.cc", LICENCE + '#include "core/base/no.h"\n',
                       'core/base/a.cc:2: there is no "core/base/no.h"'),
    "engine": ("core/base/a.cc", LICENCE + "#include <sys/socket.h>\n",
               "core/base/a.cc:2: core does no I/O and has no clock or threads: <sys/socket.h>"),
    "engine's std": ("core/base/a.cc", LICENCE + "#include <thread>\n",
                     "core/base/a.cc:2: core does no I/O and has no clock or threads: <thread>"),
    "library": ("core/base/a.cc", LICENCE + "#include <wolfssl/ssl.h>\n",
                "core/base/a.cc:2: wolfSSL is for core/base/digest.cc, net/tls_*: "
                "<wolfssl/ssl.h>"),
    "one file only": ("core/base/a.cc", LICENCE + "#include <CLI/CLI.hpp>\n",
                      "core/base/a.cc:2: <CLI/CLI.hpp> belongs to tools/lib/flags.cc only"),
    "no target": ("core/base/c.cc", LICENCE, "core/base/c.cc:1: no CMakeLists.txt names this file"),
    "only in a comment": ("core/CMakeLists.txt", HASH_LICENCE + "# base/a.cc\nf(scan/b.cc)\n",
                          "core/base/a.cc:1: no CMakeLists.txt names this file"),
    "no corpus": ("tests/fuzz/corpus/x/1", None,
                  "tests/fuzz/x_fuzz.cc:1: no corpus: tests/fuzz/corpus/x/ has no file"),
}
# Faults in comments and strings are none.
QUIET = (LICENCE + '// atoi(x), using namespace std, {\nconst char* t = "sprintf(\\"{";\n'
         'const char* r = R"x(gets( " ( { )x";\nchar q = \'"\'; char b = \'{\';\n'
         "#define M(x) \\\n  { rand_r(x) }\nvoid f() { p.gets(1); }\n")


class TidyTest(unittest.TestCase):
    def findings(self, path=None, text=None, git=False):
        """What tidy says of the clean tree with one file changed, added or (None) removed."""
        files = dict(CLEAN)
        if path:
            files[path] = text
        with tempfile.TemporaryDirectory() as root:
            for name, content in files.items():
                if content is None:
                    continue
                target = os.path.join(root, name)
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w", encoding="utf-8") as file:
                    file.write(content)
            if git:
                subprocess.run(["git", "init", "-q", root], check=True)
            done = subprocess.run([sys.executable, TIDY, root], capture_output=True, text=True,
                                  check=False)
        self.assertEqual(done.stderr, "")
        lines = done.stdout.splitlines()
        self.assertRegex(lines[-1], r"^tidy: \d+ files, \d+ findings$")
        self.assertEqual(done.returncode, 1 if len(lines) > 1 else 0)
        return lines[:-1]

    def test_clean_tree(self):
        self.assertEqual(self.findings(), [])

    def test_every_rule_finds_its_fault(self):
        for name, (path, text, finding) in FAULTS.items():
            with self.subTest(name):
                self.assertEqual(self.findings(path, text), [finding])

    def test_comments_strings_and_directives_are_no_code(self):
        self.assertEqual(self.findings("core/base/a.cc", QUIET), [])

    def test_ignored_files_are_left_alone(self):
        self.assertEqual(self.findings(".gitignore", "tools/go\n", git=True), [])
        rude = dict(FAULTS)["licence"]
        self.assertEqual(self.findings(rude[0], rude[1], git=True), [rude[2]])


if __name__ == "__main__":
    unittest.main()
