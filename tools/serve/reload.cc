// SPDX-License-Identifier: GPL-3.0-or-later
// A list of what can change: whatever flag is added needs a restart until somebody has looked.
#include "tools/serve/reload.h"

#include "core/base/cidr.h"
#include "core/smtp/path.h"
#include "tools/serve/limit_text.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

namespace mailrace::tools {
namespace {

constexpr auto kReloadable = std::to_array<std::string_view>({
    "accept-any-domain",
    "allow-list",
    "bare-newline",
    "block-list",
    "domain",
    "drain-timeout",
    "early-talker",
    "error-delay",
    "greeting-delay",
    "hostname",
    "limit",
    "log-level",
    "max-commit-wait",
    "max-errors",
    "max-hops",
    "max-lag",
    "max-line-length",
    "max-message-size",
    "max-messages-per-connection",
    "max-recipients",
    "max-transaction-time",
    "max-worker-connections",
    "min-data-rate",
    "prdr",
    "proxy-protocol-from",
    "timeout-command",
    "timeout-data-block",
    "timeout-linger",
    "timeout-proxy-header",
    "timeout-reply",
    "timeout-tls-handshake",
    "tls-certificate",
    "tls-min-version",
    "tls-request-certificate",
    "tls-ticket-keys",
    "xclient-from",
});

// Fully qualified or not, it is what the machine calls itself.
std::string machine_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  return core::is_domain(name.data()) ? name.data() : "localhost";
}

core::SessionOptions session_options(const ServeOptions& options) {
  core::SessionOptions session = options.session;
  if (session.hostname.empty()) session.hostname = machine_name();
  return session;
}

core::CidrSet networks(const std::vector<std::string>& texts) {
  std::vector<core::CidrPrefix> prefixes;
  for (const std::string& text : texts) prefixes.push_back(core::parse_cidr(text).prefix);
  return core::CidrSet(std::move(prefixes));
}

}  // namespace

bool is_reloadable(std::string_view flag) {
  return std::ranges::find(kReloadable, flag) != kReloadable.end();
}

std::vector<std::string> changed_flags(ServeOptions before, ServeOptions now) {
  const std::vector<Flag> old_flags = serve_flags(before);
  const std::vector<Flag> new_flags = serve_flags(now);
  std::vector<std::string> changed;
  for (size_t i = 0; i < old_flags.size(); ++i) {
    if (old_flags[i].get() != new_flags[i].get()) changed.push_back(old_flags[i].name);
  }
  return changed;
}

std::optional<std::string> needs_restart(const std::vector<std::string>& changed) {
  const auto flag = std::ranges::find_if_not(changed, is_reloadable);
  if (flag == changed.end()) return std::nullopt;
  return "--" + *flag +
         ": has another value than at the start, which needs a restart (or --take-over)";
}

std::string at_source(std::string line, const std::map<std::string, std::string>& sources) {
  const size_t colon = line.find(':');
  if (!line.starts_with("--") || colon == std::string::npos) return line;
  const auto source = sources.find(line.substr(2, colon - 2));
  return source == sources.end() ? line : source->second + line.substr(colon);
}

std::shared_ptr<net::Settings> make_settings(const ServeOptions& options) {
  auto settings = std::make_shared<net::Settings>(net::Settings{
      .session = core::SessionConfig(session_options(options)),
      .connection = options.connection,
      .sessions_max = options.worker_connections_max,
      .lag_max = options.lag_max,
      .commit_wait_max = options.commit_wait_max,
      .drain_timeout = options.drain_timeout,
      .tells_sessions = options.log_level == LogLevel::info,
  });
  for (const std::string& domain : options.domains) settings->domains.add(domain);
  if (options.accept_any_domain) settings->domains.accept_any();
  settings->connection.proxy_from = networks(options.proxy_protocol_from);
  settings->connection.xclient_from = networks(options.xclient_from);
  settings->connection.limits = core::LimitRules(limit_rules(options.limits).value());
  return settings;
}

}  // namespace mailrace::tools
