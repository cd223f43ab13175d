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
#include <chrono>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr auto kInterval = std::chrono::seconds(1);
constexpr int64_t kDayNs = core::seconds(24 * 3600).ns;
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

}  // namespace

std::optional<int64_t> days_to_warn_at(core::Duration left) {
  const auto reached =
      std::ranges::find_if(kWarnedDays, [left](int64_t days) { return left.ns <= days * kDayNs; });
  return reached == kWarnedDays.end() ? std::nullopt : std::optional(*reached);
}

// --- reading -------------------------------------------------------------------------------------

std::optional<std::string> TlsKeeper::load() {
  if (options_.certificates.empty()) return std::nullopt;
  if (!read_all(/*is_first=*/true)) return first_wrong_;
  if (options_.ticket_keys.empty() && !rotate()) return "no random numbers for ticket keys";
  warn_of_ends();
  return std::nullopt;
}

void TlsKeeper::complain(const std::string& what) {
  if (first_wrong_.empty()) first_wrong_ = what;
  if (is_running_) log_.line(LogLevel::warning, "tls_file_refused", {{"what", what}});
}

// Whatever changes while it is read differs from what was noted before, and is read once more.
bool TlsKeeper::read_all(bool is_first) {
  first_wrong_.clear();
  has_bad_response_ = false;
  read_stamps_ = tls_file_stamps(paths());
  const bool has_certificates = read_certificates(is_first);
  const bool has_keys = read_ticket_keys(is_first);
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
std::vector<TlsFiles> TlsKeeper::find_pairs() {
  std::vector<TlsFiles> pairs;
  for (const std::string& value : options_.certificates) {
    auto found = find_tls_files(value);
    if (found) {
      found_[value] = std::move(*found);
    } else {
      complain("--tls-certificate: " + found.error());
    }
    for (const TlsFiles& pair : found_[value]) {
      if (std::ranges::find(pairs, pair) == pairs.end()) pairs.push_back(pair);
    }
  }
  return pairs;
}

// A pair that is broken keeps what was there before. returns   whether there is something to use,
// and the first time whether all is right
bool TlsKeeper::read_certificates(bool is_first) {
  const std::vector<TlsFiles> pairs = find_pairs();
  if (is_first && !first_wrong_.empty()) return false;
  if (pairs.size() > core::kTlsCertificatesMax) {
    complain("--tls-certificate: " + std::to_string(pairs.size()) + " pairs (allowed: up to " +
             std::to_string(core::kTlsCertificatesMax) + ")");
    return !is_first;
  }
  std::vector<Pair> read;
  for (const TlsFiles& files : pairs) {
    auto made = read_identity(files);
    const auto known = std::ranges::find(pairs_, files, &Pair::files);
    if (!made) complain("--tls-certificate: " + made.error());
    if (!made && is_first) return false;
    if (made) staple(files, *made);
    if (made) {
      read.push_back({files, std::move(*made), {}});
      if (known != pairs_.end()) keep_warned(*known, read.back());
    } else if (known != pairs_.end()) {
      read.push_back(std::move(*known));
    }
  }
  if (!read.empty()) pairs_ = std::move(read);
  for (const Pair& pair : pairs_) {
    log_.line(LogLevel::info, "tls_certificate",
              {{"file", pair.files.chain},
               {"names", joined(pair.identity.names())},
               {"key", net::key_kind_name(pair.identity.kind())},
               {"not_after", timestamp(pair.identity.not_after())}});
  }
  return true;
}

// What the log has said of the same certificate and response it does not say again.
void TlsKeeper::keep_warned(const Pair& before, Pair& now) {
  if (before.identity.not_after() == now.identity.not_after()) now.warned.days = before.warned.days;
  if (before.identity.ocsp().next_update == now.identity.ocsp().next_update) {
    now.warned.is_response_over = before.warned.is_response_over;
  }
}

bool TlsKeeper::read_ticket_keys(bool is_first) {
  if (options_.ticket_keys.empty()) return true;
  auto file = read_tls_file(options_.ticket_keys);
  const auto keys = file ? net::TlsTicketKeys::parse(core::as_octets(*file)) : std::nullopt;
  if (file) ::explicit_bzero(file->data(), file->size());
  if (keys) {
    keys_ = *keys;
    return true;
  }
  complain("--tls-ticket-keys: " +
           (file ? options_.ticket_keys + ": not 1 to " + std::to_string(core::kTlsTicketKeysMax) +
                       " keys of " + std::to_string(core::kTlsTicketKeyBytes) + " octets"
                 : file.error()));
  return !is_first;
}

std::vector<std::string> TlsKeeper::paths() const {
  std::vector<std::string> paths;
  for (const std::string& value : options_.certificates) {
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
  if (!options_.ticket_keys.empty()) paths.push_back(options_.ticket_keys);
  return paths;
}

std::shared_ptr<net::TlsContext> TlsKeeper::make_context() const {
  if (pairs_.empty()) return nullptr;
  std::vector<const net::TlsIdentity*> identities;
  for (const Pair& pair : pairs_) identities.push_back(&pair.identity);
  auto made = net::TlsContext::make(identities, options_.rules, keys_);
  if (made == nullptr) {
    log_.line(LogLevel::error, "tls_file_refused", {{"what", "no memory for a new context"}});
  }
  return made;
}

// --- the thread ----------------------------------------------------------------------------------

void TlsKeeper::start(std::function<void()> renewed, std::function<void()> reloaded) {
  if (pairs_.empty()) return;
  renewed_ = std::move(renewed);
  reloaded_ = std::move(reloaded);
  is_running_ = true;
  thread_ = std::thread([this] { run(); });
}

bool TlsKeeper::reload() {
  if (!thread_.joinable()) return false;
  {
    const std::lock_guard lock(mutex_);
    reload_asked_ = true;
  }
  woken_.notify_all();
  return true;
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
  look_first();
  warn_of_unreadable();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_.wait_for(lock, kInterval, [this] { return stopping_ || reload_asked_; });
    const bool is_asked = std::exchange(reload_asked_, false);
    if (stopping_) return;
    lock.unlock();
    if (look(is_asked)) renewed_();
    warn_of_ends();
    lock.lock();
    if (is_asked && !reload_asked_) reloaded_();
  }
}

// Who reads anew may see less than who has read first: what cannot be seen from here has not
// changed. Whatever else has, while the spool was recovered for instance, is read.
void TlsKeeper::look_first() {
  seen_stamps_ = tls_file_stamps(paths());
  std::erase_if(read_stamps_,
                [this](const auto& entry) { return !seen_stamps_.contains(entry.first); });
  for (const auto& [path, stamp] : seen_stamps_) {
    if (stamp.empty()) read_stamps_[path].clear();
  }
}

// A renewal that only root could read would go by without a word.
void TlsKeeper::warn_of_unreadable() {
  std::vector<std::string> read;
  for (const Pair& pair : pairs_) {
    read.push_back(pair.files.chain);
    read.push_back(pair.files.key);
  }
  if (!options_.ticket_keys.empty()) read.push_back(options_.ticket_keys);
  const auto hidden = std::ranges::find_if(
      read, [](const std::string& path) { return ::access(path.c_str(), R_OK) != 0; });
  if (hidden == read.end()) return;
  log_.line(LogLevel::warning, "tls_file_not_readable_anew", {{"file", *hidden}});
}

// returns   whether workers need new contexts
bool TlsKeeper::look(bool is_asked) {
  TlsStamps stamps = tls_file_stamps(paths());
  const bool is_still = stamps == seen_stamps_;
  seen_stamps_ = std::move(stamps);
  const bool is_due =
      rest_.note_look(seen_stamps_ != read_stamps_, is_still, net::SystemClock().now());
  if (is_asked || is_due) {
    const bool is_read = read_all(/*is_first=*/false);
    log_.line(LogLevel::info, "tls_reload",
              {{"certificates", uint64_t{pairs_.size()}},
               {"result", first_wrong_.empty() && !has_bad_response_ ? "all" : "in part"}});
    return is_read;
  }
  const bool has_old_key =
      options_.ticket_keys.empty() &&
      net::SystemClock().now() >= rotated_at_ + core::seconds(core::kTlsTicketRotationS);
  return has_old_key && rotate();
}

bool TlsKeeper::rotate() {
  rotated_at_ = net::SystemClock().now();
  return keys_.rotate();
}

void TlsKeeper::warn_of_ends() {
  for (Pair& pair : pairs_) warn_of_end(pair.files, pair.identity, pair.warned);
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
