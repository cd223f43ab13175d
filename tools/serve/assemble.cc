// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be wrong is found here, before a worker runs.
#include "tools/serve/assemble.h"

#include "core/base/ip.h"
#include "net/ring_failure.h"
#include "spool/consumers.h"
#include "spool/mail_id_floor.h"
#include "spool/segment.h"
#include "tools/lib/posix_disk.h"
#include "tools/serve/client_list_files.h"
#include "tools/serve/recover_spool.h"
#include "tools/serve/reload.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>
#include <utility>

namespace mailrace::tools {
namespace {

std::string errno_text(int error) { return std::strerror(error); }

std::string error_text(const core::Error& error) {
  return std::string(error.where) + ": " + errno_text(error.sys_errno);
}

std::string_view tls_word(net::ListenerTls tls, bool has_certificate) {
  if (!has_certificate) return "off";
  switch (tls) {
    case net::ListenerTls::offered:
      return "offered";
    case net::ListenerTls::required:
      return "required";
    case net::ListenerTls::implicit:
      return "implicit";
  }
  return "";
}

// With the directory above the spool, so that a spool that was replaced as a whole is found again;
// but never with the root directory. here   the working directory: once system calls are filtered
// the kernel does not tell it any more
FileAccess file_access(const ServeOptions& options, const std::filesystem::path& here) {
  const auto spool = (here / options.spool).lexically_normal();
  const auto above = (spool.has_filename() ? spool : spool.parent_path()).parent_path();
  FileAccess access{.written = {spool.string()}, .read = {"/dev/urandom"}};
  if (above != above.root_path()) access.written.push_back(above);
  const auto add = [&](const std::vector<std::string>& places) {
    for (const std::string& place : places) access.read.push_back((here / place).string());
  };
  for (const auto* const lists : {&options.allow_lists, &options.block_lists}) {
    for (const std::string& path : *lists) add(places_of((here / path).string()));
  }
  for (const std::string& value : options.tls.certificates) add(tls_places(value));
  if (!options.tls.ticket_keys.empty()) add(tls_places(options.tls.ticket_keys));
  return access;
}

// Whether `place` is one of the places or inside of one, by its name.
bool is_within(const std::string& place, const std::vector<std::string>& places) {
  const auto path = std::filesystem::path(place).lexically_normal();
  return std::ranges::any_of(places, [&path](const std::string& other) {
    const auto relative = path.lexically_relative(std::filesystem::path(other).lexically_normal());
    return !relative.empty() && *relative.begin() != "..";
  });
}

}  // namespace

Server::Server(const ServeOptions& options, Log& log)
    : options_(options),
      current_(options),
      log_(log),
      directories_(options.spool),
      totals_{core::Places(options.connections_max), core::Places(options.transactions_max)},
      memory_(options.memory_max),
      tls_(options.tls, log) {}

uint32_t Server::worker_count() const {
  if (options_.workers > 0) return options_.workers;
  return std::clamp<uint32_t>(uint32_t(net::allowed_cpus().size()), 1, core::kWorkersMax - 1);
}

WorkerRange Server::predecessors_workers() const {
  if (!predecessor_) return {};
  return {predecessor_->offer().first_worker, predecessor_->offer().workers};
}

// Both write for a while, so each has directories of its own; in turn the lowest there are.
std::optional<std::string> Server::find_predecessor() {
  if (!options_.take_over) return std::nullopt;
  auto found = Predecessor::find(options_.spool);
  if (!found) return found.error();
  predecessor_ = std::move(*found);
  is_settled_ = !predecessor_;
  if (!predecessor_) return std::nullopt;
  const WorkerRange theirs = predecessors_workers();
  first_worker_ = worker_count() <= theirs.first ? 0 : theirs.end();
  if (workers().end() < core::kWorkersMax) return std::nullopt;
  return "--workers: " + std::to_string(worker_count()) + " beside the " +
         std::to_string(theirs.count) + " of the server that runs (allowed: up to " +
         std::to_string(core::kWorkersMax - 1) + " together)";
}

// A server whose lock was removed needs a moment until it has let go of what it wrote to.
std::optional<std::string> Server::make_workers() {
  const core::Instant end = clock_.now() + core::seconds(core::kWorkerLockPatienceS);
  for (uint32_t worker = workers().first; worker < workers().end();) {
    const auto failed = directories_.make_worker(worker);
    if (!failed) {
      ++worker;
    } else if (clock_.now() >= end) {
      return failed;
    } else {
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  return std::nullopt;
}

std::optional<std::string> Server::open_spool() {
  if (predecessor_) {
    directories_.share(predecessor_->take_lock().release());
    if (!directories_.is_taken()) return "the lock of " + options_.spool + " is another one by now";
  } else if (auto failed = directories_.take_at_start()) {
    return failed;
  }
  if (auto failed = check_spool_io()) return failed;
  if (auto failed = make_workers()) return failed;

  // What others write to is theirs to recover, or ours once they have ended.
  const auto recovery = recover_spool(options_.spool, [this](uint32_t worker) {
    return workers().contains(worker) ? net::Fd(::dup(directories_.lock_descriptor()))
                                      : directories_.borrow_worker(worker);
  });
  if (!recovery) return "cannot read the spool: " + error_text(recovery.error());
  log_recovery(*recovery);
  recovered_ = recovery->workers;
  PosixDisk disk;
  cursor_segments_ = spool::cursor_segments(
      disk, options_.spool, [this](const std::string& path, const core::Error& error) {
        log_.line(LogLevel::warning, "spool_damage",
                  {{"file", path}, {"offset", uint64_t{0}}, {"what", error.where}});
      });
  if (auto failed = settle_unused_directories()) return failed;
  salt_ = choose_salt();
  if (salt_ == 0) return "cannot get a random number: " + errno_text(errno);
  if (const auto failed = status_.open_socket(options_.spool)) {
    log_.line(LogLevel::warning, "status_not_shown",
              {{"what", "mailrace status and top cannot ask: " + *failed}});
  }
  if (const auto failed = takeover_.open(options_.spool)) {
    log_.line(LogLevel::warning, "no_takeover",
              {{"what", "no server can take the place of this one: " + *failed}});
  }
  if (const auto failed = tails_.open(options_.spool, workers())) {
    log_.line(LogLevel::warning, "tail_not_shared",
              {{"what", "consumers have to read from the disk: " + *failed}});
  }
  return std::nullopt;
}

// Directories that have no worker now. When retention takes their segments away, nobody knows any
// more which ids a later worker must not give out again.
std::optional<std::string> Server::settle_unused_directories() {
  for (const spool::WorkerRecovery& worker : recovered_) {
    if (workers().contains(worker.worker)) continue;
    if (auto failed = settle_unused(worker)) return failed;
  }
  return std::nullopt;
}

std::optional<std::string> Server::settle_unused(const spool::WorkerRecovery& worker) const {
  PosixDisk disk;
  keep_usable(worker);
  if (worker.last_mail_id == worker.mail_id_floor) return std::nullopt;
  const auto kept =
      spool::write_mail_id_floor(disk, options_.spool, worker.worker, worker.last_mail_id);
  if (kept) return std::nullopt;
  return "cannot write " + spool::mail_id_floor_path(options_.spool, worker.worker) + ": " +
         error_text(kept.error());
}

// Once the predecessor has ended, its directories are like those of workers that are no more. It
// may have been killed, so they are recovered first. On the housekeeping thread, which tries again.
void Server::settle_predecessor() {
  if (is_settled_ || !place_taken_) return;
  PosixDisk disk;
  const WorkerRange theirs = predecessors_workers();
  std::vector<net::Fd> borrowed;
  for (uint32_t worker = theirs.first; worker < theirs.end(); ++worker) {
    borrowed.push_back(directories_.borrow_worker(worker));
    if (!borrowed.back().is_open()) return;  // it still writes there
  }
  for (uint32_t worker = theirs.first; worker < theirs.end(); ++worker) {
    const auto recovery = spool::recover_worker(disk, options_.spool, worker);
    if (recovery) log_findings(*recovery);
    const auto failed =
        recovery ? settle_unused(recovery->workers.front()) : error_text(recovery.error());
    if (!failed) continue;
    if (std::exchange(unsettled_, *failed) == *failed) return;
    return void(log_.line(LogLevel::warning, "housekeeping", {{"what", *failed}}));
  }
  log_.line(LogLevel::info, "predecessor_gone");
  is_settled_ = true;
  const std::lock_guard lock(ending_);
  if (!ended_) workers_.be_alone();
}

// Whose segments housekeeping leaves alone.
bool Server::is_others(uint32_t worker) {
  if (workers().contains(worker)) return false;
  if (!is_settled_ && predecessors_workers().contains(worker)) return true;
  return !directories_.borrow_worker(worker).is_open();
}

// One salt for the whole life of a spool, so that every old record in a segment that is used again
// can be told for what it is.
uint64_t Server::choose_salt() const {
  if (predecessor_) return predecessor_->offer().salt;
  for (const spool::WorkerRecovery& worker : recovered_) {
    if (worker.salt != 0) return worker.salt;
  }
  uint64_t salt = 0;
  if (::getrandom(&salt, sizeof salt, 0) != ssize_t{sizeof salt}) return 0;
  return salt | 1;  // 0 means none
}

// Some file systems know no direct writes, or want larger blocks: better said now than with each
// segment.
std::optional<std::string> Server::check_spool_io() const {
  if (options_.spool_io != core::WriteMode::direct) return std::nullopt;
  const std::string path = options_.spool + "/probe";
  const net::Fd probe(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_DIRECT, 0600));
  const int error = errno;
  ::unlink(path.c_str());
  struct statx status {};
  const bool told = probe.is_open() &&
                    ::statx(probe.get(), "", AT_EMPTY_PATH, STATX_DIOALIGN, &status) == 0 &&
                    (status.stx_mask & STATX_DIOALIGN) != 0;
  const bool fits = !told || (status.stx_dio_offset_align > 0 &&
                              status.stx_dio_offset_align <= core::kBlockBytes);
  if (probe.is_open() && fits) return std::nullopt;
  if (!probe.is_open() && error != EINVAL) {
    return "cannot write to " + options_.spool + ": " + errno_text(error);
  }
  return "--spool-io: 'direct' does not work on the file system of " + options_.spool +
         " (allowed there: buffered)";
}

void Server::log_recovery(const spool::Recovery& recovery) {
  uint64_t mails = 0;
  uint64_t octets = 0;
  for (const spool::WorkerRecovery& worker : recovery.workers) {
    mails += worker.mails;
    octets += worker.octets;
  }
  log_.line(LogLevel::info, "recovered",
            {{"spool", options_.spool},
             {"mails", mails},
             {"octets", octets},
             {"tails_cut", recovery.tails_cut},
             {"segments_removed", recovery.segments_removed},
             {"damage", recovery.findings_count}});
  log_findings(recovery);
}

void Server::log_findings(const spool::Recovery& recovery) {
  for (const spool::Finding& finding : recovery.findings) {
    log_.line(LogLevel::warning, "spool_damage",
              {{"file", finding.file}, {"offset", finding.offset}, {"what", finding.what}});
  }
}

net::ListenerOptions Server::listener_options(const ListenAddress& address) const {
  return {.durability = address.durability.value_or(options_.durability),
          .tls = address.needs_tls ? net::ListenerTls::required : net::ListenerTls::offered};
}

// Workers have the same listeners, so what they promise is the same as well.
spool::SyncPolicy Server::sync_policy() const {
  bool disk = false;
  bool page_cache = false;
  for (const auto* const listen : {&options_.listen, &options_.listen_tls}) {
    for (const std::string& text : *listen) {
      const auto durability = listener_options(*parse_listen_address(text)).durability;
      (durability == core::Durability::disk ? disk : page_cache) = true;
    }
  }
  return spool::sync_policy(disk, page_cache);
}

// In one piece for all workers: a client's connections land on any of them. Without limits, too:
// there may be some later.
std::optional<std::string> Server::make_client_use() {
  std::array<uint64_t, 4> secret{};
  if (::getrandom(secret.data(), sizeof secret, 0) != ssize_t{sizeof secret}) {
    return "cannot get random numbers: " + errno_text(errno);
  }
  const size_t sessions = core::kConnectionsPerWorkerMax * size_t{worker_count()};
  client_use_ = std::make_unique<core::ClientUse>(secret, sessions);
  return std::nullopt;
}

std::optional<std::string> Server::open_listeners() {
  if (auto failed = make_client_use()) return failed;
  if (auto failed = find_predecessor()) return failed;
  listeners_.resize(worker_count());
  for (const std::string& text : options_.listen) {
    if (auto failed = open_listener("--listen", text)) return failed;
  }
  for (const std::string& text : options_.listen_tls) {
    if (auto failed = open_listener("--listen-tls", text)) return failed;
  }
  if (predecessor_) predecessor_->listeners().clear();  // of addresses that we are not to have
  if (options_.metrics_listen.empty()) return std::nullopt;
  return status_.open_metrics(options_.metrics_listen, predecessor_.has_value());
}

// The sockets of the predecessor at an address: whoever waits at one of them must not be lost.
std::vector<net::Fd> Server::inherited(const core::Endpoint& endpoint) {
  std::vector<net::Fd> sockets;
  if (!predecessor_) return sockets;
  for (net::Fd& socket : predecessor_->listeners()) {
    const auto bound = net::local_endpoint(socket);
    if (bound && *bound == endpoint) sockets.push_back(std::move(socket));
  }
  std::erase_if(predecessor_->listeners(), [](const net::Fd& socket) { return !socket.is_open(); });
  return sockets;
}

std::optional<std::string> Server::open_listener(const std::string& flag, const std::string& text) {
  const ListenAddress wanted = *parse_listen_address(text);
  core::Endpoint endpoint = wanted.endpoint;
  net::ListenerOptions rules = listener_options(wanted);
  if (flag == "--listen-tls") rules.tls = net::ListenerTls::implicit;
  std::vector<net::Fd> sockets = inherited(endpoint);
  auto sharing = sockets.empty() ? net::Sharing::first : net::Sharing::joined;
  // With fewer than there are workers several accept at one: a further socket would have clients
  // wait at it from now on, and be reset if we do not start.
  for (size_t i = 0; !sockets.empty() && sockets.size() < listeners_.size(); ++i) {
    sockets.emplace_back(::fcntl(sockets[i].get(), F_DUPFD_CLOEXEC, 0));
    if (!sockets.back().is_open()) return flag + " " + text + ": " + errno_text(errno);
  }
  const size_t taken = sockets.size();
  for (size_t i = 0; i < taken; ++i) {
    listeners_[i % listeners_.size()].push_back({std::move(sockets[i]), rules});
  }
  for (size_t i = taken; i < listeners_.size(); ++i) {
    std::vector<net::ListeningSocket>& of_worker = listeners_[i];
    auto listener = net::open_listener(endpoint, sharing);
    if (!listener) return flag + " " + text + ": " + error_text(listener.error());
    // Port 0 is a free port for the first worker, and the same one for the others.
    const auto bound = net::local_endpoint(*listener);
    if (!bound) return flag + " " + text + ": " + error_text(bound.error());
    endpoint = *bound;
    sharing = net::Sharing::joined;
    of_worker.push_back({std::move(*listener), rules});
  }
  std::array<char, core::kIpAddressTextBytesMax + 8> memory;
  core::TextBuilder address(memory.data(), memory.size());
  core::add_endpoint(address, endpoint);
  log_.line(LogLevel::info, "listening",
            {{"address", address.text()},
             {"durability", core::durability_name(rules.durability)},
             {"tls", tls_word(rules.tls, !options_.tls.certificates.empty())},
             {"workers", uint64_t{worker_count()}}});
  return std::nullopt;
}

// Those of the length that is wanted now; the others, too many, and those of a directory without a
// worker are given back to the disk.
std::vector<uint64_t> Server::keep_usable(const spool::WorkerRecovery& worker) const {
  std::vector<uint64_t> numbers;
  const size_t wanted = workers().contains(worker.worker) ? core::kFreeSegmentsUsual : 0;
  for (const spool::FreeSegment& segment : worker.free_segments) {
    if (segment.bytes == options_.segment_bytes && numbers.size() < wanted) {
      numbers.push_back(segment.number);
      continue;
    }
    const std::string path = options_.spool + "/" + spool::worker_directory_name(worker.worker) +
                             "/" + spool::free_file_name(segment.number);
    ::unlink(path.c_str());
  }
  return numbers;
}

net::WorkerOptions Server::worker_options(uint32_t index) {
  const uint32_t worker = first_worker_ + index;
  spool::SpoolOptions spool_options;
  spool_options.directory = options_.spool + "/" + spool::worker_directory_name(worker);
  spool_options.worker = worker;
  spool_options.segment_bytes = options_.segment_bytes;
  spool_options.sync = sync_policy();
  spool_options.salt = salt_;
  spool_options.commit_delay = options_.commit_delay;
  spool_options.commit_bytes = options_.commit_bytes;
  spool_options.memory_bytes = options_.spool_memory_bytes;
  spool_options.tail = tails_.writer(worker);
  std::vector<uint64_t> free_segments;
  const auto known = std::ranges::find(recovered_, worker, &spool::WorkerRecovery::worker);
  if (known != recovered_.end()) {
    spool_options.first_segment = known->next_segment;
    spool_options.last_mail_id = known->last_mail_id;
    free_segments = keep_usable(*known);
  }
  const auto named = cursor_segments_.find(worker);
  if (named != cursor_segments_.end()) {
    spool_options.first_segment = std::max(spool_options.first_segment, named->second + 1);
  }
  net::WorkerOptions result;
  result.worker = worker;
  result.listeners = std::move(listeners_[index]);
  result.shares_listeners = predecessor_.has_value();
  for (const net::ListeningSocket& listener : result.listeners) {
    listener_descriptors_.push_back(listener.socket.get());
  }
  result.terms = {.settings = make_settings(options_), .lists = lists_, .tls = tls_.make_context()};
  result.client_use = client_use_.get();
  result.totals = &totals_;
  result.memory_used = &memory_.used();
  stats_.push_back(std::make_unique<net::WorkerStats>());
  result.stats = stats_.back().get();
  result.failures = log_.make_ring();
  result.events = result.failures;
  result.clock = &clock_;
  result.write_mode = options_.spool_io;
  result.ring_use = options_.lockdown.ring_restrictions ? net::RingUse::worker : net::RingUse::any;
  watches_.push_back(std::make_unique<spool::WriterWatch>());
  spool::WriterWatch& watch = *watches_.back();
  result.make_sink = [spool_options, free_segments, &watch](core::FileIo& files,
                                                            const core::MailSinkEvents& events) {
    auto observed = std::make_unique<spool::ObservedWriter>(files, spool_options, events, watch);
    for (const uint64_t number : free_segments) observed->writer().recycle(number);
    return observed;
  };
  return result;
}

const FileAccess& Server::settle_file_access(const std::string& config) {
  std::error_code ignored;
  start_directory_ = std::filesystem::current_path(ignored);
  file_access_ = file_access(options_, start_directory_);
  if (!config.empty()) {
    const auto places = places_of((start_directory_ / config).string());
    file_access_.read.insert(file_access_.read.end(), places.begin(), places.end());
  }
  return file_access_;
}

std::optional<std::string> Server::load_lists() {
  auto lists = read_client_lists(options_.allow_lists, options_.block_lists);
  if (!lists) return lists.error();
  keep(std::move(*lists));
  return std::nullopt;
}

void Server::keep(std::shared_ptr<const core::ClientLists> lists) {
  lists_ = std::move(lists);
  std::erase_if(lists_kept_, [](const auto& one) { return one.use_count() == 1; });
  if (lists_ == nullptr) return;
  lists_kept_.push_back(lists_);
  log_.line(LogLevel::info, "lists_loaded",
            {{"allowed", uint64_t{lists_->allowed.size()}},
             {"blocked", uint64_t{lists_->blocked.size()}}});
}

// Why a file could not be read, if it is for what was given up at the start. returns   words that
// follow what the kernel said, or nothing
std::string Server::out_of_reach(const ServeOptions& options) const {
  if (!options_.lockdown.landlock) return "";
  std::vector<std::string> places = file_access_.read;
  places.insert(places.end(), file_access_.written.begin(), file_access_.written.end());
  for (const std::string& place : file_access(options, start_directory_).read) {
    if (is_within(place, places)) continue;
    return " (nothing in " + place +
           " was named at the start, so Landlock keeps it from this server: that needs a restart)";
  }
  return "";
}

// All that can fail comes before the first thing that changes.
std::optional<std::string> Server::reload(const ServeOptions& options) {
  const std::vector<std::string> changed = changed_flags(current_, options);
  if (auto wrong = needs_restart(changed)) return wrong;
  auto lists = read_client_lists(options.allow_lists, options.block_lists);
  if (!lists) return lists.error() + out_of_reach(options);
  auto tls = tls_.change(options.tls);
  if (!tls) return tls.error() + out_of_reach(options);
  std::vector<net::Renewal> renewals(worker_count());
  for (net::Renewal& renewal : renewals) {
    renewal = {.settings = make_settings(options), .lists = *lists, .tls = tls_.make_context()};
    if (!options.tls.certificates.empty() && *renewal.tls == nullptr) {
      return "--tls-certificate: the TLS library takes none of them, or has no memory";
    }
  }
  const LogLevel level_before = std::exchange(current_, options).log_level;
  log_.set_level(std::max(level_before, options.log_level));  // whoever hears either hears of this
  keep(std::move(*lists));
  tls->commit();
  workers_.renew(std::move(renewals));
  std::string names;
  for (const std::string& name : changed) names += (names.empty() ? "" : " ") + name;
  log_.line(LogLevel::info, "reloaded", {{"changed", names}});
  log_.set_level(options.log_level);
  return std::nullopt;
}

std::optional<std::string> Server::start(std::function<void(const std::string&)> say_status,
                                         std::function<void()> successor_came) {
  std::vector<net::WorkerOptions> all;
  for (uint32_t i = 0; i < worker_count(); ++i) all.push_back(worker_options(i));
  // Without it tls-required would take mail in the clear.
  const bool wants_tls = !options_.tls.certificates.empty();
  if (wants_tls &&
      std::ranges::any_of(all, [](const auto& one) { return one.terms.tls == nullptr; })) {
    return "--tls-certificate: the TLS library takes none of them, or has no memory";
  }
  log_.start();
  const auto started = workers_.start(std::move(all));
  if (!started) return net::explain_ring_failure(started.error(), net::ring_host());
  start_housekeeping();
  start_status(std::move(say_status));
  takeover_.start({.offer = [this] { return offer(); },
                   .withdrawn = [this] { log_.line(LogLevel::warning, "takeover_withdrawn"); },
                   .taken = std::move(successor_came),
                   .gone = [this] { workers_.drain(); }});
  tls_.start([this] { workers_.replace_tls([this] { return tls_.make_context(); }); });
  return std::nullopt;
}

void Server::look_at_memory() noexcept {
  uint64_t reusable = 0;
  for (const auto& stats : stats_) reusable += stats->reusable_bytes.get();
  memory_.look(reusable);
}

void Server::start_status(std::function<void(const std::string&)> say_status) {
  StatusSources sources{.workers = {},
                        .first_worker = first_worker_,
                        .memory = &memory_,
                        .draining = &draining_,
                        .started = clock_.now(),
                        .pid = ::getpid()};
  for (const auto& stats : stats_) sources.workers.push_back(stats.get());
  const auto say_changes = [this, say_status = std::move(say_status),
                            said = std::string()](const StatusSources& from) mutable {
    look_at_memory();
    std::string line = status_line(from);
    if (line == said) return;
    said = std::move(line);
    say_status(said);
  };
  look_at_memory();
  status_.start(std::move(sources), say_changes);
}

// Not while the one before us still writes: the next one would take its directories for its own.
std::optional<TakeoverService::Giving> Server::offer() {
  if (!is_settled_) return std::nullopt;
  log_.line(LogLevel::info, "takeover_offered");
  return TakeoverService::Giving{
      .offer = {.salt = salt_, .first_worker = first_worker_, .workers = worker_count()},
      .lock = directories_.lock_descriptor(),
      .listeners = listener_descriptors_};
}

std::optional<std::string> Server::take_place() {
  if (predecessor_) {
    if (auto failed = directories_.sign()) return failed;
    if (predecessor_->say_taken() == Predecessor::Answer::stays) {
      return "the server that runs on " + options_.spool + " does not leave";
    }
    log_.line(LogLevel::info, "place_taken");
  }
  const bool all_shown = tails_.show() & status_.show() & takeover_.show();
  if (!all_shown) log_.line(LogLevel::warning, "sockets_not_shown", {{"spool", options_.spool}});
  place_taken_ = true;
  return std::nullopt;
}

void Server::leave() noexcept {
  draining_ = true;
  status_.leave();
  workers_.leave();
}

void Server::drain() noexcept {
  const std::lock_guard lock(ending_);
  if (ended_) return;
  draining_ = true;
  takeover_.stop();  // what it offers is about to be closed
  workers_.drain();
}

void Server::start_housekeeping() {
  HousekeepingOptions options{.spool = options_.spool, .segment_bytes = options_.segment_bytes};
  if (options_.retain_for.ns > 0) options.rules.retain_for = options_.retain_for;
  if (options_.retain_bytes > 0) options.rules.retain_bytes = options_.retain_bytes;
  // Each worker has one with mail in use, and behind a look another one is full.
  const uint64_t least = 2 * options_.segment_bytes * worker_count();
  if (options_.retain_bytes > 0 && options_.retain_bytes < least) {
    log_.line(LogLevel::warning, "retains_little",
              {{"what",
                "--retain-bytes is below two segments for each worker: they go as soon as "
                "they are full, unless there is a consumer"},
               {"retain_bytes", options_.retain_bytes},
               {"two_segments_each", least}});
  }
  std::vector<spool::WriterWatch*> ours;
  for (const auto& watch : watches_) ours.push_back(watch.get());
  std::vector<spool::WriterWatch*> watches(first_worker_, nullptr);  // by number
  watches.insert(watches.end(), ours.begin(), ours.end());
  restoration_.emplace(options_.spool, directories_, watches, log_);
  space_.emplace(options_.spool, options_.space, ours, log_);
  space_->look();
  options.before_look = [this] {
    space_->look();
    const bool is_ours = !restoration_->look();
    tails_.look(is_ours);
    if (is_ours) settle_predecessor();
    return is_ours;
  };
  options.is_others = [this](uint32_t worker) { return is_others(worker); };
  housekeeping_.emplace(std::move(options), std::move(watches), log_);
  housekeeping_->start();
}

void Server::join() {
  tls_.stop();
  workers_.wait();
  {
    const std::lock_guard lock(ending_);
    ended_ = true;
  }
  takeover_.stop();
  workers_.join();
  status_.stop();
  if (housekeeping_) housekeeping_->stop();
  tails_.close();
}

}  // namespace mailrace::tools
