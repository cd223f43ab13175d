// SPDX-License-Identifier: GPL-3.0-or-later
// Check everything, start, wait for a signal, drain. Nothing starts half-configured.
#include "tools/serve/serve.h"

#include "net/ring_failure.h"
#include "net/system_clock.h"
#include "tools/lib/descriptor_limit.h"
#include "tools/lib/exit_codes.h"
#include "tools/lib/version.h"
#include "tools/serve/assemble.h"
#include "tools/serve/client_list_files.h"
#include "tools/serve/file_access.h"
#include "tools/serve/limit_text.h"
#include "tools/serve/listen_address.h"
#include "tools/serve/lockdown.h"
#include "tools/serve/options.h"
#include "tools/serve/privileges.h"
#include "tools/serve/reload.h"
#include "tools/serve/service_manager.h"
#include "tools/serve/start_sources.h"
#include "tools/serve/syscall_filter.h"
#include "tools/serve/tls_keeper.h"
#include "tools/serve/watchdog.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace mailrace::tools {
namespace {

int complain(const std::string& what, int exit_code) {
  std::fprintf(stderr, "mailrace serve: %s\n", what.c_str());
  return exit_code;
}

std::optional<std::string> tls_contradiction(const ServeOptions& options) {
  if (!options.tls.certificates.empty()) return std::nullopt;
  const bool needs_tls = std::ranges::any_of(options.listen,
                                             [](const std::string& text) {
                                               return parse_listen_address(text)->needs_tls;
                                             }) ||
                         !options.listen_tls.empty() || !options.tls.ticket_keys.empty();
  if (!needs_tls) return std::nullopt;
  return "--tls-certificate: none given (allowed: at least one where --listen-tls, tls-required or "
         "--tls-ticket-keys are)";
}

// What flags alone cannot say.
std::optional<std::string> contradiction(const ServeOptions& options) {
  if (options.domains.empty() && !options.accept_any_domain) {
    return "--domain: none given (allowed: at least one recipient domain that is ours, or "
           "--accept-any-domain for load tests)";
  }
  if (options.spool.empty()) return "--spool: none given (allowed: a directory)";
  const size_t listeners = options.listen.size() + options.listen_tls.size();
  if (listeners > core::kListenersMax) {
    return "--listen: given " + std::to_string(listeners) + " times (allowed: up to " +
           std::to_string(core::kListenersMax) + ", with --listen-tls)";
  }
  if (const auto rules = limit_rules(options.limits); !rules) return "--limit: " + rules.error();
  return tls_contradiction(options);
}

// What this machine lacks, which only a start may ask.
std::optional<std::string> unusable_machine() {
  if (auto wrong = unusable_kernel()) return wrong;
  if (std::string reason = net::ring_unavailable(core::kConnectionsPerWorkerMax); !reason.empty())
    return reason;
  return std::nullopt;
}

// As serve() would take them.
std::optional<std::string> check_files(const ServeOptions& options) {
  Log quiet(options.log_format, LogLevel::error);
  if (auto wrong = TlsKeeper(options.tls, quiet).load()) return wrong;
  const auto lists = read_client_lists(options.allow_lists, options.block_lists);
  return lists ? std::nullopt : std::optional(lists.error());
}

sigset_t stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

int wait_for_stop_signal() {
  const sigset_t signals = stop_signals();
  int signal = 0;
  sigwait(&signals, &signal);
  return signal;
}

// The second signal ends the process where it stands: what was not durable was not acknowledged.
// One that leaves its place to another server has had none yet.
void obey_further_signals(Server& server, bool leaves) {
  std::thread([&server, leaves] {
    if (leaves) {
      wait_for_stop_signal();
      server.drain();
    }
    wait_for_stop_signal();
    ::_exit(kExitFailure);
  }).detach();
}

// Everything up to the first thread, in the order in which the process loses what it may do.
// returns  what is wrong, in one line
std::optional<std::string> prepare(const ServeOptions& options, const Privileges& privileges,
                                   const std::string& config, Server& server) {
  if (auto failed = settle_core_dumps(options.lockdown)) return failed;
  if (auto failed = privileges.enter_root()) return failed;
  if (auto failed = server.load_tls()) return failed;
  if (auto failed = server.open_listeners()) return failed;
  // Some places are only for root to find. A config file outside of our root directory is none.
  const FileAccess& access =
      server.settle_file_access(options.privileges.chroot.empty() ? config : std::string());
  if (auto failed = privileges.give_up(options.spool)) return failed;
  if (auto failed = server.load_lists()) return failed;
  if (auto failed = settle_core_dumps(options.lockdown)) return failed;
  if (auto failed = server.open_spool()) return failed;
  if (auto failed = forbid_new_privileges()) return failed;
  return forbid_other_files(options.lockdown, access);
}

// All that SIGHUP asks for, as a whole or not at all.
// returns  what is wrong, in one line
std::optional<std::string> reload(const StartSources& sources, Server& server) {
  ServeOptions options;
  const ParseResult parsed = sources.read(options);
  if (!parsed.outcome.proceed) {
    std::string_view line = parsed.err;
    constexpr std::string_view kWho = "mailrace serve: ";
    if (line.starts_with(kWho)) line.remove_prefix(kWho.size());
    return std::string(line.substr(0, line.find('\n')));
  }
  auto wrong = contradiction(options);
  if (!wrong) wrong = server.reload(options);
  if (wrong) wrong = at_source(std::move(*wrong), parsed.sources);
  return wrong;
}

// By which the thread that hears of a successor wakes the main one.
constexpr int kSuccessorSignal = SIGUSR1;

// Until a signal comes that ends it. returns that, or kSuccessorSignal
int wait_for_end(const sigset_t& signals, const std::function<void()>& reload,
                 const std::atomic<bool>& has_successor) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0) {
    if (signal == SIGHUP) {
      reload();
    } else if (signal != kSuccessorSignal || has_successor) {
      break;
    }
  }
  return signal;
}

