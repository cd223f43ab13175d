// SPDX-License-Identifier: GPL-3.0-or-later
// Everything that can be done before the first connection is done here.
#include "tools/load/plan.h"

#include "core/base/check.h"
#include "core/base/prng.h"
#include "net/system_clock.h"

#include <unistd.h>

namespace mailrace::tools {
namespace {

// The same text in every run; only the ids differ.
constexpr uint64_t kBodySeed = 42;
constexpr std::string_view kNumber = "%d";

// Different for runs at the same time, and for runs one after the other.
uint64_t run_id() {
  return uint64_t(net::SystemClock().wall_now().ns) ^ uint64_t(::getpid()) << 40;
}

std::string in_angle_brackets(const std::string& path) {
  return path == "<>" ? path : "<" + path + ">";
}

std::unique_ptr<const LoadMail> make_mail(const LoadOptions& options) {
  if (options.mails) return std::make_unique<LoadMail>(*options.mails, options.framing, run_id());
  return std::make_unique<LoadMail>(options.message_bytes.sizes(), options.framing, kBodySeed,
                                    run_id());
}

LoadTarget target_of(const LoadOptions& options) {
  const auto target = parse_load_target(options.target);
  MAILRACE_CHECK(target.has_value());
  return *target;
}

}  // namespace

LoadPlan::LoadPlan(const LoadOptions& load_options)
    : options(load_options),
      target(target_of(options)),
      address_size(to_socket_address(target, address)),
      hello(target.protocol == LoadProtocol::lmtp ? "LHLO load.mailrace.invalid\r\n"
                                                  : "EHLO load.mailrace.invalid\r\n"),
      starttls("STARTTLS\r\n"),
      mail_command("MAIL FROM:" + in_angle_brackets(options.mail_from) + "\r\n"),
      rcpt_begin("RCPT TO:" + in_angle_brackets(options.rcpt) + "\r\n"),
      bad_rcpt_command("RCPT TO:" + in_angle_brackets(options.bad_rcpt) + "\r\n"),
      data_command("DATA\r\n"),
      reset_command("RSET\r\n"),
      quit("QUIT\r\n"),
      mail(make_mail(options)) {
  const size_t number_at = rcpt_begin.find(kNumber);
  rcpt_has_number = number_at != std::string::npos;
  if (rcpt_has_number) {
    rcpt_end = rcpt_begin.substr(number_at + kNumber.size());
    rcpt_begin.resize(number_at);
  }
  transaction = mail_command + rcpt_begin + data_command;
  is_varied = rcpt_has_number || mail->bodies().size() > 1 || !options.recipients.is_fixed() ||
              options.recipients.low > 1 || options.bad_recipients_percent > 0 ||
              options.abort_percent > 0 || options.framing == LoadFraming::bdat;
}

// The server's end is the one connected to, if it is of the clients' family.
std::string LoadPlan::proxy_header_of(uint64_t random) const {
  if (options.proxy == ProxyVersion::off) return {};
  constexpr uint64_t kPortsFrom = 1024;
  core::Prng draws(random);
  core::Endpoint source{options.proxy_clients.at(draws.next()), 0};
  source.port = uint16_t(kPortsFrom + draws.below(65536 - kPortsFrom));
  core::Endpoint destination{source.address, 25};
  if (!target.is_unix() && target.endpoint.address.is_v4 == source.address.is_v4) {
    destination = target.endpoint;
  }
  return proxy_header(options.proxy, source, destination);
}

}  // namespace mailrace::tools
