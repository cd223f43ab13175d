// SPDX-License-Identifier: GPL-3.0-or-later
// Certificates and keys on the disk: which files belong together, and when they have changed.
#pragma once

#include <tl/expected.hpp>

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace mailrace::tools {

/// A chain and its key, by path.
struct TlsFiles {
  std::string chain;
  std::string key;

  bool operator==(const TlsFiles&) const = default;
};

/// What --tls-certificate may be, for messages and help.
inline constexpr std::string_view kTlsCertificateSyntax =
    "CHAIN,KEY: two files in PEM, or a directory with fullchain.pem and privkey.pem, or one of "
    "such directories and of pairs NAME.crt and NAME.key";

/// The pairs that a value of --tls-certificate stands for now, those of a directory by name.
/// fails   with what is wrong: no such directory, nothing in it
tl::expected<std::vector<TlsFiles>, std::string> find_tls_files(const std::string& value);

/// Where files lie that a value of --tls-certificate or --tls-ticket-keys stands for, now or once
/// they are replaced: directories, those that symbolic links lead to included, and of these the one
/// above where certbot keeps a directory for each name. The root directory is never among them, but
/// files in it are.
std::vector<std::string> tls_places(const std::string& value);

/// Where an OCSP response for the pair is, if there is one: CHAIN.ocsp, in DER.
std::string ocsp_path(const TlsFiles& files);

/// A whole file of up to kTlsFileBytesMax octets. fails   with what is wrong
tl::expected<std::string, std::string> read_tls_file(const std::string& path);

/// Of files by their paths: something that differs once the file was written to or replaced, empty
/// if it is not there or cannot be seen.
using TlsStamps = std::map<std::string, std::string>;
TlsStamps tls_file_stamps(const std::vector<std::string>& paths);

}  // namespace mailrace::tools