// Takes nothing new, and finishes what there is.
void finish(Server& server, Log& log, int signal) {
  const bool leaves = signal == kSuccessorSignal;
  obey_further_signals(server, leaves);
  if (leaves) {
    log.line(LogLevel::info, "leaving");
    server.leave();
  } else {
    server.drain();
    log.line(LogLevel::info, "draining", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
  }
  server.join();
  if (leaves) log.line(LogLevel::info, "taken_over");
}

int serve(const ServeOptions& options, const StartSources& sources, const std::string& config,
          const Privileges& privileges) {
  // Blocked before any thread exists, so that every thread inherits it and only sigwait() sees
  // them.
  sigset_t signals = stop_signals();
  sigaddset(&signals, SIGHUP);
  sigaddset(&signals, kSuccessorSignal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // a file that RLIMIT_FSIZE keeps from growing is a failed write
  raise_descriptor_limit();

  const ServiceManager manager;
  Log log(options.log_format, options.log_level);
  Server server(options, log);
  if (const auto failed = prepare(options, privileges, config, server)) {
    return complain(*failed, kExitUsage);
  }
  std::vector<LogField> held = lockdown_fields(options.lockdown);  // cannot be asked later
  held.emplace_back("user", privileges.who());
  const bool is_root = ::geteuid() == 0;
  const auto say_status = [&manager](const std::string& line) { manager.tell("STATUS=" + line); };
  std::atomic<bool> has_successor{false};
  const auto successor_came = [&has_successor, main_thread = ::pthread_self()] {
    has_successor = true;
    ::pthread_kill(main_thread, kSuccessorSignal);
  };
  if (const auto failed = server.start(say_status, successor_came)) {
    return complain(*failed, kExitUsage);
  }
  Watchdog watchdog(
      manager, [&server] { return server.is_alive(); }, log);
  const auto give_up = [&](const std::string& failed) {
    watchdog.stop();
    server.drain();
    server.join();
    return complain(failed, kExitUsage);
  };
  if (const auto failed = forbid_system_calls(options.lockdown)) return give_up(*failed);
  log.line(LogLevel::info, "lockdown", held);
  if (is_root) {
    log.line(LogLevel::warning, "runs_as_root", {{"what", "--user NAME would have it be another"}});
  }
  manager.tell_ready("STATUS=taking mail");
  if (const auto failed = server.take_place()) return give_up(*failed);
  log.line(LogLevel::info, "ready", {{"pid", uint64_t(::getpid())}});

  const auto reload_and_tell = [&] {
    manager.tell_reloading(net::SystemClock().now());
    const bool is_outside = !options.privileges.chroot.empty() && !config.empty();
    const auto wrong = is_outside ? std::optional("--config: " + config +
                                                  " is outside of --chroot, and cannot be read "
                                                  "again: that needs a restart")
                                  : reload(sources, server);
    if (wrong) log.line(LogLevel::error, "reload_refused", {{"what", *wrong}});
    manager.tell_ready();
  };
  const int signal = wait_for_end(signals, reload_and_tell, has_successor);
  manager.tell("STOPPING=1");
  watchdog.stop();
  finish(server, log, signal);
  log.stop();
  log.line(LogLevel::info, "stopped");
  return kExitOk;
}

}  // namespace

int main_serve(int argc, char** argv) {
  const StartSources sources(argc, argv);
  ServeOptions options;
  const ParseResult parsed = sources.read(options);
  if (const ParseOutcome outcome = say_result(parsed); !outcome.proceed) return outcome.exit_code;
  if (options.version) {
    std::fputs(version_text().c_str(), stdout);
    return kExitOk;
  }
  if (const auto wrong = contradiction(options)) return complain(*wrong, kExitUsage);
  if (const auto wrong = unusable_machine()) return complain(*wrong, kExitUsage);
  const auto privileges = Privileges::find(options.privileges);
  if (!privileges) return complain(privileges.error(), kExitUsage);
  if (options.check) {
    if (const auto wrong = privileges->enter_root()) return complain(*wrong, kExitUsage);
    if (const auto wrong = check_files(options)) return complain(*wrong, kExitUsage);
    std::puts("mailrace serve: configuration ok");
    return kExitOk;
  }
  return serve(options, sources, parsed.config, *privileges);
}

}  // namespace mailrace::tools
