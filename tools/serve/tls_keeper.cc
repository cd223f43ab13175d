// SPDX-License-Identifier: GPL-3.0-or-later
// Files are looked at once a second.
#include "tools/serve/tls_keeper.h"

#include "core/base/limits.h"
#include "core/message/date.h"
#include "net/system_clock.h"

#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr int64_t kDayNs = core::seconds(24 * 3600).ns;
constexpr const char* kNoKeys = "no random numbers for ticket keys";
// Days before the end of a certificate at which the log says so.
constexpr std::array<int64_t, 4> kWarnedDays = {0, 1, 7, 30};

core::WallTime now() { return net::SystemClock().wall_now(); }

std::string timestamp(core::WallTime time) {
  std::array<char, core::kTimestampBytes> memory;
  core::TextBuilder text(memory.data(), memory.size());
  core::add_timestamp(text, time);
  return std::string(text.text());
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : " ") + name;
  return text;
}

tl::expected<net::TlsIdentity, std::string> read_identity(const TlsFiles& files) {
  auto chain = read_tls_file(files.chain);
  if (!chain) return tl::unexpected(chain.error());
  auto key = read_tls_file(files.key);
  if (!key) return tl::unexpected(key.error());
  auto made = net::TlsIdentity::make(std::move(*chain), std::move(*key));
  if (!made) return tl::unexpected(files.chain + ", " + files.key + ": " + made.error());
  return made;
}

// By the rights of files, whatever else may forbid to open them.
bool is_hidden(const std::string& path) {
  return ::access(path.c_str(), R_OK) != 0 && errno == EACCES;
}

}  // namespace

std::optional<int64_t> days_to_warn_at(core::Duration left) {
  const auto reached =
      std::ranges::find_if(kWarnedDays, [left](int64_t days) { return left.ns <= days * kDayNs; });
  return reached == kWarnedDays.end() ? std::nullopt : std::optional(*reached);
}

// --- reading -------------------------------------------------------------------------------------

std::optional<std::string> TlsKeeper::load() {
  if (stock_.options.certificates.empty()) return std::nullopt;
  if (!read_all(Reading::first)) return first_wrong_;
  if (stock_.options.ticket_keys.empty() && !rotate()) return kNoKeys;
  log_certificates();
  warn_of_ends();
  return std::nullopt;
}

// For what was not read before: nothing can go on in its place.
TlsKeeper::Reading TlsKeeper::for_new(Reading reading) {
  return reading == Reading::changed ? Reading::first : reading;
}

// files   that it is about. returns   whether it can go on without what is wrong
bool TlsKeeper::forgive(Reading reading, const std::string& what,
                        const std::vector<std::string>& files) {
  const bool may_go_on = reading == Reading::anew ||
                         (reading == Reading::changed && std::ranges::any_of(files, is_hidden));
  if (may_go_on) log_.line(LogLevel::warning, "tls_file_refused", {{"what", what}});
  if (!may_go_on && first_wrong_.empty()) first_wrong_ = what;
  is_in_part_ = is_in_part_ || may_go_on;
  return may_go_on;
}

// Whatever changes while it is read differs from what was noted before, and is read once more.
bool TlsKeeper::read_all(Reading reading) {
  first_wrong_.clear();
  is_in_part_ = false;
  has_bad_response_ = false;
  stock_.stamps = tls_file_stamps(paths());
  const bool has_certificates = read_certificates(reading);
  const bool has_keys = has_certificates && read_ticket_keys(reading);
  return has_certificates && has_keys;
}

// A response that cannot be stapled is no reason to refuse the pair: that of the certificate before
// may lie there still.
void TlsKeeper::staple(const TlsFiles& files, net::TlsIdentity& identity) {
  const std::string path = ocsp_path(files);
  if (::access(path.c_str(), F_OK) != 0) return;
  auto response = read_tls_file(path);
  const std::string wrong = response ? identity.staple(std::move(*response)) : "cannot be read";
  if (wrong.empty()) {
    log_.line(LogLevel::info, "tls_ocsp_response",
              {{"file", path}, {"next_update", timestamp(identity.ocsp().next_update)}});
    return;
  }
  has_bad_response_ = true;
  log_.line(LogLevel::warning, "tls_file_refused", {{"what", path + ": " + wrong}});
}

// The pairs of all that the flag names, each once. Where nothing is found any more, what was found
// there last: an empty directory is more likely on its way than meant.
std::vector<TlsFiles> TlsKeeper::find_pairs(Reading reading) {
  std::vector<TlsFiles> pairs;
  for (const std::string& value : stock_.options.certificates) {
    auto found = find_tls_files(value);
    if (found) {
      stock_.found[value] = std::move(*found);
    } else if (!forgive(stock_.found.contains(value) ? reading : for_new(reading),
                        "--tls-certificate: " + found.error(), {value})) {
      continue;
    }
    for (const TlsFiles& pair : stock_.found[value]) {
      if (std::ranges::find(pairs, pair) == pairs.end()) pairs.push_back(pair);
    }
  }
  return pairs;
}

