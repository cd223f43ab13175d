// SPDX-License-Identifier: GPL-3.0-or-later
// What is real here: writer, group commit, segment maker, recovery, reader, follower, cursor files,
// segment tracker and retention. What stands for a process: the ticks of a worker, the loop of
// tools/serve/housekeeping, and the order of tools/spool/hand_off.
#include "tests/sim/spool_sim.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "spool/reader.h"
#include "spool/segment.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint32_t kTicksMax = 2000;
constexpr uint32_t kTicksToCloseMax = 5000;
constexpr uint64_t kOperationsWithCuts = 150;

}  // namespace

SpoolSimProfile SpoolSimProfile::of(uint64_t seed) {
  core::Prng random(seed ^ 0x5b001);
  SpoolSimProfile profile;
  profile.faults.delay_max = uint32_t(random.below(5));
  if (seed % 2 == 0) {
    profile.faults.write = uint32_t(random.below(seed % 8 == 0 ? 150 : 30));
    profile.faults.create = uint32_t(random.below(30));
    profile.faults.allocate = uint32_t(random.below(30));
    profile.faults.sync_directory = uint32_t(random.below(30));
    profile.disk_faults = uint32_t(random.below(40));
    profile.faults.no_fallocate = random.below(10) == 0;
  }
  if (seed % 4 == 0) {
    profile.faults.sync = uint32_t(random.below(80));
    profile.faults.truncate = uint32_t(random.below(100));
    profile.clean_ends = false;
  }
  if (random.below(3) == 0) profile.sync = spool::SyncPolicy::behind_writes;
  profile.is_cached = random.below(4) == 0;
  profile.clients = 1 + uint32_t(random.below(8));
  profile.consumers = uint32_t(random.below(4)) % 3;
  if (profile.consumers == 0) profile.retain_bytes = 100'000;
  profile.segment_bytes = (64 + 8 * random.below(4)) << 10;
  return profile;
}

SpoolSim::SpoolSim(uint64_t seed, const SpoolSimProfile& profile)
    : profile_(profile), random_(seed), clients_(profile.clients) {
  ledger_.findings_count = profile.clean_ends && !profile.vanishes;
  for (uint32_t i = 0; i < profile.consumers; ++i) {
    consumers_.emplace_back().name = "c" + std::to_string(i);
  }
}

SpoolSim::~SpoolSim() { die(); }

SpoolSim::Counts& SpoolSim::Counts::operator+=(const Counts& other) {
  cuts += other.cuts;
  mails += other.mails;
  handed_off += other.handed_off;
  taken_away += other.taken_away;
  reused += other.reused;
  failed += other.failed;
  vanished += other.vanished;
  after += other.after;
  return *this;
}

void SpoolSim::Consumer::stop() {
  batch.clear();
  follower.reset();
  file.reset();
  disk.reset();
}

std::vector<std::string> SpoolSim::run() {
  for (uint32_t life = 0; life < profile_.lives && ledger_.problems.empty(); ++life) {
    live(chance(150) ? UINT64_MAX : 1 + random_.below(profile_.operations));
  }
  counts_.mails = ledger_.durable_seen;
  return ledger_.problems;
}

std::vector<std::string> SpoolSim::run_with_every_cut() {
  live(1 + random_.below(kOperationsWithCuts));
  checking_every_cut_ = true;
  if (ledger_.problems.empty()) live(kOperationsWithCuts);
  counts_.mails = ledger_.durable_seen;
  return ledger_.problems;
}

// --- one life ------------------------------------------------------------------------------------

// From recovery to the power cut behind so many operations, or to the end in good order.
void SpoolSim::live(uint64_t operations) {
  files_ = std::make_unique<SimFile>(random_.next(), disk_);
  has_vanished_ = false;
  files_->faults = profile_.faults;
  files_->block = core::kBlockBytes;
  files_->through_cache = profile_.is_cached;
  files_->power_until = operations;
  if (checking_every_cut_) files_->after_operation = [this] { check_cut(); };
  house_disk_ = std::make_unique<SimDisk>(random_.next(), *files_);
  if (recover()) {
    house_disk_->faults = profile_.disk_faults;
    for (uint32_t i = 0; i < kTicksMax && !files_->is_off() && ledger_.problems.empty(); ++i) {
      tick();
    }
    if (!files_->is_off() && ledger_.problems.empty()) close_in_order();
  }
  for (const std::string& violation : files_->violations()) problem(violation);
  for (Consumer& consumer : consumers_) consumer.stop();
  ledger_.power_failed();
  disk_ = files_->power_cut();
  ++counts_.cuts;
  die();
  if (ledger_.problems.empty()) check(disk_, "after the cut");
}

