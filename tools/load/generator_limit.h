// SPDX-License-Identifier: GPL-3.0-or-later
// Whether a load run measured the generator instead of the server.
#pragma once

#include "core/base/histogram.h"
#include "core/base/time.h"

#include <cstdint>
#include <string>

namespace mailrace::tools {

/// The share of a CPU that threads used, each on average: 0.0 to about 1.0.
///
/// cpu       of all threads together
/// elapsed   meanwhile; not above zero: nothing is known, 0.0
double busy_share(core::Duration cpu, core::Duration elapsed, uint32_t threads) noexcept;

/// Why the generator was the limit, in a few words; empty if it was not.
///
/// It is if one message in a hundred was seen more than kLoadLatenessMaxMs late although a
/// connection was free; or if its threads used kLoadBusyPercentMax of a CPU each: then replies wait
/// for it, not it for replies. What took less than kLoadBusyTimeMinS is not judged by its CPU time.
///
/// late_ns   lateness of messages; empty in a closed loop
std::string generator_limit(const core::Histogram& late_ns, double busy, core::Duration elapsed);

}  // namespace mailrace::tools
