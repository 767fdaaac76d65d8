// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

// What record_journey wrote: two models, and for each a recording (replay.hpp) of a board that runs it.
// machines/host.cpp reads the files, machines/embedded.cpp has them linked in. Aligned to 16 bytes.

namespace fettle::test {

std::span<const std::uint8_t> tutorial_model();
std::span<const std::uint8_t> tutorial_recording();
std::span<const std::uint8_t> vibration_model();
std::span<const std::uint8_t> vibration_recording();

}  // namespace fettle::test
