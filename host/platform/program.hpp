// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace fettle::host::platform {

/// Where a program of that name is found along PATH; empty: nowhere.
[[nodiscard]] std::string find_program(const std::string& name);

/// Runs a program with our own terminal and waits for it.
/// @param arguments  the program's path first
/// @return its exit status; 128 + n if signal n ended it. Throws Error(io) if it cannot be started.
int run_program(const std::vector<std::string>& arguments);

/// A new, empty folder for files that a program is handed. It is the caller's to remove. Throws Error(io).
[[nodiscard]] std::filesystem::path make_temporary_folder(const std::string& name);

}  // namespace fettle::host::platform
