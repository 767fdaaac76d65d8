// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle::protocol {

/// What the sequence number of a frame says about those before it.
struct SequenceStep {
  std::uint16_t first_missing = 0;  ///< sequence number of the first one that did not arrive
  std::uint16_t missing = 0;        ///< how many did not; 0: none
  bool repeated = false;            ///< this one, or a later one, was here already: ignore it
};

/// Names the frames that did not arrive. Each side numbers the frames that it sends from 0, through
/// 65535, to 0 again. More than 32767 missing in a row look like a repetition.
class SequenceWatcher {
 public:
  [[nodiscard]] constexpr SequenceStep step(std::uint16_t sequence) {
    SequenceStep result;
    if (started_) {
      const auto ahead = static_cast<std::uint16_t>(sequence - next_);
      if (ahead >= 0x8000) {
        result.repeated = true;
        return result;
      }
      result.first_missing = next_;
      result.missing = ahead;
    }
    started_ = true;
    next_ = static_cast<std::uint16_t>(sequence + 1U);
    return result;
  }
  /// The next frame may have any number, as after connecting anew.
  constexpr void restart() { started_ = false; }

 private:
  bool started_ = false;
  std::uint16_t next_ = 0;
};

}  // namespace fettle::protocol
