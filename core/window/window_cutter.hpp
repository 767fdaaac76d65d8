// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace fettle {

/// Most windows that share a sample: what overlapping costs in memory.
inline constexpr std::uint32_t kMaxOverlap = 4;

/// Size of a window in samples, the rate it was cut at, and how often one begins.
struct WindowShape {
  std::uint32_t samples = 128;  ///< 2 to 4096
  float rate_hz = 200.0F;       ///< nominal sampling rate, 0.001 to 1e6
  /// Samples from one window's start to the next: `samples`, or a half, a third or a quarter of it
  /// for windows that overlap; 0 is `samples`.
  std::uint32_t hop = 0;

  [[nodiscard]] constexpr std::uint32_t hop_samples() const { return hop == 0 ? samples : hop; }
  /// Windows that share a sample, 1 to kMaxOverlap; 0: the hop does not go into the window.
  [[nodiscard]] constexpr std::uint32_t overlap() const {
    if (samples % hop_samples() != 0) return 0;
    const std::uint32_t windows = samples / hop_samples();
    return windows <= kMaxOverlap ? windows : 0;
  }
  [[nodiscard]] constexpr double seconds() const {
    return static_cast<double>(samples) / static_cast<double>(rate_hz);
  }
  friend bool operator==(const WindowShape&, const WindowShape&) = default;
};

/// Decides where windows begin and end in a stream of time stamps; stores no samples. A window is
/// `samples` consecutive samples without a gap: the time from one sample to the next is at most 1.5
/// nominal periods (one lost sample makes it 2) and never negative. A window begins every `hop`
/// samples. Whoever feeds the cutter calls `restart()` where one recording ends and another begins.
class WindowCutter {
 public:
  /// What the sample just pushed means.
  enum class Cut : std::uint8_t {
    collecting,  ///< it belongs to the windows under way
    complete,    ///< it was the last of the oldest one
    gap,         ///< time is missing before it: the windows under way were dropped, this sample is
                 ///< the first of a new one
    backwards,   ///< time ran backwards: likewise
  };

  /// The shape's overlap() must not be 0.
  constexpr explicit WindowCutter(WindowShape shape)
      : samples_(shape.samples),
        hop_(shape.hop_samples()),
        overlap_(shape.overlap()),
        longest_step_us_(static_cast<std::uint64_t>(1.5e6 / static_cast<double>(shape.rate_hz))) {}

  constexpr Cut push(std::int64_t t_us) {
    Cut cut = Cut::collecting;
    if (started_) {
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
    dropped_ = cut != Cut::collecting && position_ > 0;
    if (cut != Cut::collecting) restart();
    started_ = true;
    last_us_ = t_us;
    began_ = phase_ == 0;
    if (began_) {
      newest_ = newest_ + 1 < overlap_ ? newest_ + 1 : 0;
      starts_us_[newest_] = t_us;
    }
    if (++phase_ == hop_) phase_ = 0;
    if (++position_ < samples_) return cut;
    // The oldest window is complete; the next oldest began a hop later.
    position_ -= hop_;
    return Cut::complete;
  }

  constexpr void restart() {
    started_ = false;
    position_ = 0;
    phase_ = 0;
  }

  /// True if windows under way were dropped for the sample just pushed. A recording of windows with pauses between
  /// them has gaps that drop nothing.
  [[nodiscard]] constexpr bool dropped() const { return dropped_; }
  /// True if a window began with the sample just pushed.
  [[nodiscard]] constexpr bool began() const { return began_; }
  /// Which of overlap() places the window that began last has, 0 to overlap() - 1.
  [[nodiscard]] constexpr std::uint32_t newest() const { return newest_; }
  /// The place of the window that push() just completed, which is the oldest.
  [[nodiscard]] constexpr std::uint32_t completed() const {
    return newest_ + 1 < overlap_ ? newest_ + 1 : 0;
  }
  /// Time stamp of its first sample, microseconds.
  [[nodiscard]] constexpr std::int64_t start_us() const { return starts_us_[completed()]; }
  /// Samples in the oldest window under way.
  [[nodiscard]] constexpr std::uint32_t position() const { return position_; }
  /// Samples since a window began last, 0 to hop - 1; 0: the next sample begins one.
  [[nodiscard]] constexpr std::uint32_t phase() const { return phase_; }

 private:
  std::uint32_t samples_;
  std::uint32_t hop_;
  std::uint32_t overlap_;
  std::uint64_t longest_step_us_;
  std::uint32_t position_ = 0;
  std::uint32_t phase_ = 0;
  std::uint32_t newest_ = 0;
  std::array<std::int64_t, kMaxOverlap> starts_us_{};
  std::int64_t last_us_ = 0;
  bool started_ = false;
  bool began_ = false;
  bool dropped_ = false;
};

}  // namespace fettle
