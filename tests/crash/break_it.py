#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaks the code on purpose, one way after the other, and expects the tests to find each.

Works on a copy of the tree, in a directory that it makes and leaves:

    break_it.py [DIRECTORY [NAME]]

A break is named by search and replacement; if the code has moved and the search is not found
exactly once, that is an error, never a pass. Not part of the test suite: it builds the tests again
and again. tests/crash/README.md has what it found.
"""

import dataclasses
import filecmp
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
TIMEOUT_S = 1800
SIMULATIONS = "SpoolSimTest.*:WriterSimTest.PowerCuts*:WriterSimTest.SegmentsAreUsedAgain*"


@dataclasses.dataclass(frozen=True)
class Edit:
    file: str
    old: str
    new: str


@dataclasses.dataclass(frozen=True)
class Break:
    name: str
    edits: tuple
    target: str = "sim_test"
    tests: str = SIMULATIONS


BREAKS = (
    Break("250 before the sync", (
        Edit("spool/group_commit.cc",
             "               options_.sync == SyncPolicy::with_each_write);",
             "               false);"),)),
    Break("a sync counts for what came later", (
        Edit("spool/group_commit.cc", "note_durable(sync_covers_);",
             "note_durable(landed_);"),)),
    Break("no generation in a record's checksum", (
        Edit("spool/record.cc", "store_le(covered.data(), generation);",
             "store_le(covered.data(), uint64_t{0});"),)),
    Break("bodies without checksum", (
        Edit("spool/record.cc", "return core::crc32c(0, body) == header.body_crc;",
             "return true;"),)),
    Break("a segment's name is not synced", (
        Edit("spool/segment_maker.cc",
             """      step_ = Step::sync_name;
      return files_.sync_directory(op_, directory_.c_str());
    case Step::rename:""",
             """      step_ = Step::ready;
      error_.reset();
      return;
    case Step::rename:"""),)),
    Break("a segment's new head is not synced before its new name", (
        Edit("spool/segment_maker.cc",
             """      step_ = Step::sync_file;
      return files_.sync(op_, file_);""",
             """      if (!free_path_.empty()) {
        step_ = Step::rename;
        return files_.rename(op_, free_path_.c_str(), path_.c_str());
      }
      step_ = Step::sync_file;
      return files_.sync(op_, file_);"""),)),
    Break("the cursor moves when a mail is handed out", (
        Edit("spool/cursor.cc", "  pending_[{mail.worker, mail.end}] = mail;\n", ""),)),
    Break("the cursor is not synced", (
        Edit("spool/consumers.cc",
             "  if (const auto synced = disk_.sync(file_); !synced) return synced;\n", ""),),
          tests="ConsumerSimTest.*"),
    Break("the cursor moves before the target is stable", (
        Edit("tools/spool/hand_off.cc",
             "  if (unsynced_mails_ > 0 && !sync_target()) return false;\n",
             """  for (const spool::PendingMail& place : batch_) acknowledge(place);
  if (!file_.save(net::SystemClock().wall_now())) return false;
  if (unsynced_mails_ > 0 && !sync_target()) return false;
