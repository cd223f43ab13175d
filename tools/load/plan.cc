// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be done before the first connection is done here.
#include "tools/load/plan.h"

#include "core/base/check.h"
#include "core/base/ip.h"
#include "net/socket_address.h"
#include "net/system_clock.h"

#include <unistd.h>

namespace mailrace::tools {
namespace {

// The same text in every run; only the ids differ.
constexpr uint64_t kBodySeed = 42;

// Different for runs at the same time, and for runs one after the other.
uint64_t run_id() {
  return uint64_t(net::SystemClock().wall_now().ns) ^ uint64_t(::getpid()) << 40;
}

std::string in_angle_brackets(const std::string& path) {
  return path == "<>" ? path : "<" + path + ">";
}

}  // namespace

LoadPlan::LoadPlan(const LoadOptions& load_options)
    : options(load_options),
      ehlo("EHLO load.mailrace.invalid\r\n"),
      starttls("STARTTLS\r\n"),
      mail_command("MAIL FROM:" + in_angle_brackets(options.mail_from) + "\r\n"),
      rcpt_command("RCPT TO:" + in_angle_brackets(options.rcpt) + "\r\n"),
      data_command("DATA\r\n"),
      transaction(mail_command + rcpt_command + data_command),
      quit("QUIT\r\n"),
      mail(options.message_bytes, kBodySeed, run_id()) {
  const auto endpoint = core::parse_endpoint(options.target);
  MAILRACE_CHECK(endpoint.has_value());
  address_size = net::to_socket_address(*endpoint, address);
}

}  // namespace mailrace::tools
