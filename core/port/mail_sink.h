// SPDX-License-Identifier: GPL-3.0-or-later
// Port: where a connection puts the mail that it receives.
#pragma once

#include "core/base/bytes.h"
#include "core/base/result.h"
#include "core/base/time.h"
#include "core/smtp/envelope.h"

#include <cstdint>
#include <optional>

namespace mailrace::core {

/// Who hears about a mail: the connection's slot and generation.
struct MailOwner {
  uint32_t slot = 0;
  uint32_t generation = 0;
};

/// A mail being written.
struct MailHandle {
  uint32_t slot = 0;
  uint32_t generation = 0;
  uint64_t mail_id = 0;  // the queue id of the 250 reply
};

/// How a commit ended.
enum class MailOutcome : uint8_t {
  durable,   // on stable storage at the level the operator chose: now 250 may be said
  failed,    // nothing may be promised: 451 4.3.0
  no_space,  // the disk is full: 452 4.3.1
};

/// How a sink reports back. Neither is called from within a call of MailSink.
struct MailSinkEvents {
  void* context = nullptr;
  /// Ends each commit(), exactly once, unless the mail was aborted meanwhile.
  void (*committed)(void* context, MailOwner owner, MailOutcome outcome) = nullptr;
  /// append() takes octets again after it took fewer than it was given.
  void (*has_room)(void* context) = nullptr;
};

/// How hard a sink is pressed.
struct SinkLoad {
  uint32_t memory_used = 0;     // thousandths of what it may hold on its way to the disk
  Duration waiting{};           // since a commit has ended, while there is one to wait for
  uint64_t reusable_bytes = 0;  // memory that it has and does not use now
};

/// Implemented by spool/writer. Belongs to one worker.
class MailSink {
 public:
  virtual ~MailSink() = default;

  /// Whether a mail could be opened now, and a further one is welcome; asked when a transaction
  /// begins. fails as begin(), and with busy while memory is kept for mails that are under way
  virtual Result<void> ready() const = 0;

  /// now   as at the last flush(), or later
  virtual SinkLoad load(Instant now) const = 0;

  /// Opens a mail. The first append() of up to kReceivedFieldBytesMax octets is taken whole. The
  /// handle is good until commit() has reported or abort(). envelope  borrowed for the call
  /// fails     busy: too many open mails or no memory for now; no_space, io: the spool cannot write
  virtual Result<MailHandle> begin(const Envelope& envelope, MailOwner owner) = 0;

  /// Adds mail data. Copies what it takes.
  /// returns  octets taken; fewer than given: wait for has_room
  /// fails    io, no_space: the mail is lost, abort() it
  virtual Result<size_t> append(const MailHandle& mail, Octets octets) = 0;

  /// Ends the mail data; committed() will be called. May be called once.
  virtual void commit(const MailHandle& mail) = 0;

  /// Forgets the mail. After commit() it may or may not be in the spool: nobody was promised.
  virtual void abort(const MailHandle& mail) = 0;

  /// Reports what ended and starts what is due; the worker calls it at the end of each tick.
  /// returns  when to call again if nothing else happens before
  virtual std::optional<Instant> flush(Instant now, WallTime wall) = 0;

  /// Makes what was committed durable and closes in good order. Nothing may be begun any more; open
  /// mails were aborted before.
  virtual void close() = 0;
  virtual bool closed() const = 0;
};

}  // namespace mailrace::core
