// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fettle::host::platform {

/// From now on Ctrl-C, a request to terminate and a terminal that is closed set a flag instead of ending the program, so that
/// temporary files are removed by their owners on the way out. A second Ctrl-C ends it at once.
void catch_interrupts();

[[nodiscard]] bool interrupted();

/// Throws Error(interrupted) once the flag is set. Files read and written by platform::InputFile
/// and OutputFile, and Progress, ask by themselves.
void throw_if_interrupted();

/// Between its construction and its end an interrupt waits: for the few renames that must not be
/// cut in two.
class InterruptsWait {
 public:
  InterruptsWait();
  ~InterruptsWait();
  InterruptsWait(const InterruptsWait&) = delete;
  InterruptsWait& operator=(const InterruptsWait&) = delete;
};

}  // namespace fettle::host::platform
