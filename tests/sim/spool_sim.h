// SPDX-License-Identifier: GPL-3.0-or-later
// A whole spool at once on one simulated disk: a writer, the retention that takes its segments away
// and gives them back to be used again, and consumers that follow it; across power cuts.
#pragma once

#include "core/base/prng.h"
#include "spool/consumers.h"
#include "spool/follower.h"
#include "spool/observed_writer.h"
#include "spool/operations.h"
#include "spool/recovery.h"
#include "spool/segment_tracker.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_file.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// What kind of day it is.
struct SpoolSimProfile {
  SimFaults faults;          // of the writer's operations
  uint32_t disk_faults = 0;  // in a thousand, of everybody else's
  spool::SyncPolicy sync = spool::SyncPolicy::with_each_write;
  bool is_cached = false;  // writes go through the page cache
  uint32_t clients = 5;
  uint32_t consumers = 1;
  std::optional<uint64_t> retain_bytes;  // holds if there is no consumer
  uint32_t lives = 3;
  uint32_t operations = 250;  // after which the power fails in each life, at most
  uint64_t segment_bytes = 64 << 10;
  uint64_t mail_bytes_max = 20'000;
  bool clean_ends = true;  // nothing but crashes excuses findings
  bool vanishes = false;   // somebody takes segments or their directory away, now and then

  /// Everything by seed.
  static SpoolSimProfile of(uint64_t seed);
};

/// One run. All that is chosen follows from the seed.
class SpoolSim {
 public:
  SpoolSim(uint64_t seed, const SpoolSimProfile& profile);
  virtual ~SpoolSim();

  /// Life after life, each ended by a power cut at an operation that the seed chooses, or in good
  /// order. returns   what went wrong; empty: nothing
  std::vector<std::string> run();
  /// Two lives; in the second one the power is cut at every operation, to see what is left, and is
  /// there again as if nothing had been.
  std::vector<std::string> run_with_every_cut();

  // What came up, so that a test can tell that it tests something.
  struct Counts {
    uint64_t cuts = 0;
    uint64_t mails = 0;       // durable ones found, all comparisons together
    uint64_t handed_off = 0;  // and stable with a consumer
    uint64_t taken_away = 0;  // segments
    uint64_t reused = 0;      // of these
    uint64_t failed = 0;      // mails that were refused in the end
    uint64_t vanished = 0;
    uint64_t after = 0;  // mails that were reported durable in a life after something vanished

    Counts& operator+=(const Counts& other);
  };
  const Counts& counts() const { return counts_; }

 protected:
  enum class Step : uint8_t { idle, sending, waiting };
  struct Client {
    Step step = Step::idle;
    core::MailHandle handle;
    std::vector<std::byte> data;
    size_t sent = 0;
  };
  struct Consumer {
    std::string name;
    bool registered = false;
    std::set<uint64_t> stable;  // mails that are safe with it
    // While it runs:
    std::unique_ptr<SimDisk> disk;
    std::unique_ptr<spool::CursorFile> file;
    std::unique_ptr<spool::SpoolFollower> follower;
    std::vector<spool::PendingMail> batch;

    void stop();
  };

  static void on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome);
  static void on_has_room(void*) {}

  void live(uint64_t operations);
  bool recover();
  void open_writer(const spool::WorkerRecovery& recovered);
  void tick();
  void close_in_order();
  void die();

  void act(uint32_t slot);
  void begin(uint32_t slot);
  void append(Client& client);
  void abort(Client& client);

  /// Once in each tick: what befalls the disk besides.
  virtual void disturb() {}
  void vanish();
  void keep_house();
  void take_away(const spool::RetainedSegment& segment);
  virtual std::set<uint64_t> mails_in(const spool::RetainedSegment& segment) const;
  /// Whether the segment may go although the consumer is not safe with a promised mail in it.
  virtual bool may_miss(const spool::RetainedSegment&, uint64_t) const { return false; }
  bool is_open(uint64_t mail_id) const;

  bool start(Consumer& consumer);
  virtual void resume(Consumer& consumer);
  void consume(Consumer& consumer);
  virtual void hand_off(Consumer& consumer, const spool::PendingMail& place,
                        const spool::StoredMail& mail);
  virtual void note_finding(const Consumer& consumer, const spool::Finding& finding);
  void commit(Consumer& consumer);

  void check_cut();
  virtual void check(FileContents files, const std::string& when);
  void check_consumer(MemoryDisk& disk, const Consumer& consumer, const std::string& when);

  void problem(const std::string& what) { ledger_.problems.push_back(what); }
  bool chance(uint32_t thousandths) { return random_.below(1000) < thousandths; }

  SpoolSimProfile profile_;
  core::Prng random_;
  MailLedger ledger_;
  Counts counts_;
  std::vector<Client> clients_;
  std::vector<Consumer> consumers_;
  std::set<uint64_t> handed_off_;  // ids that consumers have seen, whatever became of the mails
  FileContents disk_;              // between lives

  // Of the present life.
  std::unique_ptr<SimFile> files_;
  std::unique_ptr<SimDisk> house_disk_;
  std::unique_ptr<spool::WriterWatch> watch_;
  std::unique_ptr<spool::SegmentTracker> tracker_;
  std::unique_ptr<spool::ObservedWriter> writer_;
  bool checking_every_cut_ = false;
  bool has_vanished_ = false;  // in this life
  core::Instant now_{1'000'000'000};
  core::WallTime wall_{1'700'000'000'000'000'000};
};

}  // namespace mailrace::tests
