// SPDX-License-Identifier: GPL-3.0-or-later
// Workers fill rings; this thread looks at them often while there is work and seldom when not.
#include "tools/lib/log.h"

#include "core/base/limits.h"
#include "core/base/queue_id.h"
#include "core/base/text.h"
#include "core/message/date.h"
#include "core/smtp/replies.h"
#include "core/smtp/verb.h"
#include "net/system_clock.h"
#include "tools/lib/json.h"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace mailrace::tools {
namespace {

using core::ReplyRow;

constexpr auto kBusyPause = std::chrono::milliseconds(2);
constexpr auto kIdlePause = std::chrono::milliseconds(50);
constexpr size_t kWriteBytes = 64 << 10;  // lines are gathered up to here
constexpr size_t kPieceBytes = PIPE_BUF;
constexpr int kReaderPatienceMs = 1000;  // how long one who does not read is waited for

std::string timestamp(core::WallTime time) {
  std::array<char, core::kTimestampBytes> memory;
  core::TextBuilder text(memory.data(), memory.size());
  core::add_timestamp(text, time);
  return std::string(text.text());
}

std::string endpoint_text(const core::Endpoint& endpoint) {
  std::array<char, core::kIpAddressTextBytesMax + 8> memory;
  core::TextBuilder text(memory.data(), memory.size());
  core::add_endpoint(text, endpoint);
  return std::string(text.text());
}

std::string reply_text(core::ReplyId id) {
  const ReplyRow& row = core::reply_row(id);
  std::string text = std::to_string(row.code);
  if (row.enhanced.status_class != 0) {
    text += ' ' + std::to_string(row.enhanced.status_class) + '.' +
            std::to_string(row.enhanced.subject) + '.' + std::to_string(row.enhanced.detail);
  }
  return text;
}

std::string_view verb_name(core::Verb verb) {
  const std::string_view name = core::verb_row(verb).name;
  return name.empty() ? "?" : name;
}

// Either format from one list of members: JSON, or name=value behind time and event.
class Line {
 public:
  Line(std::string& target, LogFormat format, core::WallTime time, std::string_view level,
       std::string_view event)
      : target_(target), format_(format) {
    if (format_ == LogFormat::json) target_ += '{';
    text("time", timestamp(time)).text("level", level).text("event", event);
  }
  Line& text(std::string_view name, std::string_view value) {
    begin(name);
    add_json_string(target_, value);
    return *this;
  }
  Line& number(std::string_view name, int64_t value) { return raw(name, std::to_string(value)); }
  Line& number(std::string_view name, uint64_t value) { return raw(name, std::to_string(value)); }
  Line& raw(std::string_view name, std::string_view value) {
    begin(name);
    target_ += value;
    return *this;
  }
  void end() { target_ += format_ == LogFormat::json ? "}\n" : "\n"; }

 private:
  void begin(std::string_view name) {
    const bool json = format_ == LogFormat::json;
    if (!first_) target_ += json ? ',' : ' ';
    first_ = false;
    if (json) {
      add_json_string(target_, name);
      target_ += ':';
    } else {
      target_ += name;
      target_ += '=';
    }
  }

