// SPDX-License-Identifier: GPL-3.0-or-later
// The harness is the worker: it acts for connections, ends operations, then flushes.
#include "tests/sim/writer_sim.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "spool/reader.h"
#include "spool/recovery.h"
#include "spool/segment.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint32_t kTicksToCloseMax = 20'000;
constexpr uint32_t kAtOnceMax = 50;

/// Marks the time in which no report may come.
class CallGuard {
 public:
  explicit CallGuard(bool& flag) : flag_(flag), before_(std::exchange(flag, true)) {}
  CallGuard(const CallGuard&) = delete;
  CallGuard& operator=(const CallGuard&) = delete;
  ~CallGuard() { flag_ = before_; }

 private:
  bool& flag_;
  bool before_;
};

}  // namespace

WriterSim::WriterSim(uint64_t seed, const SimProfile& profile)
    : profile_(profile), random_(seed), clients_(profile.clients) {
  ledger_.findings_count = profile.clean_ends;
}

WriterSim::~WriterSim() = default;

WriterSim::Counts& WriterSim::Counts::operator+=(const Counts& other) {
  mails += other.mails;
  failed += other.failed;
  no_space += other.no_space;
  aborted += other.aborted;
  refused += other.refused;
  unwelcome += other.unwelcome;
  short_appends += other.short_appends;
  broken_segments += other.broken_segments;
  recycled += other.recycled;
  lost += other.lost;
  footers += other.footers;
  kept += other.kept;
  vanished += other.vanished;
  noticed += other.noticed;
  shared += other.shared;
  return *this;
}

std::vector<std::string> WriterSim::run() {
  for (uint32_t life = 0; life < profile_.lives && ledger_.problems.empty(); ++life) {
    open_writer();
    const uint64_t ticks = 1 + random_.below(profile_.ticks);
    for (uint64_t i = 0; i < ticks && ledger_.problems.empty(); ++i) tick();
    counts_.broken_segments += writer_->log().failures();
    counts_.noticed += writer_->log().losses();
    profile_.cuts&& chance(800) ? crash() : close_in_order();
    for (const std::string& violation : files_->violations()) problem(violation);
    writer_.reset();
  }
  counts_.mails = ledger_.durable_seen;
  counts_.lost = ledger_.excused_lost;
  counts_.footers = ledger_.footers_seen;
  return ledger_.problems;
}

void WriterSim::open_writer() {
  files_ = std::make_unique<SimFile>(random_.next(), disk_);
  files_->faults = profile_.faults;
  files_->block = core::kBlockBytes;
  files_->through_cache = chance(500);
  spool::SpoolOptions options;
  options.directory = kSimWorker;
  options.first_segment = next_segment_;
  options.segment_bytes = profile_.segment_bytes;
  options.salt = kSimSalt;
  options.last_mail_id = last_mail_id_;
  options.sync = profile_.sync;
  options.memory_bytes = profile_.memory_bytes;
  share_tail(options);
  if (chance(300)) options.commit_delay = core::microseconds(500);
  // One octet: every tick with something to write begins a write, so that many are under way.
  if (chance(700)) options.commit_bytes = 1;
  writer_ = std::make_unique<spool::Writer>(
      *files_, options,
      core::MailSinkEvents{this, &WriterSim::on_committed, &WriterSim::on_has_room});
  for (const auto& [path, octets] : disk_) {
    const auto number = spool::parse_free_file_name(path.substr(path.rfind('/') + 1));
    if (!number || octets.size() != profile_.segment_bytes) continue;
    if (writer_->recycle(*number)) ++counts_.kept;
  }
  for (Client& client : clients_) client.step = Step::idle;
  aborted_.clear();
  last_durable_ = 0;
  last_written_ = 0;
  quiet_ = false;
}

// Only the front of the memory has to be zeros.
void WriterSim::share_tail(spool::SpoolOptions& options) {
  tail_.reset();
  if (!chance(200)) return;
  void* const memory = std::aligned_alloc(core::kBlockBytes, sizeof(spool::SharedTail));
  std::memset(memory, 0, core::kBlockBytes);
  shared_.reset(static_cast<spool::SharedTail*>(memory));
  tail_.emplace(*shared_);
  tail_->set_wanted(true);
  options.tail = &*tail_;
}

