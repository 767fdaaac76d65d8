// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "protocol/messages.hpp"

namespace fettle::host {

/// How strong the vibration of an axis is, in g or deg/s.
struct AxisLevel {
  double mean = 0;
  double deviation = 0;  ///< standard deviation within a second, root mean square over the seconds
};

/// Seconds in which an axis gave the same value all the time, which noise alone does not do.
struct StillSeconds {
  std::uint64_t seconds = 0;
  std::int64_t from_us = 0;  ///< when the first of them began, in time recorded
};

/// What a collection has come to.
struct CollectionCounts {
  std::uint64_t rows = 0;
  std::uint64_t lost_by_sensor = 0;  ///< samples that the board reported as lost
  std::uint64_t sensor_gaps = 0;
  std::uint64_t lost_on_line = 0;  ///< samples that the board sent, or wrote, and that are not here
  std::uint64_t line_gaps = 0;
  std::uint64_t skipped = 0;     ///< here, but before the start of a window of the board
  std::uint64_t repeated = 0;    ///< blocks that came twice
  std::int64_t recorded_us = 0;  ///< time that the rows cover, gaps left out
  double rate_hz = 0;            ///< measured over that time; 0: too little
  std::array<std::uint64_t, kMaxAxes> clipped{};
  std::array<bool, kMaxAxes> moved{};  ///< an axis that ever changed
  std::array<StillSeconds, kMaxAxes> still{};
  std::array<AxisLevel, kMaxAxes> level{};
  double quiet_part = 0;      ///< of the seconds, those without vibration above the sensor's noise
  std::uint64_t seconds = 0;  ///< of samples; gaps do not count
  std::uint64_t longest_run = 0;  ///< most samples without a gap
};

/// Samples that did not arrive, by the board's numbers.
struct MissingSamples {
  std::uint64_t first = 0;
  std::uint64_t count = 0;
};

/// Makes of a board's blocks the rows of a recording, with exactly its values and time stamps, so that
/// `fettle score` on it has the board's own windows: it begins where a window of the board begins, and
/// after a loss on the way from the board goes on where the next one does. Gaps of the sensor stay in,
/// for there the board begins a new window too.
class Collector {
 public:
  using Write = std::function<void(const TimedSample&)>;

  /// @param rate_hz nominal
  /// @param hop samples from one window of the board to the next; 0: unknown
  Collector(double rate_hz, std::uint16_t hop);

  /// @return samples that are missing before this block because they were lost on the way
  MissingSamples add(const protocol::SamplesMessage& message, const Write& write);
  /// The board has restarted: numbers and time stamps begin anew. Begin a new recording.
  void restart();
  /// Whether a block is so much older than what was taken that it is no repetition: another start of
  /// the board, or another board.
  [[nodiscard]] bool goes_back(const SampleBlock& block) const {
    return started_ && block.index + kMostRepeated < next_index_;
  }
  /// As if samples of unknown number were lost on the way here.
  void interrupt() { aligned_ = false; }
  void set_hop(std::uint16_t hop) { hop_ = hop; }

  [[nodiscard]] CollectionCounts counts() const;
  [[nodiscard]] std::int64_t recorded_us() const { return counts_.recorded_us; }
  /// Of the last whole second, for a live line.
  [[nodiscard]] const std::array<AxisLevel, kMaxAxes>& now() const { return last_second_; }

 private:
  static constexpr std::uint64_t kMostRepeated = 5 * kMaxBlockSamples;

  void measure(const RawSample& raw, const TimedSample& sample);
  void end_second();

  double period_us_;
  std::uint16_t hop_;
  bool started_ = false;
  bool aligned_ = false;
  bool any_ = false;  ///< a row since the start or restart
  std::uint64_t next_index_ = 0;
  std::int64_t last_us_ = 0;
  RawSample first_{};
  CollectionCounts counts_;
  std::uint64_t steps_ = 0;
  std::int64_t steps_us_ = 0;

  // The second under way, relative to its first sample, which keeps the squares small.
  std::uint64_t in_second_ = 0;
  std::uint64_t in_a_row_ = 0;       // samples since the last gap
  std::int64_t second_from_us_ = 0;  // in time recorded
  RawSample raw_origin_{};
  std::array<bool, kMaxAxes> changed_{};
  Sample origin_;
  std::array<double, kMaxAxes> sum_{};
  std::array<double, kMaxAxes> squares_{};
  std::array<double, kMaxAxes> mean_sum_{};
  std::array<double, kMaxAxes> variance_sum_{};
  std::uint64_t quiet_ = 0;
  std::array<AxisLevel, kMaxAxes> last_second_{};
};

/// Why this cannot be called normal running: nothing moves above the sensor's noise, the range is too
/// small, an axis is stuck, gaps leave no window. Each is one sentence with what to do. Empty: nothing against it.
[[nodiscard]] std::vector<std::string> objections(const CollectionCounts& counts);
/// The same for what is only worth a warning.
[[nodiscard]] std::vector<std::string> doubts(const CollectionCounts& counts);

/// "199.87 Hz", or "-- Hz" as long as it is not known.
[[nodiscard]] std::string rate_text(const CollectionCounts& counts);

}  // namespace fettle::host
