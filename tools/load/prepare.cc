// SPDX-License-Identifier: GPL-3.0-or-later
// Checks first: a run that cannot be makes no file.
#include "tools/load/prepare.h"

#include "core/base/check.h"
#include "tools/lib/flag_text.h"
#include "tools/load/mail_folder.h"
#include "tools/load/target.h"

#include <cerrno>
#include <cstring>
#include <utility>

namespace mailrace::tools {
namespace {

std::optional<std::string> source_problem(const LoadOptions& options) {
  if (!options.source) return std::nullopt;
  const auto target = parse_load_target(options.target);
  MAILRACE_CHECK(target.has_value());
  if (target->is_unix()) return "--source is for IP, and --target is a Unix socket";
  if (options.source->first.is_v4 != target->endpoint.address.is_v4) {
    return "--source is of another IP version than --target";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> prepare_load(LoadOptions& options, LoadIdWriter& ids) {
  if (auto problem = source_problem(options)) return problem;
  if (!options.mail_folder.empty()) {
    auto mails = read_mail_folder(options.mail_folder);
    if (!mails) return "--mails: " + in_quotes(options.mail_folder) + ": " + mails.error();
    options.mails = std::make_shared<const std::vector<std::string>>(*std::move(mails));
  }
  if (!options.ids.empty()) {
    if (!ids.open(options.ids)) {
      return "--ids: " + in_quotes(options.ids) + ": " + std::strerror(errno);
    }
    options.id_writer = &ids;
  }
  return std::nullopt;
}

}  // namespace mailrace::tools
