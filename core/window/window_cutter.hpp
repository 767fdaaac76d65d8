// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace fettle {

/// Size of a window in samples, and the rate it was cut at.
struct WindowShape {
  std::uint32_t samples = 128;  ///< 2 to 4096
  float rate_hz = 200.0F;       ///< nominal sampling rate, 0.001 to 1e6

  [[nodiscard]] constexpr double seconds() const {
    return static_cast<double>(samples) / static_cast<double>(rate_hz);
  }
  friend bool operator==(const WindowShape&, const WindowShape&) = default;
};

/// Decides where windows begin and end in a stream of time stamps; stores no samples. A window is
/// `samples` consecutive samples without a gap: the time from one sample to the next is at most 1.5
/// nominal periods (one lost sample makes it 2) and never negative. Windows do not overlap. Whoever
/// feeds the cutter calls `restart()` where one recording ends and another begins.
class WindowCutter {
 public:
  /// What the sample just pushed means.
  enum class Cut : std::uint8_t {
    collecting,  ///< it belongs to the window under way
    complete,    ///< it was the last of its window
    gap,         ///< time is missing before it: the window under way was dropped, this sample is
                 ///< the first of a new one
    backwards,   ///< time ran backwards: likewise
  };

  constexpr explicit WindowCutter(WindowShape shape)
      : samples_(shape.samples),
        longest_step_us_(static_cast<std::uint64_t>(1.5e6 / static_cast<double>(shape.rate_hz))) {}

  constexpr Cut push(std::int64_t t_us) {
    Cut cut = Cut::collecting;
    if (position_ != 0 || after_window_) {
      // A difference of two 64-bit times fits 64 bits without a sign.
      const std::uint64_t step_us =
          static_cast<std::uint64_t>(t_us) - static_cast<std::uint64_t>(last_us_);
      if (t_us < last_us_) {
        cut = Cut::backwards;
      } else if (step_us > longest_step_us_) {
        cut = Cut::gap;
      }
    }
    // A gap exactly between two windows drops nothing, yet it is reported all the same.
    if (cut != Cut::collecting) position_ = 0;
    if (position_ == 0) start_us_ = t_us;
    last_us_ = t_us;
    after_window_ = false;
    if (++position_ < samples_) return cut;
    position_ = 0;
    after_window_ = true;
    return Cut::complete;
  }

  constexpr void restart() {
    position_ = 0;
    after_window_ = false;
  }

  /// Time stamp of the first sample of the window under way or just completed, microseconds.
  [[nodiscard]] constexpr std::int64_t start_us() const { return start_us_; }
  /// Samples in the window under way.
  [[nodiscard]] constexpr std::uint32_t position() const { return position_; }

 private:
  std::uint32_t samples_;
  std::uint64_t longest_step_us_;
  std::uint32_t position_ = 0;
  std::int64_t start_us_ = 0;
  std::int64_t last_us_ = 0;
  bool after_window_ = false;
};

}  // namespace fettle
