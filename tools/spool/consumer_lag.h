// SPDX-License-Identifier: GPL-3.0-or-later
// How far behind the consumers of a spool are.
#pragma once

#include "spool/consumers.h"
#include "spool/mail_reader.h"
#include "spool/operations.h"
#include "tools/lib/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

/// A consumer, and what it has not acknowledged.
struct ConsumerLag {
  std::string name;
  std::string unreadable;  // why its cursor could not be read; empty: it was
  spool::CursorSlot state;
  uint64_t mails = 0;    // neither acknowledged, nor held, nor deleted
  uint64_t octets = 0;   // of data in them
  uint64_t held = 0;     // mails that it waits for somebody to release
  uint64_t damaged = 0;  // places that do not check, pending so that nobody removes them
  std::optional<core::WallTime> oldest;  // when the first of `mails` was committed

  /// How long the oldest has been waiting; 0: none is.
  uint64_t seconds(core::WallTime now) const;
};

/// The lags of all consumers, counted during one walk.
class ConsumerLags {
 public:
  /// Reads all cursors. returns  false: the consumers cannot be listed, stderr says why
  bool open(const std::string& spool_path);
  /// To be called for each mail of the spool. mark  what holds for it
  void count(const spool::StoredMail& mail, const spool::MailMark& mark);

  const std::vector<ConsumerLag>& all() const { return lags_; }
  /// Those whose cursor cannot be read.
  uint64_t faults() const;

  /// A table with a head, a line for each; "" if there is none.
  std::string table() const;
  /// An array.
  std::string json() const;

 private:
  std::vector<ConsumerLag> lags_;
};

/// Adds the members of one consumer. now   for the lag in seconds
void add_consumer(JsonLine& line, const ConsumerLag& lag, core::WallTime now);

}  // namespace mailrace::tools