// --- one tick ------------------------------------------------------------------------------------

void WriterSim::tick() {
  files_->idle = chance(500);
  const uint64_t acts = random_.below(uint64_t{profile_.clients} + 1);
  for (uint64_t i = 0; i < acts; ++i) act(uint32_t(random_.below(profile_.clients)));
  if (profile_.fills_up && chance(30)) files_->faults.disk_full = !files_->faults.disk_full;
  if (profile_.stalls) choose_stall();
  if (profile_.recycles && chance(100)) recycle_one();
  if (profile_.vanishes && chance(30)) vanish();
  if (profile_.vanishes && chance(300)) restore();
  if (tail_ && chance(50)) tail_->set_wanted(chance(800));
  if (!standing_still_) files_->step();
  flush();
  if (tail_ && chance(100)) check_tail();
}

// The first segment is made; then the disk stands still until there is no memory left, once.
void WriterSim::choose_stall() {
  if (writer_->log().writes() > 0) standing_still_ = true;
  if (writer_->free_chunks() > 0) return;
  standing_still_ = false;
  profile_.stalls = false;
}

// As retention does: a sealed segment of full length, none of whose mails goes on elsewhere, and
// that no unfinished mail goes over, is given back to the writer. What is in it need not be found
// any more.
void WriterSim::recycle_one() {
  std::map<uint64_t, std::set<uint64_t>> mails;  // by segment
  std::map<uint64_t, uint32_t> segments;         // by mail: in how many it has records
  std::set<uint64_t> sealed;
  MemoryDisk disk;
  disk.files = files_->cached();
  for (const auto& [path, octets] : disk.files) {
    const std::string name = path.substr(path.rfind('/') + 1);
    const auto number = spool::parse_segment_file_name(name);
    if (!number) continue;
    const auto file = disk.open(path, /*writable=*/false);
    spool::SegmentReader reader(disk, *file, {.generation = *number, .salt = kSimSalt});
    while (reader.next() == spool::SegmentReader::Step::record) {
      const uint64_t mail_id = reader.record().header.mail_id;
      if (mail_id != 0 && mails[*number].insert(mail_id).second) ++segments[mail_id];
    }
    const bool whole = octets.size() == profile_.segment_bytes && reader.outcome().damages == 0;
    if (whole && reader.outcome().end == spool::SegmentEnd::sealed) sealed.insert(*number);
  }
  const auto is_open = [this](uint64_t mail_id) { return !is_finished(mail_id); };
  for (const auto& [number, in_it] : mails) {
    if (std::ranges::none_of(in_it, is_open)) continue;
    sealed.erase(sealed.lower_bound(number), sealed.end());
    break;
  }
  // The newest stays: it tells a recovery which mail ids were given out.
  if (!sealed.empty()) sealed.erase(std::prev(sealed.end()));
  for (const uint64_t number : sealed) {
    const bool finished = std::ranges::all_of(
        mails[number], [&](uint64_t mail_id) { return segments[mail_id] == 1; });
    if (!finished || !writer_->recycle(number)) continue;
    const std::string path = std::string(kSimWorker) + "/" + spool::segment_file_name(number);
    files_->rename_now(path, std::string(kSimWorker) + "/" + spool::free_file_name(number));
    for (const uint64_t mail_id : mails[number]) ledger_.at(mail_id).retired = true;
    ++counts_.recycled;
    return;
  }
}

// The directory goes, or is another one from now on, or loses one of its segments, which most times
// is the one that is written to or the one made ahead. What was promised until now may go with it;
// what is promised later may not.
void WriterSim::vanish() {
  const std::vector<std::string> names = files_->names_in(kSimWorker);
  const bool one = !names.empty() && chance(500);
  if (one) {
    const size_t newest = chance(500) ? std::min<size_t>(names.size(), 2) : names.size();
    const size_t from_end = 1 + random_.below(newest);
    files_->remove_now(std::string(kSimWorker) + "/" + names[names.size() - from_end]);
  } else {
    files_->remove_directory_now(kSimWorker);
    if (chance(500)) files_->make_directory_now(kSimWorker);
  }
  ledger_.taken_away();
  ++counts_.vanished;
}

