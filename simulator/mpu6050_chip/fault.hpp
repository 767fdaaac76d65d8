// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle::simulator {

/// Something that goes wrong from `from_us` to before `until_us`, true time. What is random comes
/// from the chip's seed.
struct ChipFault {
  enum class Kind : std::uint8_t {
    nack,        ///< each transfer: not acknowledged, and without effect
    timeout,     ///< each transfer: the clock is held low until the host gives up; no effect
    stuck_sda,   ///< each transfer: SDA stays low, for this and all others until clock_nine()
    brown_out,   ///< once, at from_us: no answer until until_us, then all registers are reset.
                 ///< With until_us = from_us the reset is the only trace
    torn_read,   ///< each read of measurements: the high byte of one of them (`axis`, or any)
                 ///< is from the sample before
    stuck_axis,  ///< each sample: `axis` keeps the value that it had at the first of them
    dropped_interrupt,  ///< each interrupt: the pin does not move
    fifo_corruption,    ///< each packet written to the FIFO: a byte is missing or there twice
  };
  Kind kind = Kind::nack;
  std::int64_t from_us = 0;
  std::int64_t until_us = INT64_MAX;
  double probability = 1;  ///< for each transfer, sample, interrupt or packet
  int axis = -1;  ///< 0 to 5 (ax ay az gx gy gz); -1: one drawn each time (stuck_axis: all)
  std::uint32_t limit = 0;  ///< strikes at most so many times; 0: no limit
};

}  // namespace fettle::simulator