// A pair that is broken keeps what was there before, if that may be. returns   whether there is
// something to use
bool TlsKeeper::read_certificates(Reading reading) {
  const std::vector<TlsFiles> pairs = find_pairs(reading);
  if (!first_wrong_.empty()) return false;
  if (pairs.size() > core::kTlsCertificatesMax) {
    return forgive(reading,
                   "--tls-certificate: " + std::to_string(pairs.size()) +
                       " pairs (allowed: up to " + std::to_string(core::kTlsCertificatesMax) + ")",
                   {});
  }
  std::vector<Pair> read;
  for (const TlsFiles& files : pairs) {
    if (!add_pair(reading, files, read)) return false;
  }
  // None is left where all were taken away on purpose.
  if (!read.empty() || reading == Reading::changed) stock_.pairs = std::move(read);
  return true;
}

// returns   false if it is broken and nothing may take its place
bool TlsKeeper::add_pair(Reading reading, const TlsFiles& files, std::vector<Pair>& read) {
  auto made = read_identity(files);
  const auto known = std::ranges::find(stock_.pairs, files, &Pair::files);
  const bool is_known = known != stock_.pairs.end();
  if (made) {
    staple(files, *made);
    read.push_back({files, std::make_shared<const net::TlsIdentity>(std::move(*made)), {}});
    if (is_known) keep_warned(*known, read.back());
    return true;
  }
  if (!forgive(is_known ? reading : for_new(reading), "--tls-certificate: " + made.error(),
               {files.chain, files.key})) {
    return false;
  }
  if (is_known) read.push_back(*known);
  return true;
}

// What the log has said of the same certificate and response it does not say again.
void TlsKeeper::keep_warned(const Pair& before, Pair& now) {
  const net::TlsIdentity& old = *before.identity;
  const net::TlsIdentity& fresh = *now.identity;
  if (old.not_after() == fresh.not_after()) now.warned.days = before.warned.days;
  if (old.ocsp().next_update == fresh.ocsp().next_update) {
    now.warned.is_response_over = before.warned.is_response_over;
  }
}

bool TlsKeeper::read_ticket_keys(Reading reading) {
  const std::string& path = stock_.options.ticket_keys;
  if (path.empty()) return true;
  auto file = read_tls_file(path);
  const auto keys = file ? net::TlsTicketKeys::parse(core::as_octets(*file)) : std::nullopt;
  if (file) ::explicit_bzero(file->data(), file->size());
  if (keys) {
    stock_.keys = *keys;
    return true;
  }
  const std::string wrong = file ? path + ": not 1 to " + std::to_string(core::kTlsTicketKeysMax) +
                                       " keys of " + std::to_string(core::kTlsTicketKeyBytes) +
                                       " octets"
                                 : file.error();
  return forgive(stock_.keys.keys().empty() ? for_new(reading) : reading,
                 "--tls-ticket-keys: " + wrong, {path});
}

std::vector<std::string> TlsKeeper::paths() const {
  std::vector<std::string> paths;
  for (const std::string& value : stock_.options.certificates) {
    // A directory's own time tells of files that come and go.
    if (value.find(',') == std::string::npos) paths.push_back(value);
    const auto found = find_tls_files(value);
    if (!found) continue;
    for (const TlsFiles& pair : *found) {
      paths.push_back(pair.chain);
      paths.push_back(pair.key);
      paths.push_back(ocsp_path(pair));
    }
  }
  if (!stock_.options.ticket_keys.empty()) paths.push_back(stock_.options.ticket_keys);
  return paths;
}

std::shared_ptr<net::TlsContext> TlsKeeper::make_context() const {
  if (stock_.pairs.empty()) return nullptr;
  std::vector<const net::TlsIdentity*> identities;
  for (const Pair& pair : stock_.pairs) identities.push_back(pair.identity.get());
  auto made = net::TlsContext::make(identities, stock_.options.rules, stock_.keys);
  if (made == nullptr) {
    log_.line(LogLevel::error, "tls_file_refused", {{"what", "no memory for a new context"}});
  }
  return made;
}

void TlsKeeper::log_certificates() {
  for (const Pair& pair : stock_.pairs) {
    log_.line(LogLevel::info, "tls_certificate",
              {{"file", pair.files.chain},
               {"names", joined(pair.identity->names())},
               {"key", net::key_kind_name(pair.identity->kind())},
               {"not_after", timestamp(pair.identity->not_after())}});
  }
}

void TlsKeeper::log_reload() {
  log_certificates();
  log_.line(LogLevel::info, "tls_reload",
            {{"certificates", uint64_t{stock_.pairs.size()}},
             {"result", is_in_part_ || has_bad_response_ ? "in part" : "all"}});
}

// --- other options -------------------------------------------------------------------------------