void SpoolSim::die() {
  for (Consumer& consumer : consumers_) consumer.stop();
  for (Client& client : clients_) client.step = Step::idle;
  writer_.reset();
  tracker_.reset();
  watch_.reset();
  house_disk_.reset();
  files_.reset();
}

// As `mailrace serve` starts. returns  false: the power went out meanwhile
bool SpoolSim::recover() {
  const auto recovery = spool::recover(*house_disk_, kSimSpool);
  if (house_disk_->is_cut()) return false;
  if (!recovery) {
    problem("no recovery");
    return false;
  }
  spool::WorkerRecovery recovered;
  if (!recovery->workers.empty()) recovered = recovery->workers[0];
  // Numbers that a cursor names are not used again.
  for (const Consumer& consumer : consumers_) {
    const auto slot =
        spool::read_cursor(*house_disk_, spool::cursor_path(kSimSpool, consumer.name));
    if (!slot) continue;
    const uint64_t segment = slot->cursor.worker(0).position.segment;
    recovered.next_segment = std::max(recovered.next_segment, segment + 1);
  }
  open_writer(recovered);
  return true;
}

void SpoolSim::open_writer(const spool::WorkerRecovery& recovered) {
  spool::SpoolOptions options;
  options.directory = kSimWorker;
  options.first_segment = recovered.next_segment;
  options.segment_bytes = profile_.segment_bytes;
  options.salt = kSimSalt;
  options.last_mail_id = recovered.last_mail_id;
  options.sync = profile_.sync;
  if (chance(300)) options.commit_delay = core::microseconds(500);
  if (chance(700)) options.commit_bytes = 1;
  watch_ = std::make_unique<spool::WriterWatch>();
  writer_ = std::make_unique<spool::ObservedWriter>(
      *files_, options, core::MailSinkEvents{this, &SpoolSim::on_committed, &SpoolSim::on_has_room},
      *watch_);
  for (const spool::FreeSegment& segment : recovered.free_segments) {
    if (segment.bytes == profile_.segment_bytes) writer_->writer().recycle(segment.number);
  }
  tracker_ =
      std::make_unique<spool::SegmentTracker>(*house_disk_, kSimSpool, profile_.segment_bytes,
                                              std::vector<spool::WriterWatch*>{watch_.get()});
}