  std::string& target_;
  LogFormat format_;
  bool first_ = true;
};

void add_tls(Line& line, const core::TlsFacts& tls) {
  if (!tls.is_on()) return;
  line.text("tls", tls.version).text("cipher", tls.cipher);
  if (!tls.group.empty()) line.text("group", tls.group);
  if (!tls.server_name.empty()) line.text("sni", tls.server_name);
  if (!tls.client.empty()) line.text("client_cn", tls.client);
  if (tls.is_resumed) line.raw("resumed", "true");
}

void add_message(std::string& target, const net::Event& event, LogFormat format) {
  const bool accepted = event.reply == core::ReplyId::mail_accepted;
  Line line(target, format, event.time, "info", "message");
  line.text("status", accepted ? "accepted" : "refused");
  line.text("id", core::format_queue_id(event.queue_id).view());
  line.text("peer", endpoint_text(event.peer)).text("helo", event.helo);
  line.text("mail_from", event.reverse_path).number("rcpt_count", uint64_t{event.recipients});
  line.number("size", event.size).text("reply", reply_text(event.reply));
  if (accepted) line.text("durability", core::durability_name(event.durability));
  line.number("before_us", event.before.us()).number("envelope_us", event.envelope.us());
  line.number("data_us", event.data.us()).number("commit_us", event.commit.us());
  add_tls(line, event.tls);
  if (event.early > 0) line.number("early_talker", uint64_t{event.early});
  if (!event.answered) line.raw("answered", "false");
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_refusal(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "refusal");
  line.text("peer", endpoint_text(event.peer)).text("helo", event.helo);
  line.text("verb", verb_name(event.verb)).text("reply", reply_text(event.reply));
  line.number("count", uint64_t{event.refused});
  if (event.early > 0) line.number("early_talker", uint64_t{event.early});
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_early_talker(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "early_talker");
  line.text("peer", endpoint_text(event.peer)).text("helo", event.helo);
  line.number("count", uint64_t{event.early}).number("worker", uint64_t{event.worker});
  line.end();
}

void add_proxied(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "proxied");
  line.text("peer", endpoint_text(event.peer)).text("via", endpoint_text(event.via));
  line.text("by", event.verb == core::Verb::xclient ? "XCLIENT" : "PROXY");
  if (event.destination.port != 0) line.text("destination", endpoint_text(event.destination));
  if (!event.text.empty()) line.text("name", event.text);
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_proxy_failure(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "proxy_failure");
  line.text("peer", endpoint_text(event.peer)).text("reason", event.text);
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_client_limited(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "client_limited");
  line.text("limit", event.text).number("count", uint64_t{event.refused});
  line.text("last_peer", endpoint_text(event.peer)).number("worker", uint64_t{event.worker});
  line.end();
}

void add_tls_failure(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "tls_failure");
  line.text("peer", endpoint_text(event.peer)).text("helo", event.helo);
  line.text("reason", event.text).number("worker", uint64_t{event.worker});
  line.end();
}

void add_spool_failure(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "error", "spool_failure");
  line.text("operation", event.text).text("error", std::strerror(event.sys_errno));
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_spool_load(std::string& target, const net::Event& event, LogFormat format) {
  const bool busy = event.kind == net::EventKind::spool_busy;
  Line line(target, format, event.time, "warning", busy ? "spool_busy" : "spool_ready");
  if (busy) line.text("resource", event.text);
  line.number("refused", uint64_t{event.refused}).number("worker", uint64_t{event.worker});
  line.end();
}

void add_overload(std::string& target, const net::Event& event, LogFormat format) {
  const bool is_over = event.strain == core::Strain::none;
  Line line(target, format, event.time, is_over ? "info" : "warning", "overload");
  line.text("strain", core::kStrainNames[size_t(event.strain)]);
  line.text("resource", event.text).number("used_percent", uint64_t{event.used / 10});
  line.number("worker", uint64_t{event.worker});
  line.end();
}

void add_worker_end(std::string& target, const net::Event& event, LogFormat format) {
  Line line(target, format, event.time, "info", "worker_end");
  line.number("busy_spells", uint64_t{event.busy_spells});
  line.number("busy_refused", uint64_t{event.refused}).number("worker", uint64_t{event.worker});
  line.end();
}

LogLevel level_of(net::EventKind kind) {
  switch (kind) {
    case net::EventKind::spool_failure:
      return LogLevel::error;
    case net::EventKind::spool_busy:
    case net::EventKind::spool_ready:
    case net::EventKind::overload:
      return LogLevel::warning;
    case net::EventKind::message:
    case net::EventKind::refusal:
    case net::EventKind::early_talker:
    case net::EventKind::proxied:
    case net::EventKind::proxy_failure:
    case net::EventKind::client_limited:
    case net::EventKind::tls_failure:
    case net::EventKind::worker_end:
      break;
  }
  return LogLevel::info;
}

}  // namespace

