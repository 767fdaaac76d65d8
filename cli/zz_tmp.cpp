// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"
namespace fettle::cli { void add_import(CLI::App&){} void add_label(CLI::App&){} void add_inspect(CLI::App&){} void add_infer(CLI::App&){} void add_export(CLI::App&){} }
