// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fettle::host::platform {

/// Whether a person is looking at standard error.
[[nodiscard]] bool stderr_is_terminal();
/// Columns of the terminal behind standard error; 80 when there is none or it does not say.
[[nodiscard]] int terminal_columns();
/// A program that is started with a standard stream closed would get its first file under that number
/// and print into it. Gives each one that is closed a file that refuses to be written. First in main().
void occupy_standard_streams();

}  // namespace fettle::host::platform