void WriterSim::restore() {
  files_->make_directory_now(kSimWorker);
  uint64_t first = 1 + random_.below(20);
  for (const std::string& name : files_->names_in(kSimWorker)) {
    first = std::max(first, spool::parse_segment_file_name(name).value_or(0) + 1);
  }
  writer_->restore(writer_->log().losses(), first);
}

bool WriterSim::is_finished(uint64_t mail_id) const {
  // One that was aborted, or lost, may still have records on their way.
  const auto found = ledger_.entries().find(mail_id);
  if (found == ledger_.entries().end()) return false;
  return found->second.outcome == core::MailOutcome::durable ||
         (found->second.aborted && !aborted_.contains(mail_id));
}

void WriterSim::flush() {
  const std::optional<core::Instant> next = writer_->flush(now_, wall_);
  check_offsets();
  at_once_ = next && *next <= now_ ? at_once_ + 1 : 0;
  if (at_once_ > kAtOnceMax) problem("flush() asks to be called at once, again and again");
  if (files_->pending() == 0 && !next && anybody_waits()) {
    problem("somebody waits, and nothing will ever happen");
  }
  // With nothing else to wake it up, the worker sleeps until the time that it was told.
  if (files_->pending() == 0 && next && *next > now_ && chance(500)) now_ = *next;
  advance_time();
}

void WriterSim::check_offsets() {
  const spool::GroupCommit& log = writer_->log();
  const bool ordered = log.durable() <= log.written() && log.written() <= log.appended();
  if (!ordered) problem("offsets out of order");
  if (log.durable() < last_durable_ || log.written() < last_written_) problem("offsets went back");
  last_durable_ = log.durable();
  last_written_ = log.written();
}

// What is shared is on the disk as well, octet for octet, or its segment has lost its name.
void WriterSim::check_tail() {
  const spool::TailReader reader(*shared_);
  for (const auto& [path, octets] : files_->cached()) {
    const auto number = spool::parse_segment_file_name(path.substr(path.rfind('/') + 1));
    const auto extent = number ? reader.find(*number) : std::nullopt;
    if (!extent || extent->begin == extent->end) continue;
    std::vector<std::byte> shared(extent->end - extent->begin);
    if (!reader.copy(*extent, extent->begin, shared)) continue;  // more than the memory holds
    const bool same =
        extent->end <= octets.size() &&
        std::ranges::equal(shared, core::Octets(octets).subspan(extent->begin, shared.size()));
    if (!same) problem("what is shared of segment " + std::to_string(*number) + " is not on disk");
    // Behind a write that failed there may be others that landed, a seal among them, until the file
    // is cut: they were promised to nobody.
    const bool is_sound = writer_->log().failures() == 0 && writer_->log().losses() == 0;
    if (is_sound && is_sealed_behind(path, *number, extent->end)) {
      problem("not all of segment " + std::to_string(*number) + " is shared");
    }
    counts_.shared += shared.size();
  }
}

// Whether the segment goes on to its seal behind `end`, and a later one is there.
bool WriterSim::is_sealed_behind(const std::string& path, uint64_t number, uint64_t end) {
  MemoryDisk disk;
  disk.files = files_->cached();
  const auto file = disk.open(path, /*writable=*/false);
  spool::SegmentReader reader(disk, *file, {.generation = number, .salt = kSimSalt});
  while (reader.next() != spool::SegmentReader::Step::end) {
  }
  const bool sealed = reader.outcome().end == spool::SegmentEnd::sealed;
  // The seal itself may have landed a moment ago.
  const std::string later = std::string(kSimWorker) + "/" + spool::segment_file_name(number + 2);
  return sealed && reader.outcome().valid_bytes > end && disk.files.contains(later);
}