"""),), target="tools_unit_test", tests="HandOffTest.*"),
    Break("the next segment is written to while writes to this one are under way", (
        Edit("spool/group_commit.cc", "return segment.state == Segment::State::free || "
             "segment.state == Segment::State::cutting;", "return segment.log != nullptr;"),)),
    Break("a failed write is not cut off", (
        Edit("spool/group_commit.cc", "files_.truncate(segment.cut, segment.file, segment.cut_at);",
             "files_.truncate(segment.cut, segment.file, segment.capacity);"),)),
    Break("a file that lost its name is written to like any other", (
        Edit("spool/group_commit.cc",
             "    return files_.check_name(file, path_of(used));",
             "    return used == number ? 0 : files_.check_name(file, path_of(used));"),)),
    Break("the earlier segments of a mail may be gone", (
        Edit("spool/group_commit.cc", "trail_.visit_from(std::min(first, number), ",
             "trail_.visit_from(std::max(first, number), "),),
          tests="*SomebodyTookAway"),
    Break("a writer goes to a directory that nobody has looked at", (
        Edit("spool/segment_maker.cc", "  if (lost_) return;\n", ""),),
          target="spool_unit_test", tests="SegmentMakerTest.*"),
    Break("retention does not mind mails that go on", (
        Edit("spool/retention.cc", "const bool ended = watched.last_begun < oldest_open;",
             "const bool ended = oldest_open > 0;"),)),
    Break("retention does not mind pending mails", (
        Edit("spool/retention.cc",
             "if (at->second.first_segment <= segment.number) return false;",
             "if (segment.number == 0) return false;"),)),
    Break("a seal before all has landed, and a footer that is trusted without its mark", (
        Edit("spool/group_commit.cc",
             "if (sealing && (segment.flights > 0 || !is_stable(segment))) return false;", ""),
        Edit("spool/footer.cc",
             "if (!mark || mark->durable_bytes != began_at) return std::nullopt;",
             "if (!mark) return std::nullopt;"),)),
    Break("the ids of a segment that is taken away are forgotten", (
        Edit("spool/segment_tracker.cc",
             """  auto done = write_mail_id_floor(disk_, path_, worker, last_begun);
  if (done) floor = last_begun;
  return done;""", "  floor = last_begun;\n  return {};"),),
          target="spool_unit_test", tests="MailIdFloorTest.*"),
    Break("ids of mails that a power cut took are given out again", (
        Edit("spool/writer.cc", "  options.last_mail_id += core::kMailIdGapUs << 10;\n", ""),)),
    Break("recovery cuts what does not check, whatever stands behind it", (
        Edit("spool/recovery.cc", "if (!segment.read || outcome.damages > 0) return false;",
             "if (!segment.read) return false;"),),
          target="spool_unit_test", tests="RecoveryTest.*"),
    Break("a repair takes the segment's name before the damaged one has another", (
        Edit("spool/salvage.cc", "    if (done) done = keep_damaged(source);\n", ""),),
          target="crash_test", tests="RepairCutTest.*"),
)


def run(*command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False, timeout=TIMEOUT_S, **options)


def build(tree, target):
    done = run("cmake", "--build", "build/release", "--parallel", "2", "--target", target, cwd=tree)
    if done.returncode != 0:
        sys.exit(f"does not build:\n{done.stdout[-4000:]}")


def test(tree, target, tests):
    """Runs the tests. Returns whether they passed, and what is to be said of it."""
    done = run(f"build/release/tests/{target}", f"--gtest_filter={tests}", "--gtest_fail_fast",
               "--gtest_brief=1", cwd=tree)
    if done.returncode == 0:
        return True, "passed"
    failed = re.search(r"\[  FAILED  \] (\w[\w./]*)", done.stdout)
    seed = re.search(r"MAILRACE_SIM_SEED=(\d+)[:,]? ?(.*)", done.stdout)
    crashed = re.search(r".*check failed.*", done.stdout)
    said = failed.group(1) if failed else f"status {done.returncode}"
    if seed:
        said += f", seed {seed.group(1)}: {seed.group(2)}"
    elif crashed:
        said += f": {crashed.group(0)}"
    return False, said[:200]


def edited(path, old, new):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        sys.exit(f"{path}: not there exactly once, adapt the break: {old!r}")
    return text.replace(old, new)


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def copy_changed(source, target):
    """With the time of now, so that what was built from something else is built again."""
    if not os.path.exists(target) or not filecmp.cmp(source, target, shallow=False):
        shutil.copy(source, target)
    return target


def try_break(tree, broken):
    """Applies it, builds, tests, and puts everything back. Returns what test() does."""
    before = {}
    for edit in broken.edits:
        path = os.path.join(tree, edit.file)
        with open(path, encoding="utf-8") as file:
            before[path] = file.read()
        write(path, edited(path, edit.old, edit.new))
    build(tree, broken.target)
    result = test(tree, broken.target, broken.tests)
    for path, text in before.items():
        write(path, text)
    return result


def main():
    directory = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="mailrace-broken-")
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    breaks = [broken for broken in BREAKS if only in broken.name]
    tree = os.path.join(directory, "tree")
    print(f"in {tree}", flush=True)
    # Over what an earlier run left, so that little has to be built again.
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns("build", ".git"), symlinks=True,
                    dirs_exist_ok=True, copy_function=copy_changed)
    # All searches before the first build.
    for broken in breaks:
        for edit in broken.edits:
            edited(os.path.join(tree, edit.file), edit.old, edit.new)
    launcher = ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
    done = run("cmake", "--preset", "release", "-DMAILRACE_TESTS=ON", *launcher, cwd=tree)
    if done.returncode != 0:
        sys.exit(done.stdout)
    missed = 0
    for target in dict.fromkeys(broken.target for broken in breaks):
        of_target = [broken for broken in breaks if broken.target == target]
        build(tree, target)
        for tests in sorted({broken.tests for broken in of_target}):
            passed, said = test(tree, target, tests)
            if not passed:
                sys.exit(f"nothing is broken yet, and {target} fails: {said}")
        for broken in of_target:
            passed, said = try_break(tree, broken)
            missed += passed
            print(f"{'MISSED' if passed else 'found '}  {broken.name}: {said}", flush=True)
    print(f"{len(breaks) - missed} of {len(breaks)} found", flush=True)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
