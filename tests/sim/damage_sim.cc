// SPDX-License-Identifier: GPL-3.0-or-later
// What is expected is a rule for each promised mail: whole where it can be read at all, and told of
// where it cannot.
#include "tests/sim/damage_sim.h"

#include "core/base/check.h"
#include "spool/follower.h"
#include "spool/segment_files.h"

#include <algorithm>
#include <utility>

namespace mailrace::tests {
namespace {

constexpr uint32_t kPlacesMax = 4;
constexpr int kRepairsMax = 3;

SpoolSimProfile profile_of(uint64_t seed) {
  core::Prng random(seed ^ 0xda3a6e);
  SpoolSimProfile profile = SpoolSimProfile::of(seed);
  // Whatever does not check is damage then.
  profile.faults.sync = 0;
  profile.faults.truncate = 0;
  profile.clean_ends = true;
  profile.lives = 1 + uint32_t(random.below(4));
  if (profile.retain_bytes) profile.retain_bytes = 200'000 + random.below(2) * 400'000;
  return profile;
}

uint64_t number_of(const std::string& file) {
  return spool::parse_segment_file_name(file.substr(file.rfind('/') + 1)).value_or(0);
}

// Nothing else tells the salt.
bool has_head(core::Disk& disk) {
  const auto names = disk.list(kSimWorker);
  return names && std::ranges::any_of(*names, [&](const std::string& name) {
           if (!name.ends_with(".segment") && !name.ends_with(".free")) return false;
           const auto file = disk.open(std::string(kSimWorker) + "/" + name, /*writable=*/false);
           std::vector<std::byte> octets(core::kBlockBytes);
           octets.resize(disk.read(*file, 0, octets).value_or(0));
           disk.close(*file);
           return spool::decode_segment_head(octets).has_value();
         });
}

}  // namespace

DamageSim::DamageSim(uint64_t seed)
    : SpoolSim(seed, profile_of(seed)), places_left_(1 + random_.below(kPlacesMax)) {}

DamageSim::DamageCounts& DamageSim::DamageCounts::operator+=(const DamageCounts& other) {
  places += other.places;
  while_running += other.while_running;
  hit += other.hit;
  unvouched += other.unvouched;
  repaired += other.repaired;
  mails += other.mails;
  return *this;
}

void DamageSim::Told::add(const spool::Finding& finding) {
  mails.insert(finding.mail_id);
  segments.insert(number_of(finding.file));
}

std::vector<std::string> DamageSim::run() {
  for (uint32_t life = 0; life < profile_.lives && ledger_.problems.empty(); ++life) {
    older_ = disk_;
    // Some of them end while recovery is at work.
    history_ += "; life " + std::to_string(life);
    live(chance(150) ? UINT64_MAX : 1 + random_.below(chance(200) ? 12 : profile_.operations));
    const bool is_last = life + 1 == profile_.lives;
    if (ledger_.problems.empty() && (is_last || chance(600))) damage_at_rest();
  }
  if (ledger_.problems.empty()) repair();
  if (ledger_.problems.empty()) live(1 + random_.below(profile_.operations));
  for (std::string& problem : ledger_.problems) problem += history_;
  return ledger_.problems;
}

// --- damage --------------------------------------------------------------------------------------

// A segment counts as the last one if no later one has its first record.
void DamageSim::note_last(const std::vector<uint64_t>& begun) {
  for (auto at = begun.rbegin(); at != begun.rend(); ++at) {
    book_.note_last(*at);
    if (has_first_record(disk_.at(sim_segment_path(*at)), *at)) break;
  }
  if (!book_.has_any()) return;
  // Ids that only lost records knew may come again.
  handed_off_.clear();
  for (const auto& [mail_id, entry] : ledger_.entries()) ledger_.at(mail_id).wiped = true;
}

void DamageSim::damage_at_rest() {
  const std::vector<uint64_t> begun = begun_segments(disk_);
  const FileContents before = disk_;
  std::set<uint64_t> changed;
  for (uint64_t i = places_left_ == 0 ? 0 : 1 + random_.below(places_left_); i > 0; --i) {
    const auto damage = choose_damage(random_, disk_, older_, begun);
    if (!damage) continue;
    std::vector<std::byte>& octets = disk_.at(sim_segment_path(damage->number));
    std::ranges::copy(damage->octets, octets.begin() + std::ptrdiff_t(damage->offset));
    changed.insert(damage->number);
    count(*damage);
  }
  for (const uint64_t number : changed) {
    const std::string path = sim_segment_path(number);
    book_.note(number, before.at(path), disk_.at(path));
  }
  note_last(begun);
  if (!changed.empty()) check_all(disk_, "damaged");
}

// Nothing is written any more to the segments that this is about.
void DamageSim::disturb() {
  if (places_left_ == 0 || files_->is_off() || !chance(4)) return;
  const FileContents files = files_->cached();
  std::vector<uint64_t> finished = begun_segments(files);
  if (!finished.empty()) finished.pop_back();
  const auto damage = choose_damage(random_, files, older_, finished);
  if (!damage) return;
  const std::string path = sim_segment_path(damage->number);
  files_->damage_now(path, damage->offset, damage->octets);
  book_.note(damage->number, files.at(path), files_->find(path)->cached);
  count(*damage);
  ++damage_counts_.while_running;
}

void DamageSim::count(const Damage& damage) {
  history_ += "; damage in " + damage.text();
  has_bad_blocks_ = has_bad_blocks_ || damage.is_unreadable;
  --places_left_;
  ++damage_counts_.places;
}

// --- rules ---------------------------------------------------------------------------------------

bool DamageSim::is_promised(uint64_t mail_id) const {
  const auto found = ledger_.entries().find(mail_id);
  if (found == ledger_.entries().end()) return false;
  const LedgerEntry& entry = found->second;
  const bool is_excused =
      entry.excused || entry.gone || entry.passed || entry.removed || entry.retired;
  return entry.outcome == core::MailOutcome::durable && !is_excused;
}

bool DamageSim::may_be_lost(uint64_t mail_id) const {
  return given_up_.contains(mail_id) || book_.is_unvouched(mail_id) || book_.is_misnamed(mail_id);
}

bool DamageSim::is_told(uint64_t mail_id, const Told& told) const {
  return told.mails.contains(mail_id) ||
         std::ranges::any_of(book_.hit_in(mail_id),
                             [&told](uint64_t number) { return told.segments.contains(number); });
}

void DamageSim::expect(const std::set<uint64_t>& found, const Told& told, const std::string& when) {
  for (const auto& [mail_id, entry] : ledger_.entries()) {
    if (entry.excused && !found.contains(mail_id)) ledger_.at(mail_id).gone = true;
    if (!is_promised(mail_id) || found.contains(mail_id) || may_be_lost(mail_id)) continue;
    if (!book_.is_hit(mail_id)) {
      problem(when + ": mail " + std::to_string(mail_id) + " was not damaged, and is lost");
    } else if (!is_told(mail_id, told)) {
      problem(when + ": mail " + std::to_string(mail_id) + " was damaged, and nobody is told");
    }
  }
}

// Whether it can be read; then it is what was sent.
bool DamageSim::has_as_sent(core::Disk& disk, const spool::StoredMail& mail,
                            const std::string& when) {
  const std::string name = when + ": mail " + std::to_string(mail.mail_id);
  const auto found = ledger_.entries().find(mail.mail_id);
  if (found == ledger_.entries().end() || !found->second.committed) {
    problem(name + " was never committed");
    return false;
  }
  const SimMail& expected = found->second.mail;
  spool::SpoolReader reader(disk, kSimSpool);
  const auto same = has_data_as_sent(reader, mail, expected);
  if (!same && is_promised(mail.mail_id) && !book_.is_hit(mail.mail_id))
    problem(name + " was not damaged, and cannot be read");
  if (same && !(*same && is_as_sent(mail, expected))) problem(name + " is another one");
  return same.has_value();
}

// Nobody is told of damage where there is none.
void DamageSim::check_finding(const spool::Finding& finding, const std::string& when) {
  const bool is_right = book_.is_damaged(number_of(finding.file)) ||
                        book_.is_hit(finding.mail_id) || ledger_.excused.contains(finding.file);
  // Blocks stay bad where a segment is used again, until something is written to them.
  if (is_right || has_bad_blocks_) return;
  problem(when + ": false alarm: " + finding.file + " at " + std::to_string(finding.offset) + ": " +
          finding.what + ", mail " + std::to_string(finding.mail_id));
}

// --- retention -----------------------------------------------------------------------------------

std::set<uint64_t> DamageSim::mails_in(const spool::RetainedSegment& segment) const {
  std::set<uint64_t> mails = book_.mails_hit_in(segment.number);
  const auto file = files_->find(sim_segment_path(segment.number));
  if (file == nullptr) return mails;
  for (const SeenRecord& record : records_of(file->cached, segment.number)) {
    mails.insert(record.mail_id);
  }
  return mails;
}

// Where a damaged mail ends, its consumer is told of it, and that keeps the segment.
bool DamageSim::may_miss(const spool::RetainedSegment& segment, uint64_t mail_id) const {
  if (may_be_lost(mail_id)) return true;
  return book_.is_hit(mail_id) && !book_.ends_in(mail_id, segment.number);
}

// --- consumers -----------------------------------------------------------------------------------

void DamageSim::note_finding(const Consumer& consumer, const spool::Finding& finding) {
  check_finding(finding, consumer.name);
}

// One that cannot be read stays pending.
void DamageSim::hand_off(Consumer& consumer, const spool::PendingMail& place,
                         const spool::StoredMail& mail) {
  if (has_as_sent(*consumer.disk, mail, consumer.name)) SpoolSim::hand_off(consumer, place, mail);
}

void DamageSim::resume(Consumer& consumer) {
  const auto pending = consumer.file->cursor().pending();
  for (const auto& [where, place] : pending) revisit(consumer, place);
}

// In the order of HandOff::revisit().
void DamageSim::revisit(Consumer& consumer, const spool::PendingMail& place) {
  SimDisk& disk = *consumer.disk;
  if (place.mail_id != 0) {
    if (const auto found = spool::find_mail(disk, kSimSpool, place)) {
      return hand_off(consumer, place, *found);
    }
  } else if (take_healed(consumer, place)) {
    return;
  }
  const bool misses = is_promised(place.mail_id) && !consumer.stable.contains(place.mail_id);
  if (misses && !book_.is_hit(place.mail_id) && !may_be_lost(place.mail_id) && has_head(disk)) {
    problem(consumer.name + ": mail " + std::to_string(place.mail_id) +
            " is pending, was not damaged, and is lost");
  }
  const auto numbers = spool::list_segments(disk, kSimSpool, place.worker);
  const bool is_gone = numbers && !std::ranges::binary_search(*numbers, place.end.segment);
  if (is_gone || spool::was_left_out(disk, kSimSpool, place)) {
    consumer.file->cursor().acknowledge(place.worker, place.end);
  }
}

// returns   whether the place was never damaged
bool DamageSim::take_healed(Consumer& consumer, const spool::PendingMail& place) {
  const auto healed = spool::healed_mails(*consumer.disk, kSimSpool, place);
  if (!healed) return false;
  for (const spool::PendingMail& mail : *healed) {
    const auto found = spool::find_mail(*consumer.disk, kSimSpool, mail);
    if (!found || !has_as_sent(*consumer.disk, *found, consumer.name)) return true;
    consumer.stable.insert(mail.mail_id);
    handed_off_.insert(mail.mail_id);
  }
  consumer.file->cursor().acknowledge(place.worker, place.end);
  return true;
}

// --- what is left --------------------------------------------------------------------------------

void DamageSim::check(FileContents files, const std::string& when) {
  note_last(begun_segments(disk_));
  if (!book_.has_any()) return SpoolSim::check(std::move(files), when);
  check_all(files, when);
}

void DamageSim::check_all(const FileContents& files, const std::string& when) {
  SimDisk disk(random_.next(), files);
  check_walk(disk, when);
  if (!spool::recover(disk, kSimSpool)) return problem(when + ": no recovery");
  // Later ones may have gone, with half a write in them.
  const auto left = spool::list_segments(disk, kSimSpool, 0);
  if (left && !left->empty()) book_.note_last(left->back());
  check_walk(disk, when + " and recovery");
  for (const Consumer& consumer : consumers_) {
    if (consumer.registered) follow(disk, consumer, when);
  }
}

DamageSim::Walked DamageSim::walk(core::Disk& disk, const std::string& when) {
  Walked walked;
  spool::SpoolVisit visit;
  visit.mail = [&](const spool::StoredMail& mail) {
    const std::string name = when + ": mail " + std::to_string(mail.mail_id);
    if (!walked.mails.insert(mail.mail_id).second) problem(name + " is there twice");
    if (!has_as_sent(disk, mail, when)) problem(name + " is found, and cannot be read");
    return true;
  };
  visit.finding = [&](const spool::Finding& finding) {
    walked.told.add(finding);
    walked.findings.push_back(finding);
  };
  visit.segment = [&](const spool::SegmentSummary& segment) {
    if (segment.outcome.records > 0) walked.last = segment.file;
  };
  if (!spool::SpoolReader(disk, kSimSpool).walk(visit)) {
    problem(when + ": the spool cannot be listed");
  }
  return walked;
}

void DamageSim::check_walk(core::Disk& disk, const std::string& when) {
  const Walked walked = walk(disk, when);
  damage_counts_.mails += walked.mails.size();
  if (!walked.last.empty()) ledger_.excused.insert(walked.last);
  for (const spool::Finding& finding : walked.findings) check_finding(finding, when);
  if (has_head(disk)) expect(walked.mails, walked.told, when);
}

// To the end, as a consumer that starts now: what was promised it has, is handed, or is told of.
void DamageSim::follow(core::Disk& disk, const Consumer& consumer, const std::string& when) {
  const std::string name = when + ": " + consumer.name;
  spool::CursorFile file(disk, kSimSpool, consumer.name);
  if (!file.open()) return problem(name + ": the cursor cannot be read");
  std::set<uint64_t> found = consumer.stable;
  Told told;
  const auto take = [&](const spool::StoredMail& mail) {
    if (has_as_sent(disk, mail, name)) found.insert(mail.mail_id);
  };
  for (const auto& [where, place] : file.cursor().pending()) {
    told.mails.insert(place.mail_id);
    if (place.mail_id == 0) told.segments.insert(place.end.segment);
    const auto mail = spool::find_mail(disk, kSimSpool, place);
    if (mail) take(*mail);
  }
  spool::SpoolFollower follower(disk, kSimSpool, file.cursor(), nullptr);
  follower.judge_tails();
  for (;;) {
    const auto step = follower.next();
    if (!step || *step == spool::SpoolFollower::Step::idle) break;
    if (*step == spool::SpoolFollower::Step::full) break;
    if (*step == spool::SpoolFollower::Step::mail) {
      told.mails.insert(follower.place().mail_id);
      take(follower.mail());
      continue;
    }
    told.add(follower.finding());
    check_finding(follower.finding(), name);
  }
  if (has_head(disk) && !is_waiting(disk, file.cursor())) expect(found, told, name);
}

// Where a segment was, for all that its head says, neither sealed nor cut, and later ones lack
// their first records, nobody can tell whether something is still written to the former: a consumer
// waits.
bool DamageSim::is_waiting(core::Disk& disk, const spool::Cursor& cursor) const {
  const auto numbers = spool::list_segments(disk, kSimSpool, 0).value_or(std::vector<uint64_t>{});
  for (auto at = numbers.rbegin(); at != numbers.rend() && *at >= cursor.worker(0).read_from;
       ++at) {
    const auto start = spool::read_segment_start(disk, sim_segment_path(*at), *at, kSimSalt);
    if (at != numbers.rbegin() && !is_left(disk, *at, start.head.has_value())) return true;
    if (start.has_begun) return false;
  }
  return false;
}

// Whether it was sealed or cut, so that nothing is written to it any more.
bool DamageSim::is_left(core::Disk& disk, uint64_t number, bool has_head) const {
  const auto file = disk.open(sim_segment_path(number), /*writable=*/false);
  if (!file) return false;
  const uint64_t bytes = disk.size(*file).value_or(0);
  std::vector<std::byte> octets(bytes);
  octets.resize(disk.read(*file, 0, octets).value_or(0));
  disk.close(*file);
  const std::vector<SeenRecord> records = records_of(octets, number);
  const bool is_sealed = !records.empty() && records.back().type == spool::RecordType::seal;
  return is_sealed || (has_head && bytes < profile_.segment_bytes);
}

// --- repair --------------------------------------------------------------------------------------

// As an operator does it: what cannot be read at all is moved away, then everything is repaired,
// until there is nothing to do. Once is not enough where a segment's first record is bad, for the
// one before is judged anew when it has another one.
void DamageSim::repair() {
  places_left_ = 0;  // numbers of what is moved away may come again
  SimDisk disk(random_.next(), disk_);
  if (!spool::recover(disk, kSimSpool)) return problem("no recovery before the repair");
  if (!has_head(disk)) return;
  Told told;
  for (int i = 0; !repair_once(disk, told); ++i) {
    if (!ledger_.problems.empty() || !has_head(disk)) return;
    if (i == kRepairsMax) return problem("the repair does not come to its end");
  }
  const Walked walked = walk(disk, "repaired");
  for (const spool::Finding& finding : walked.findings) {
    problem("repaired: " + finding.file + " at " + std::to_string(finding.offset) + ": " +
            finding.what + ", mail " + std::to_string(finding.mail_id));
  }
  expect(walked.mails, told, "repaired");
  for (const auto& [mail_id, entry] : ledger_.entries()) {
    if (!is_promised(mail_id) || walked.mails.contains(mail_id)) continue;
    ++(book_.is_hit(mail_id) ? damage_counts_.hit : damage_counts_.unvouched);
    given_up_.insert(mail_id);
  }
  disk_ = disk.power_cut();
  check_all(disk_, "repaired");
}

// returns   whether there was nothing to do
bool DamageSim::repair_once(core::Disk& disk, Told& told) {
  spool::SpoolVisit visit;
  visit.finding = [&told](const spool::Finding& finding) { told.add(finding); };
  const auto plan = spool::plan_salvage(disk, kSimSpool, 0, visit);
  if (!plan) {
    problem("no plan for the repair");
    return false;
  }
  for (const spool::Finding& finding : plan->in_the_way) {
    told.add(finding);
    if (!disk.rename(finding.file, finding.file + ".away")) problem("cannot be moved away");
  }
  if (!plan->in_the_way.empty()) return false;
  if (plan->segments.empty()) return true;
  for (const spool::DamagedSegment& segment : plan->segments) {
    const auto done = spool::salvage_segment(disk, kSimSpool, *plan, segment, /*measure=*/false);
    if (!done) problem("not repaired: " + segment.file + ": " + done.error().where);
    ++damage_counts_.repaired;
  }
  return false;
}

}  // namespace mailrace::tests
