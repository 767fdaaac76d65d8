// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>

namespace fettle::cli {

// One file for each command. A function adds its sub-command with options and help to the program;
// the callback does the work and throws host::Error when it cannot.
void add_board(CLI::App& program);
void add_simulate(CLI::App& program);
void add_import(CLI::App& program);
void add_label(CLI::App& program);
void add_inspect(CLI::App& program);
void add_train(CLI::App& program);
void add_evaluate(CLI::App& program);
void add_rebase(CLI::App& program);
void add_score(CLI::App& program);
void add_explain(CLI::App& program);
void add_info(CLI::App& program);
void add_infer(CLI::App& program);
void add_export(CLI::App& program);
void add_ports(CLI::App& program);
void add_collect(CLI::App& program);
void add_flash(CLI::App& program);
void add_deploy(CLI::App& program);
void add_watch(CLI::App& program);
void add_feedback(CLI::App& program);
void add_selftest(CLI::App& program);
void add_command(CLI::App& program);
void add_backup(CLI::App& program);
void add_restore(CLI::App& program);

}  // namespace fettle::cli
