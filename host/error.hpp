// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace fettle::host {

/// What the program's exit status says about why it stopped. Documented in the README.
enum class ExitCode : int {
  ok = 0,
  internal = 1,         ///< a defect in Fettle
  usage = 2,            ///< the command line makes no sense
  bad_input = 3,        ///< a file is not what it should be
  too_little_data = 4,  ///< the data are fine but not enough
  io = 5,               ///< a file cannot be read or written
  exists = 6,           ///< something is in the way and is never overwritten
  interrupted = 130,    ///< Ctrl-C
};

/// The one exception of the host side. The message says what was expected, what was found, where
/// (file, line or offset) and what to do next.
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, const std::string& message)
      : std::runtime_error(message), code(exit_code) {}
  ExitCode code;
};

}  // namespace fettle::host
