// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace fettle::host::platform {

/// Whether a person is looking at standard error.
[[nodiscard]] bool stderr_is_terminal();
/// Columns of the terminal behind standard error; 80 when there is none or it does not say.
[[nodiscard]] int terminal_columns();

}  // namespace fettle::host::platform