void WriterSim::advance_time() {
  now_ = now_ + core::microseconds(int64_t(random_.below(400)));
  wall_.ns += int64_t(random_.below(400'000));
  if (chance(10)) wall_.ns -= 3'600'000'000'000;
}

bool WriterSim::anybody_waits() const {
  return std::ranges::any_of(clients_, [](const Client& client) {
    return client.step == Step::waiting || client.step == Step::stalled;
  });
}

// --- connections ---------------------------------------------------------------------------------

void WriterSim::act(uint32_t slot) {
  Client& client = clients_[slot];
  switch (client.step) {
    case Step::idle:
      if (!quiet_) begin(slot);
      return;
    case Step::stalled:
    case Step::waiting:
      if (chance(20)) abort(slot);
      return;
    case Step::sending:
      if (chance(20)) return abort(slot);
      return client.sent < client.data.size() ? append(slot) : commit(slot);
  }
}

void WriterSim::begin(uint32_t slot) {
  const CallGuard guard(in_call_);
  Client& client = clients_[slot];
  SimMail mail;
  mail.seed = random_.next() >> 8;
  // Most mails are small.
  mail.data_bytes = random_.below(chance(850) ? 3'000 : profile_.mail_bytes_max + 1);
  if (profile_.large_only) mail.data_bytes = profile_.mail_bytes_max;
  mail.durability = choose_durability();
  mail.recipients = chance(10) ? core::kRecipientsDefault : 1 + uint32_t(random_.below(4));
  const auto ready = writer_->ready();
  const bool low = !ready && ready.error().code == core::Errc::busy;
  // Those whose MAIL was accepted before begin all the same.
  if (low && chance(900)) {
    ++counts_.unwelcome;
    return;
  }
  const auto handle = ledger_.begin(*writer_, mail, {slot, ++client.generation}, wall_);
  if (!handle) {
    ++counts_.refused;
    const bool busy = handle.error().code == core::Errc::busy;
    if (ready && !busy) problem("ready, but cannot begin");
    return;
  }
  if (!ready && !low) problem("began a mail, but was not ready");
  client.handle = *handle;
  client.data = mail.data();
  client.sent = 0;
  client.step = Step::sending;
}

core::Durability WriterSim::choose_durability() {
  switch (profile_.sync) {
    case spool::SyncPolicy::with_each_write:
      return core::Durability::disk;
    case spool::SyncPolicy::never:
      return core::Durability::page_cache;
    case spool::SyncPolicy::behind_writes:
      break;
  }
  return chance(500) ? core::Durability::disk : core::Durability::page_cache;
}

// What a reboot finds, or where no mail was promised to survive one, the next process.
FileContents WriterSim::disk_after(bool in_order) {
  if (profile_.sync == spool::SyncPolicy::never) {
    return in_order ? files_->cached() : files_->kill();
  }
  ledger_.power_failed();
  return files_->power_cut();
}

void WriterSim::append(uint32_t slot) {
  const CallGuard guard(in_call_);
  Client& client = clients_[slot];
  constexpr uint64_t kPieces[] = {1, 100, 4'096, 100'000};
  const bool first = client.sent == 0;
  const uint64_t most = first ? core::kReceivedFieldBytesMax
                              : 1 + random_.below(kPieces[random_.below(std::size(kPieces))]);
  const size_t left = client.data.size() - client.sent;
  const auto piece = core::Octets(client.data).subspan(client.sent, std::min<size_t>(left, most));
  // Octets are copied: what the caller does with its memory afterwards is no matter.
  std::vector<std::byte> lent(piece.begin(), piece.end());
  const auto taken = writer_->append(client.handle, lent);
  std::ranges::fill(lent, std::byte{0xee});
  if (!taken) {
    // Either is right: to forget the mail, or to end it and hear the outcome.
    chance(500) ? abort(slot) : commit(slot);
    return;
  }
  if (first && *taken < piece.size()) problem("the first octets were not taken whole");
  client.sent += *taken;
  if (*taken == piece.size()) return;
  ++counts_.short_appends;
  client.step = Step::stalled;
}

void WriterSim::commit(uint32_t slot) {
  const CallGuard guard(in_call_);
  Client& client = clients_[slot];
  ledger_.at(client.handle.mail_id).committed = client.sent == client.data.size();
  client.step = Step::waiting;
  writer_->commit(client.handle);
}

void WriterSim::abort(uint32_t slot) {
  const CallGuard guard(in_call_);
  Client& client = clients_[slot];
  ++counts_.aborted;
  ledger_.at(client.handle.mail_id).aborted = true;
  aborted_.insert(client.handle.mail_id);
  ++client.generation;  // a report that comes nevertheless goes to nobody
  client.step = Step::idle;
  writer_->abort(client.handle);
}

void WriterSim::on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome) {
  WriterSim& sim = *static_cast<WriterSim*>(self);
  Client& client = sim.clients_[owner.slot];
  if (sim.in_call_) sim.problem("a report from within a call");
  if (client.step != Step::waiting || client.generation != owner.generation) {
    return sim.problem("an outcome for nobody");
  }
  LedgerEntry& entry = sim.ledger_.at(client.handle.mail_id);
  if (entry.outcome) sim.problem("a second outcome");
  entry.outcome = outcome;
  if (outcome == core::MailOutcome::durable && !entry.committed) {
    sim.problem("durable, but not all octets were taken");
  }
  if (outcome == core::MailOutcome::failed) ++sim.counts_.failed;
  if (outcome == core::MailOutcome::no_space) ++sim.counts_.no_space;
  client.step = Step::idle;
  // The next mail at once, as a pipelining client sends it.
  if (sim.quiet_ || !sim.chance(500)) return;
  for (int i = 0; i < 4; ++i) sim.act(owner.slot);
}

void WriterSim::on_has_room(void* self) {
  WriterSim& sim = *static_cast<WriterSim*>(self);
  if (sim.in_call_) sim.problem("has_room from within a call");
  for (uint32_t slot = 0; slot < sim.clients_.size(); ++slot) {
    Client& client = sim.clients_[slot];
    if (client.step != Step::stalled) continue;
    client.step = Step::sending;
    if (sim.chance(800)) sim.append(slot);
  }
}

// --- the end of a life ---------------------------------------------------------------------------

void WriterSim::close_in_order() {
  quiet_ = true;
  standing_still_ = false;
  for (uint32_t slot = 0; slot < clients_.size(); ++slot) {
    const Step step = clients_[slot].step;
    if (step == Step::sending || step == Step::stalled) abort(slot);
  }
  writer_->close();
  if (writer_->ready()) problem("ready, but closing");
  for (uint32_t i = 0; !writer_->closed() && ledger_.problems.empty(); ++i) {
    files_->step();
    flush();
    if (i > kTicksToCloseMax) problem("does not close");
  }
  if (!ledger_.problems.empty()) return;
  if (anybody_waits()) problem("closed, but somebody waits");
  if (writer_->open_mails() != 0) problem("closed with an open mail");
  if (writer_->free_chunks() != core::spool_chunks(profile_.memory_bytes)) {
    problem("closed, but chunks are missing");
  }
  if (files_->pending() != 0) problem("closed with an operation under way");
  if (files_->open_count() != 0) problem("closed with an open file");
  disk_ = disk_after(/*in_order=*/true);
  MemoryDisk disk;
  disk.files = disk_;
  ledger_.compare(disk, /*crashed=*/false, "after closing");
  next_segment_ += 1000;
  last_mail_id_ = ledger_.entries().empty() ? 0 : ledger_.entries().rbegin()->first;
}

void WriterSim::crash() {
  disk_ = disk_after(/*in_order=*/false);
  MemoryDisk disk;
  disk.files = disk_;
  ledger_.compare(disk, /*crashed=*/true, "after the crash");
  const auto recovery = spool::recover(disk, kSimSpool);
  if (!recovery) return problem("no recovery");
  ledger_.compare(disk, /*crashed=*/false, "after recovery");
  disk_ = disk.files;
  MAILRACE_CHECK(recovery->workers.size() == 1);
  next_segment_ = std::max(next_segment_, recovery->workers[0].next_segment);
  last_mail_id_ = recovery->workers[0].last_mail_id;
}

}  // namespace mailrace::tests