tl::expected<TlsKeeper::Change, std::string> TlsKeeper::change(const TlsOptions& options) {
  Change change(*this);
  const bool had_own_keys = !stock_.pairs.empty() && stock_.options.ticket_keys.empty();
  if (options.ticket_keys != stock_.options.ticket_keys) stock_.keys = {};
  stock_.options = options;
  std::erase_if(stock_.found, [&options](const auto& entry) {
    return std::ranges::find(options.certificates, entry.first) == options.certificates.end();
  });
  if (!read_all(Reading::changed)) return tl::unexpected(first_wrong_);
  const bool needs_key = options.ticket_keys.empty() && !had_own_keys && !stock_.pairs.empty();
  if (needs_key && !rotate()) return tl::unexpected(std::string(kNoKeys));
  return change;
}

void TlsKeeper::Change::commit() {
  TlsKeeper& keeper = *std::exchange(keeper_, nullptr);
  if (before_.pairs.empty() && keeper.stock_.pairs.empty()) return;
  keeper.log_reload();
  if (!keeper.thread_.joinable()) keeper.launch();
}

// --- the thread ----------------------------------------------------------------------------------

void TlsKeeper::start(std::function<void()> renewed) {
  renewed_ = std::move(renewed);
  if (!stock_.pairs.empty()) launch();
}

// What changes from here on is seen to change.
void TlsKeeper::launch() {
  look_first();
  thread_ = std::thread([this] { run(); });
}

void TlsKeeper::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  thread_.join();
}

void TlsKeeper::run() {
  {
    const std::lock_guard lock(reading_);
    warn_of_unreadable();
  }
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.wait_for(lock, kInterval, [this] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    {
      const std::lock_guard reading(reading_);
      if (look()) renewed_();
      warn_of_ends();
    }
    lock.lock();
  }
}

// Who reads anew may see less than who has read first: what cannot be seen from here has not
// changed. Whatever else has, while the spool was recovered for instance, is read.
void TlsKeeper::look_first() {
  seen_stamps_ = tls_file_stamps(paths());
  std::erase_if(stock_.stamps,
                [this](const auto& entry) { return !seen_stamps_.contains(entry.first); });
  for (const auto& [path, stamp] : seen_stamps_) {
    if (stamp.empty()) stock_.stamps[path].clear();
  }
}

// A renewal that only root could read would go by without a word.
void TlsKeeper::warn_of_unreadable() {
  std::vector<std::string> read;
  for (const Pair& pair : stock_.pairs) {
    read.push_back(pair.files.chain);
    read.push_back(pair.files.key);
  }
  if (!stock_.options.ticket_keys.empty()) read.push_back(stock_.options.ticket_keys);
  const auto hidden = std::ranges::find_if(
      read, [](const std::string& path) { return ::access(path.c_str(), R_OK) != 0; });
  if (hidden == read.end()) return;
  log_.line(LogLevel::warning, "tls_file_not_readable_anew", {{"file", *hidden}});
}

// returns   whether workers need new contexts
bool TlsKeeper::look() {
  TlsStamps stamps = tls_file_stamps(paths());
  const bool is_still = stamps == seen_stamps_;
  seen_stamps_ = std::move(stamps);
  if (rest_.note_look(seen_stamps_ != stock_.stamps, is_still, net::SystemClock().now())) {
    const bool is_read = read_all(Reading::anew);
    log_reload();
    return is_read;
  }
  const bool has_old_key =
      stock_.options.ticket_keys.empty() && !stock_.pairs.empty() &&
      net::SystemClock().now() >= stock_.rotated_at + core::seconds(core::kTlsTicketRotationS);
  return has_old_key && rotate();
}

bool TlsKeeper::rotate() {
  stock_.rotated_at = net::SystemClock().now();
  return stock_.keys.rotate();
}

void TlsKeeper::warn_of_ends() {
  for (Pair& pair : stock_.pairs) warn_of_end(pair.files, *pair.identity, pair.warned);
}

void TlsKeeper::warn_of_end(const TlsFiles& files, const net::TlsIdentity& identity,
                            Warned& warned) {
  const net::TlsOcspResponse& response = identity.ocsp();
  const bool is_over = !response.der.empty() && now() >= response.next_update;
  if (is_over && !std::exchange(warned.is_response_over, true)) {
    log_.line(LogLevel::warning, "tls_ocsp_response_expired",
              {{"file", ocsp_path(files)}, {"next_update", timestamp(response.next_update)}});
  }
  const core::WallTime end = identity.not_after();
  const int64_t left = std::max<int64_t>(end.ns - now().ns, 0);
  const auto due = days_to_warn_at({left});
  if (!due || warned.days <= *due) return;
  warned.days = *due;
  log_.line(
      LogLevel::warning, left == 0 ? "tls_certificate_expired" : "tls_certificate_expires",
      {{"file", files.chain}, {"days", uint64_t(left / kDayNs)}, {"not_after", timestamp(end)}});
}

}  // namespace mailrace::tools
