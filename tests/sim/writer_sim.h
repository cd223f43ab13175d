// SPDX-License-Identifier: GPL-3.0-or-later
// Connections that put mails through a real Writer onto a SimFile, tick by tick.
#pragma once

#include "core/base/prng.h"
#include "spool/shared_tail.h"
#include "spool/writer.h"
#include "tests/sim/mail_ledger.h"
#include "tests/sim/sim_file.h"

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mailrace::tests {

/// What kind of day a simulated spool has.
struct SimProfile {
  spool::SyncPolicy sync = spool::SyncPolicy::with_each_write;
  SimFaults faults;
  bool cuts = false;        // the power fails, or the process dies, and a new writer goes on
  bool fills_up = false;    // the disk is full now and then
  bool large_only = false;  // all mails have mail_bytes_max octets
  bool recycles = false;    // finished segments are used again
  bool stalls = false;      // the disk stands still until no memory is left
  bool vanishes = false;    // somebody takes files or the directory away, now and then
  uint32_t clients = 20;
  uint32_t ticks = 120;  // of each life of the writer
  uint32_t lives = 2;
  uint64_t mail_bytes_max = 120'000;
  uint64_t segment_bytes = 128 << 10;
  uint64_t memory_bytes = core::kSpoolMemoryDefault;
  bool clean_ends = true;  // no sync or cut fails, so nothing but crashes excuses findings
};

/// One run. All that is chosen follows from the seed.
class WriterSim {
 public:
  WriterSim(uint64_t seed, const SimProfile& profile);
  ~WriterSim();

  /// Runs it all. returns  what went wrong, one line each; empty: nothing
  std::vector<std::string> run();

  // What came up, so that a test can tell that it tests something.
  struct Counts {
    uint64_t mails = 0;  // durable ones found
    uint64_t failed = 0;
    uint64_t no_space = 0;
    uint64_t aborted = 0;
    uint64_t refused = 0;    // by begin()
    uint64_t unwelcome = 0;  // not even tried: memory was low
    uint64_t short_appends = 0;
    uint64_t broken_segments = 0;
    uint64_t recycled = 0;
    uint64_t lost = 0;  // reported, and taken by a power cut as they might be
    uint64_t footers = 0;
    uint64_t kept = 0;  // free segments that a writer found
    uint64_t vanished = 0;
    uint64_t noticed = 0;  // by a writer
    uint64_t shared = 0;   // octets that a tail had, as the disk had them

    Counts& operator+=(const Counts& other);
  };
  const Counts& counts() const { return counts_; }

 private:
  enum class Step : uint8_t { idle, sending, stalled, waiting };
  struct Client {
    Step step = Step::idle;
    uint32_t generation = 0;
    core::MailHandle handle;
    std::vector<std::byte> data;
    size_t sent = 0;
  };

  static void on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome);
  static void on_has_room(void* self);

  void open_writer();
  void tick();
  void choose_stall();
  void recycle_one();
  void vanish();
  void restore();
  bool is_finished(uint64_t mail_id) const;
  void flush();
  void check_offsets();
  void check_tail();
  bool is_sealed_behind(const std::string& path, uint64_t number, uint64_t end);
  void share_tail(spool::SpoolOptions& options);
  void advance_time();
  void act(uint32_t slot);
  void begin(uint32_t slot);
  core::Durability choose_durability();
  FileContents disk_after(bool in_order);
  void append(uint32_t slot);
  void commit(uint32_t slot);
  void abort(uint32_t slot);
  void close_in_order();
  void crash();
  void problem(const std::string& what) { ledger_.problems.push_back(what); }
  bool chance(uint32_t thousandths) { return random_.below(1000) < thousandths; }
  bool anybody_waits() const;

  SimProfile profile_;
  core::Prng random_;
  MailLedger ledger_;
  Counts counts_;
  std::vector<Client> clients_;
  FileContents disk_;
  std::unique_ptr<SimFile> files_;
  std::unique_ptr<spool::SharedTail, void (*)(void*)> shared_{nullptr, std::free};
  std::optional<spool::TailWriter> tail_;  // not in every life
  std::unique_ptr<spool::Writer> writer_;
  uint64_t next_segment_ = 1;
  uint64_t last_mail_id_ = 0;
  std::set<uint64_t> aborted_;  // in this life
  core::Instant now_{1'000'000'000};
  core::WallTime wall_{1'700'000'000'000'000'000};
  uint64_t last_durable_ = 0;
  uint64_t last_written_ = 0;
  bool standing_still_ = false;  // the disk ends no operation
  bool in_call_ = false;         // a call of the writer other than flush() is under way
  bool quiet_ = false;           // no new mails
  uint32_t at_once_ = 0;         // flushes in a row that asked to be called again at once
};

}  // namespace mailrace::tests
