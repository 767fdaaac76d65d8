// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "simulator/machine/parameters.hpp"
#include "simulator/signal/random.hpp"

namespace fettle::simulator {

/// Streams of random numbers, one for each purpose: a fault disturbs no other. Those of a session are
/// told apart by its number.
enum Stream : std::uint64_t { kDrawn, kFlow, kSensor, kSlow, kBearing, kLoose, kStreams };

inline Random session_random(std::uint64_t seed, const MachineConfig& config, Stream stream) {
  return Random(seed, kStreams * (config.session + 1) + stream);
}

}  // namespace fettle::simulator