void SpoolSim::tick() {
  const uint64_t acts = random_.below(uint64_t{profile_.clients} + 1);
  for (uint64_t i = 0; i < acts; ++i) act(uint32_t(random_.below(profile_.clients)));
  if (profile_.vanishes && chance(15)) vanish();
  disturb();
  if (chance(200)) keep_house();
  for (Consumer& consumer : consumers_) {
    if (files_->is_off()) return;
    if (chance(20)) consumer.stop();  // killed
    if (chance(300)) consume(consumer);
    if (chance(150)) commit(consumer);
  }
  files_->step();
  if (files_->is_off()) return;
  const auto next = writer_->flush(now_, wall_);
  if (files_->pending() == 0 && next && *next > now_ && chance(500)) now_ = *next;
  now_ = now_ + core::microseconds(int64_t(random_.below(400)));
  wall_.ns += int64_t(random_.below(400'000));
  if (chance(5)) wall_.ns -= 3'600'000'000'000;
}

void SpoolSim::close_in_order() {
  for (Client& client : clients_) {
    if (client.step == Step::sending) abort(client);
  }
  writer_->close();
  for (uint32_t i = 0; !writer_->closed() && ledger_.problems.empty(); ++i) {
    files_->step();
    writer_->flush(now_, wall_);
    now_ = now_ + core::microseconds(200);
    if (i > kTicksToCloseMax) problem("does not close");
  }
}

// --- connections ---------------------------------------------------------------------------------

void SpoolSim::act(uint32_t slot) {
  Client& client = clients_[slot];
  switch (client.step) {
    case Step::idle:
      return begin(slot);
    case Step::waiting:
      if (chance(10)) abort(client);
      return;
    case Step::sending:
      if (chance(20)) return abort(client);
      if (client.sent < client.data.size()) return append(client);
      ledger_.at(client.handle.mail_id).committed = true;
      client.step = Step::waiting;
      writer_->commit(client.handle);
      return;
  }
}

void SpoolSim::begin(uint32_t slot) {
  Client& client = clients_[slot];
  SimMail mail;
  mail.seed = random_.next() >> 8;
  mail.data_bytes = random_.below(chance(850) ? 1'500 : profile_.mail_bytes_max + 1);
  mail.recipients = 1 + uint32_t(random_.below(3));
  const bool mixed = profile_.sync == spool::SyncPolicy::behind_writes && !checking_every_cut_;
  if (mixed && chance(300)) mail.durability = core::Durability::page_cache;
  const auto handle = ledger_.begin(*writer_, mail, {slot, 0}, wall_);
  if (!handle) return;
  if (!profile_.vanishes && handed_off_.contains(handle->mail_id)) {
    problem("an id is given out twice: " + std::to_string(handle->mail_id));
  }
  client = {Step::sending, *handle, mail.data(), 0};
}

void SpoolSim::append(Client& client) {
  const bool first = client.sent == 0;
  const uint64_t most = first ? core::kReceivedFieldBytesMax : 1 + random_.below(20'000);
  const size_t left = client.data.size() - client.sent;
  const auto piece = core::Octets(client.data).subspan(client.sent, std::min<size_t>(left, most));
  const auto taken = writer_->append(client.handle, piece);
  if (!taken) return abort(client);
  client.sent += *taken;
}

void SpoolSim::abort(Client& client) {
  ledger_.at(client.handle.mail_id).aborted = true;
  client.step = Step::idle;
  writer_->abort(client.handle);
}

void SpoolSim::on_committed(void* self, core::MailOwner owner, core::MailOutcome outcome) {
  SpoolSim& sim = *static_cast<SpoolSim*>(self);
  Client& client = sim.clients_[owner.slot];
  if (client.step != Step::waiting) return sim.problem("an outcome for nobody");
  sim.ledger_.at(client.handle.mail_id).outcome = outcome;
  if (outcome != core::MailOutcome::durable) ++sim.counts_.failed;
  if (outcome == core::MailOutcome::durable && sim.has_vanished_) ++sim.counts_.after;
  client.step = Step::idle;
}

bool SpoolSim::is_open(uint64_t mail_id) const {
  return std::ranges::any_of(clients_, [mail_id](const Client& client) {
    return client.step != Step::idle && client.handle.mail_id == mail_id;
  });
}

// --- housekeeping --------------------------------------------------------------------------------

// The segment made last, or the whole directory.
void SpoolSim::vanish() {
  const auto numbers = spool::list_segments(*house_disk_, kSimSpool, 0);
  if (!numbers) return;
  if (!numbers->empty() && chance(500)) {
    files_->remove_now(spool::segment_path(kSimSpool, 0, numbers->back()));
  } else {
    files_->remove_directory_now(kSimWorker);
  }
  ledger_.taken_away();
  has_vanished_ = true;
  ++counts_.vanished;
}

// As tools/serve/restoration.cc and tools/serve/housekeeping.cc look at a spool.
void SpoolSim::keep_house() {
  if (house_disk_->is_cut()) return;
  if (watch_->is_lost()) {
    const uint64_t losses = watch_->losses();
    files_->make_directory_now(kSimWorker);
    const auto first = spool::next_segment_number(*house_disk_, kSimSpool, 0);
    const auto named = spool::cursor_segments(*house_disk_, kSimSpool, [](const auto&, auto&) {});
    const uint64_t passed = named.contains(0) ? named.at(0) : 0;
    if (first) watch_->restore(losses, std::max(*first, passed + 1));
  }
  const auto names = spool::list_consumers(*house_disk_, kSimSpool);
  if (!names) return;
  std::vector<spool::Cursor> cursors;
  for (const std::string& name : *names) {
    auto slot = spool::read_cursor(*house_disk_, spool::cursor_path(kSimSpool, name));
    if (!slot) return problem("a cursor cannot be read");
    cursors.push_back(std::move(slot->cursor));
  }
  spool::Operations operations(*house_disk_, kSimSpool);
  const auto segments = tracker_->look();
  if (!segments) return;
  spool::RetentionRules rules;
  rules.retain_bytes = profile_.retain_bytes;
  for (const size_t i : spool::recyclable_segments(*segments, cursors, operations, rules, wall_)) {
    take_away((*segments)[i]);
    if (house_disk_->is_cut() || !ledger_.problems.empty()) return;
  }
}

void SpoolSim::take_away(const spool::RetainedSegment& segment) {
  const std::set<uint64_t> mails = mails_in(segment);
  for (const uint64_t mail_id : mails) {
    const auto found = ledger_.entries().find(mail_id);
    if (found == ledger_.entries().end()) continue;
    if (is_open(mail_id)) return problem("a segment is taken away with a mail that goes on");
    const bool promised = found->second.outcome == core::MailOutcome::durable &&
                          !found->second.gone && !found->second.removed;
    for (const Consumer& consumer : consumers_) {
      const bool misses = promised && consumer.registered && !consumer.stable.contains(mail_id);
      if (misses && !may_miss(segment, mail_id)) {
        return problem("mail " + std::to_string(mail_id) + " is taken away from " + consumer.name);
      }
    }
    ledger_.at(mail_id).passed = true;
  }
  const auto reused = tracker_->take_away(segment);
  if (!reused) return;
  ++counts_.taken_away;
  if (*reused) ++counts_.reused;
  for (const uint64_t mail_id : mails) {
    if (ledger_.entries().contains(mail_id)) ledger_.at(mail_id).retired = true;
  }
}

// Of all that have records in the segment.
std::set<uint64_t> SpoolSim::mails_in(const spool::RetainedSegment& segment) const {
  SimDisk disk(/*seed=*/0, *files_);
  const std::string path = spool::segment_path(kSimSpool, segment.worker, segment.number);
  const auto file = disk.open(path, /*writable=*/false);
  if (!file) return {};
  spool::SegmentReader reader(disk, *file, {.generation = segment.number, .salt = kSimSalt});
  std::set<uint64_t> mails;
  for (auto step = reader.next(); step != spool::SegmentReader::Step::end; step = reader.next()) {
    if (step == spool::SegmentReader::Step::record) mails.insert(reader.record().header.mail_id);
  }
  return mails;
}

// --- consumers -----------------------------------------------------------------------------------

bool SpoolSim::start(Consumer& consumer) {
  consumer.disk = std::make_unique<SimDisk>(random_.next(), *files_);
  consumer.disk->faults = profile_.disk_faults;
  consumer.file = std::make_unique<spool::CursorFile>(*consumer.disk, kSimSpool, consumer.name);
  if (!consumer.file->open()) {
    consumer.stop();
    return false;
  }
  consumer.registered = true;
  consumer.follower = std::make_unique<spool::SpoolFollower>(*consumer.disk, kSimSpool,
                                                             consumer.file->cursor(), nullptr);
  resume(consumer);
  return true;
}

// What was on its way when it ended. What is not there any more was promised to nobody.
void SpoolSim::resume(Consumer& consumer) {
  const auto pending = consumer.file->cursor().pending();
  for (const auto& [place, mail] : pending) {
    const auto there = mail.mail_id == 0 ? core::fail(core::Errc::corrupt, "sim.place")
                                         : spool::find_mail(*consumer.disk, kSimSpool, mail);
    if (there) {
      hand_off(consumer, mail, *there);
      continue;
    }
    const auto found = ledger_.entries().find(mail.mail_id);
    const bool promised = found != ledger_.entries().end() && !found->second.gone &&
                          !found->second.removed &&
                          found->second.outcome == core::MailOutcome::durable;
    if (promised && !consumer.stable.contains(mail.mail_id)) {
      problem("a pending mail is gone: " + std::to_string(mail.mail_id));
    }
    consumer.file->cursor().acknowledge(mail.worker, mail.end);
  }
}

void SpoolSim::consume(Consumer& consumer) {
  if (consumer.follower == nullptr && !start(consumer)) return;
  if (consumer.disk->is_cut()) return;
  for (uint64_t i = random_.below(12); i > 0; --i) {
    const auto step = consumer.follower->next();
    if (!step) return;
    switch (*step) {
      case spool::SpoolFollower::Step::mail:
        hand_off(consumer, consumer.follower->place(), consumer.follower->mail());
        break;
      case spool::SpoolFollower::Step::damage:
      case spool::SpoolFollower::Step::notice:
        note_finding(consumer, consumer.follower->finding());
        break;
      case spool::SpoolFollower::Step::idle:
      case spool::SpoolFollower::Step::full:
        return;
    }
  }
}

void SpoolSim::note_finding(const Consumer& consumer, const spool::Finding& finding) {
  if (!ledger_.findings_count || ledger_.excused.contains(finding.file)) return;
  problem(consumer.name + " finds " + finding.file + " at " + std::to_string(finding.offset) +
          ": " + finding.what);
}

void SpoolSim::hand_off(Consumer& consumer, const spool::PendingMail& place,
                        const spool::StoredMail& mail) {
  consumer.batch.push_back(place);
  handed_off_.insert(mail.mail_id);
  const auto found = ledger_.entries().find(mail.mail_id);
  if (found == ledger_.entries().end() || !found->second.committed) {
    problem("mail " + std::to_string(mail.mail_id) + " is handed off, and was never committed");
  }
}

// In the order of HandOff::commit(): the target is stable, then the mail is acknowledged, then the
// cursor is saved. Some mails stay on their way.
void SpoolSim::commit(Consumer& consumer) {
  if (consumer.follower == nullptr || consumer.disk->is_cut()) return;
  std::vector<spool::PendingMail> later;
  for (const spool::PendingMail& mail : consumer.batch) {
    if (chance(150)) {
      later.push_back(mail);
      continue;
    }
    if (consumer.stable.insert(mail.mail_id).second) ++counts_.handed_off;
    consumer.file->cursor().acknowledge(mail.worker, mail.end);
  }
  consumer.batch = std::move(later);
  consumer.follower->note_read_from();
  (void)consumer.file->save(wall_);  // after a failure the next one is tried
}

// --- what is left --------------------------------------------------------------------------------

void SpoolSim::check_cut() {
  if (!ledger_.problems.empty()) return;
  const auto copy = files_->clone(files_->completed());
  const auto excused = ledger_.excused;
  ++counts_.cuts;
  check(copy->power_cut(), "cut behind operation " + std::to_string(files_->completed()));
  ledger_.excused = excused;
}

void SpoolSim::check(FileContents files, const std::string& when) {
  MemoryDisk disk;
  disk.files = std::move(files);
  ledger_.compare(disk, /*crashed=*/true, when.c_str());
  const auto recovery = spool::recover(disk, kSimSpool);
  if (!recovery) return problem(when + ": no recovery");
  ledger_.compare(disk, /*crashed=*/false, (when + " and recovery").c_str());
  for (const Consumer& consumer : consumers_) {
    if (consumer.registered) check_consumer(disk, consumer, when);
  }
}

// Whatever was promised, the consumer has it, or will be handed it.
void SpoolSim::check_consumer(MemoryDisk& disk, const Consumer& consumer, const std::string& when) {
  spool::CursorFile file(disk, kSimSpool, consumer.name);
  if (!disk.files.contains(spool::cursor_path(kSimSpool, consumer.name))) {
    return problem(when + ": the cursor is gone");
  }
  if (!file.open()) return problem(when + ": the cursor cannot be read");
  std::set<uint64_t> comes = consumer.stable;
  for (const auto& [place, mail] : file.cursor().pending()) {
    if (mail.mail_id != 0 && spool::find_mail(disk, kSimSpool, mail)) comes.insert(mail.mail_id);
  }
  spool::SpoolFollower follower(disk, kSimSpool, file.cursor(), nullptr);
  follower.judge_tails();
  for (;;) {
    const auto step = follower.next();
    if (!step || *step == spool::SpoolFollower::Step::idle) break;
    if (*step == spool::SpoolFollower::Step::full) break;
    if (*step == spool::SpoolFollower::Step::mail) comes.insert(follower.place().mail_id);
  }
  for (const auto& [mail_id, entry] : ledger_.entries()) {
    // Behind a power cut, page-cache mails may stand behind a hole where their segment begins: then
    // they are handed out when the next server has written something.
    const bool promised = entry.outcome == core::MailOutcome::durable && !entry.gone &&
                          !entry.excused && !entry.removed;
    if (promised && !comes.contains(mail_id)) {
      problem(when + ": mail " + std::to_string(mail_id) + " was promised, and " + consumer.name +
              " is never handed it");
    }
  }
}

}  // namespace mailrace::tests