void add_event_line(std::string& target, const net::Event& event, LogFormat format) {
  switch (event.kind) {
    case net::EventKind::message:
      return add_message(target, event, format);
    case net::EventKind::refusal:
      return add_refusal(target, event, format);
    case net::EventKind::early_talker:
      return add_early_talker(target, event, format);
    case net::EventKind::proxied:
      return add_proxied(target, event, format);
    case net::EventKind::proxy_failure:
      return add_proxy_failure(target, event, format);
    case net::EventKind::client_limited:
      return add_client_limited(target, event, format);
    case net::EventKind::tls_failure:
      return add_tls_failure(target, event, format);
    case net::EventKind::spool_failure:
      return add_spool_failure(target, event, format);
    case net::EventKind::spool_busy:
    case net::EventKind::spool_ready:
      return add_spool_load(target, event, format);
    case net::EventKind::overload:
      return add_overload(target, event, format);
    case net::EventKind::worker_end:
      return add_worker_end(target, event, format);
  }
}

net::EventRing* Log::make_ring() {
  rings_.push_back(std::make_unique<net::EventRing>());
  dropped_said_.push_back(0);
  return rings_.back().get();
}

void Log::start() {
  thread_ = std::thread([this] { run(); });
}

void Log::stop() {
  if (!thread_.joinable()) return;
  stopping_ = true;
  thread_.join();
}

void Log::run() {
  while (true) {
    const bool last = stopping_;
    const size_t count = drain();
    if (last && count == 0) return;
    if (!last) std::this_thread::sleep_for(count > 0 ? kBusyPause : kIdlePause);
  }
}

size_t Log::drain() {
  size_t count = 0;
  for (size_t i = 0; i < rings_.size(); ++i) {
    count += rings_[i]->drain([this](const net::Event& event) {
      if (level_of(event.kind) > level_) return;
      add_event_line(buffer_, event, format_);
      if (buffer_.size() >= kWriteBytes) unread_ += write(std::exchange(buffer_, {}));
    });
    const uint64_t dropped = rings_[i]->dropped();
    if (dropped == dropped_said_[i]) continue;
    line(LogLevel::warning, "log_lines_dropped",
         {{"worker", uint64_t{i}}, {"count", dropped - dropped_said_[i]}});
    dropped_said_[i] = dropped;
  }
  if (!buffer_.empty()) {
    unread_ += write(buffer_);
    buffer_.clear();
  }
  if (unread_ > 0 && line(LogLevel::warning, "log_lines_unread", {{"count", unread_}})) unread_ = 0;
  return count;
}

bool Log::line(LogLevel level, std::string_view event, const std::vector<LogField>& fields) {
  if (level > level_) return true;
  constexpr std::string_view kNames[] = {"error", "warning", "info"};
  std::string text;
  Line line(text, format_, net::SystemClock().wall_now(), kNames[size_t(level)], event);
  for (const LogField& field : fields) {
    if (field.is_number) {
      line.raw(field.name, field.text);
    } else {
      line.text(field.name, field.text);
    }
  }
  line.end();
  return write(text) == 0;
}

// A reader that went away or sleeps costs the lines, not the mail, and keeps nobody from stopping.
// Whole lines are written, in pieces that a pipe takes without blocking once it is ready.
// returns how many lines are lost
size_t Log::write(std::string_view lines) {
  const std::lock_guard lock(output_);
  while (!lines.empty()) {
    pollfd output{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
    const int ready = ::poll(&output, 1, reader_sleeps_ ? 0 : kReaderPatienceMs);
    if (ready < 0 && errno == EINTR) continue;
    reader_sleeps_ = ready == 0;
    if (reader_sleeps_) break;
    const size_t line_end = lines.substr(0, kPieceBytes).rfind('\n');
    const size_t piece = line_end == std::string_view::npos ? kPieceBytes : line_end + 1;
    const ssize_t written = ::write(STDOUT_FILENO, lines.data(), std::min(piece, lines.size()));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) break;
    lines.remove_prefix(size_t(written));
  }
  return size_t(std::ranges::count(lines, '\n'));
}

}  // namespace mailrace::tools
