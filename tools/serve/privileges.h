// SPDX-License-Identifier: GPL-3.0-or-later
// Whom the process runs as once it has what only root may take.
#pragma once

#include <tl/expected.hpp>

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace mailrace::tools {

struct PrivilegeOptions {
  std::string user;    // by name; empty: whoever has started the process
  std::string chroot;  // a directory; empty: none
};

/// The steps in their order: find(), enter_root(), then keys are read and sockets bound, give_up().
class Privileges {
 public:
  /// Looks the user up, while the machine's list of users can still be read.
  /// fails   with one line: there is no such user, it is root, or we may become nobody else
  static tl::expected<Privileges, std::string> find(const PrivilegeOptions& options);

  /// Makes the directory that the option names the root directory, so that all other paths are
  /// inside. Does nothing without the option.
  std::optional<std::string> enter_root() const;

  /// Becomes the user, with his groups and without any capability. Before that, a spool directory
  /// that is missing is made his.
  /// fails   with one line; then nothing may be served
  std::optional<std::string> give_up(const std::string& spool) const;

  /// Who runs, for the log: the name, or the number of who has started it.
  std::string who() const;

 private:
  explicit Privileges(const PrivilegeOptions& options) : options_(options) {}

  std::optional<std::string> make_his(const std::string& spool) const;
  std::optional<std::string> become_user() const;

  PrivilegeOptions options_;
  uid_t uid_ = 0;  // with options_.user
  gid_t gid_ = 0;
  std::vector<gid_t> groups_;
};

}  // namespace mailrace::tools
