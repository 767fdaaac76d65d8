// SPDX-License-Identifier: Apache-2.0
#include "host/inspect.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <complex>
#include <map>
#include <numbers>
#include <numeric>

#include "core/window/window_cutter.hpp"
#include "host/error.hpp"
#include "host/progress.hpp"

namespace fettle::host {
namespace {

/// Rows looked at together for level, speed and spikes: 5 s at 200 Hz, 0.2 Hz from line to line.
constexpr std::size_t kBlock = 1024;
constexpr std::size_t kSmallestBlock = 64;

/// Rails of the MPU6050's ranges, and of most of its kind.
constexpr std::array<double, 4> kAccelerometerRails_g = {2, 4, 8, 16};
constexpr std::array<double, 4> kGyroscopeRails_dps = {250, 500, 1000, 2000};
constexpr double kCountsToRail = 32768;
/// Of the range's counts: one for the rail that is 32767, one for decimals rounded in the file.
constexpr double kRailWidth_lsb = 2;

/// How many robust standard deviations make a spike. Machines shock; a torn read stands alone.
constexpr double kSpikeSigmas = 12;
/// How far above the median line a frequency stands out; noise of 500 lines reaches about 9.
constexpr double kStandsOut = 15;
constexpr double kMadToSigma = 1.4826;  // of a normal distribution

float median_of(std::vector<float>& values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// In place, radix 2. @pre a power of two of values
void fourier_transform(std::vector<std::complex<double>>& values) {
  const std::size_t count = values.size();
  for (std::size_t i = 1, j = 0; i < count; ++i) {
    std::size_t bit = count >> 1U;
    for (; (j & bit) != 0; bit >>= 1U) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(values[i], values[j]);
  }
  for (std::size_t length = 2; length <= count; length *= 2) {
    const std::complex<double> turn =
        std::polar(1.0, -2.0 * std::numbers::pi / static_cast<double>(length));
    for (std::size_t start = 0; start < count; start += length) {
      std::complex<double> factor = 1;
      for (std::size_t i = 0; i < length / 2; ++i) {
        const std::complex<double> even = values[start + i];
        const std::complex<double> odd = values[start + i + length / 2] * factor;
        values[start + i] = even + odd;
        values[start + i + length / 2] = even - odd;
        factor *= turn;
      }
    }
  }
}

/// What is kept of a block of rows.
struct BlockSummary {
  float level_g = 0;
  float speed_hz = 0;  ///< 0: nothing stands out
  float magnitude_g = 0;
};

/// Collects one part; recordings are begun one after the other.
class Collector {
 public:
  Collector(std::string label, std::string name, double rate_hz, std::size_t axes,
            std::uint32_t window_samples)
      : rate_hz_(rate_hz),
        axes_(axes),
        shape_{window_samples, static_cast<float>(rate_hz)},
        cutter_(shape_),
        longest_step_us_(static_cast<std::int64_t>(1.5e6 / rate_hz)) {
    health_.label = std::move(label);
    health_.name = std::move(name);
    rows_.reserve(kBlock);
  }

  void begin_recording() {
    ++health_.recordings;
    finish_block();
    cutter_.restart();
    in_recording_ = 0;
    still_.fill(0);
  }

  void add(const TimedSample& row) {
    if (in_recording_ > 0) compare(last_, row);
    for (std::size_t axis = 0; axis < axes_; ++axis) note_rail(axis, row.sample.axis[axis]);
    if (cutter_.push(row.t_us) == WindowCutter::Cut::complete) ++health_.windows;
    last_ = row;
    ++in_recording_;
    ++health_.rows;
    rows_.push_back(row.sample);
    if (rows_.size() == kBlock) finish_block();
  }

  void end_recording() {
    windows_possible_ += in_recording_ / shape_.samples;
    finish_block();
  }

  Health finish() {
    health_.seconds = static_cast<double>(health_.rows) / rate_hz_;
    health_.windows_lost = windows_possible_ - std::min(windows_possible_, health_.windows);
    if (steps_ > 0) {
      const double mean = step_sum_ / static_cast<double>(steps_);
      health_.rate_hz = mean > 0 ? 1e6 / mean : 0;
      health_.jitter_us =
          std::sqrt(std::max(0.0, step_squares_ / static_cast<double>(steps_) - mean * mean));
    }
    settle_rails();
    std::vector<float> magnitudes;
    std::vector<float> levels;
    std::vector<float> speeds;
    for (const BlockSummary& block : blocks_) {
      magnitudes.push_back(block.magnitude_g);
      levels.push_back(block.level_g);
      if (block.speed_hz > 0) speeds.push_back(block.speed_hz);
    }
    health_.magnitude_g = static_cast<double>(median_of(magnitudes));
    health_.level_g = drift_of(levels);
    // A frequency that stands out only here and there says nothing about the speed.
    if (2 * speeds.size() > blocks_.size()) health_.speed_hz = drift_of(speeds);
    return health_;
  }

 private:
  void compare(const TimedSample& before, const TimedSample& row) {
    const std::int64_t step_us = row.t_us - before.t_us;
    if (step_us < 0) {
      ++health_.backwards;
    } else if (step_us > longest_step_us_) {
      const double step_s = static_cast<double>(step_us) * 1e-6;
      if (health_.gaps++ == 0) health_.first_gap_row = static_cast<std::int64_t>(in_recording_);
      health_.missing_s += step_s - 1.0 / rate_hz_;
      health_.longest_gap_s = std::max(health_.longest_gap_s, step_s);
    } else {
      const auto step = static_cast<double>(step_us);
      ++steps_;
      step_sum_ += step;
      step_squares_ += step * step;
      health_.longest_step_us = std::max(health_.longest_step_us, step);
    }
    bool repeated = true;
    for (std::size_t axis = 0; axis < axes_; ++axis) {
      const bool same = row.sample.axis[axis] == before.sample.axis[axis];
      repeated = repeated && same;
      still_[axis] = same ? still_[axis] + 1 : 0;
      if (same) health_.still[axis] = std::max(health_.still[axis], still_[axis] + 1);
    }
    if (repeated) ++health_.repeated_rows;
  }

  void note_rail(std::size_t axis, float value) {
    const auto magnitude = static_cast<double>(std::abs(value));
    const std::size_t kind = axis / 3;
    largest_[kind] = std::max(largest_[kind], magnitude);
    const auto& rails = kind == 0 ? kAccelerometerRails_g : kGyroscopeRails_dps;
    for (std::size_t i = 0; i < rails.size(); ++i) {
      if (std::abs(magnitude - rails[i]) <= width_of(rails[i])) ++at_rail_[axis][i];
    }
  }

  static double width_of(double rail) { return kRailWidth_lsb * rail / kCountsToRail; }

  /// The rail is the one that nothing lies beyond.
  void settle_rails() {
    for (std::size_t kind = 0; 3 * kind < axes_; ++kind) {
      const auto& rails = kind == 0 ? kAccelerometerRails_g : kGyroscopeRails_dps;
      for (std::size_t i = 0; i < rails.size(); ++i) {
        if (std::abs(largest_[kind] - rails[i]) > width_of(rails[i])) continue;
        health_.rail[kind] = rails[i];
        for (std::size_t axis = 3 * kind; axis < 3 * kind + 3; ++axis) {
          health_.clipped[axis] = at_rail_[axis][i];
        }
      }
    }
  }

  void finish_block() {
    if (rows_.size() >= kSmallestBlock) {
      BlockSummary summary;
      std::vector<float> values;
      for (const Sample& row : rows_) {
        values.push_back(std::hypot(row.axis[0], row.axis[1], row.axis[2]));
      }
      summary.magnitude_g = median_of(values);
      summary.level_g = level();
      summary.speed_hz = speed();
      blocks_.push_back(summary);
      for (std::size_t axis = 0; axis < axes_; ++axis) count_spikes(axis);
    }
    rows_.clear();
  }

  [[nodiscard]] double mean(std::size_t axis) const {
    double sum = 0;
    for (const Sample& row : rows_) sum += static_cast<double>(row.axis[axis]);
    return sum / static_cast<double>(rows_.size());
  }

  [[nodiscard]] float level() const {
    double squares = 0;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double middle = mean(axis);
      for (const Sample& row : rows_) {
        const double value = static_cast<double>(row.axis[axis]) - middle;
        squares += value * value;
      }
    }
    return static_cast<float>(std::sqrt(squares / static_cast<double>(rows_.size())));
  }

  /// The strongest line in the summed power of the accelerometer's axes, which a rotor that shakes
  /// in a circle does not hide from one of them.
  [[nodiscard]] float speed() const {
    const std::size_t count = std::bit_floor(rows_.size());
    std::vector<double> power(count / 2);
    std::vector<std::complex<double>> values(count);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double middle = mean(axis);
      for (std::size_t i = 0; i < count; ++i) {
        const double hann = 0.5 - 0.5 * std::cos(2.0 * std::numbers::pi * static_cast<double>(i) /
                                                 static_cast<double>(count));
        values[i] = hann * (static_cast<double>(rows_[i].axis[axis]) - middle);
      }
      fourier_transform(values);
      for (std::size_t i = 0; i < power.size(); ++i) power[i] += std::norm(values[i]);
    }
    // The lowest lines hold the mean and slow tilts.
    const std::size_t lowest = std::max<std::size_t>(
        3, static_cast<std::size_t>(2.0 * static_cast<double>(count) / rate_hz_));
    if (lowest + 1 >= power.size()) return 0;
    const auto peak = static_cast<std::size_t>(
        std::max_element(power.begin() + static_cast<std::ptrdiff_t>(lowest), power.end() - 1) -
        power.begin());
    std::vector<float> floor(power.begin() + static_cast<std::ptrdiff_t>(lowest), power.end());
    if (power[peak] < kStandsOut * static_cast<double>(median_of(floor))) return 0;
    // Between the lines: the top of a parabola through the logarithms.
    double offset = 0;
    const double left = std::log(power[peak - 1] + 1e-30);
    const double top = std::log(power[peak] + 1e-30);
    const double right = std::log(power[peak + 1] + 1e-30);
    if (left - 2 * top + right < 0) offset = 0.5 * (left - right) / (left - 2 * top + right);
    return static_cast<float>((static_cast<double>(peak) + std::clamp(offset, -0.5, 0.5)) *
                              rate_hz_ / static_cast<double>(count));
  }

  /// A spike: far from the median of its four neighbours, which agree among themselves.
  void count_spikes(std::size_t axis) {
    if (rows_.size() < 5) return;
    std::vector<float> distances;
    const auto distance_at = [&](std::size_t i, float& spread) {
      std::array<float, 4> near = {rows_[i - 2].axis[axis], rows_[i - 1].axis[axis],
                                   rows_[i + 1].axis[axis], rows_[i + 2].axis[axis]};
      std::sort(near.begin(), near.end());
      spread = near[3] - near[0];
      return std::abs(rows_[i].axis[axis] - 0.5F * (near[1] + near[2]));
    };
    float spread = 0;
    for (std::size_t i = 2; i + 2 < rows_.size(); ++i) distances.push_back(distance_at(i, spread));
    const double sigma = kMadToSigma * static_cast<double>(median_of(distances));
    const double limit = std::max(kSpikeSigmas * sigma, 16.0 * static_cast<double>(axis_lsb(axis)));
    for (std::size_t i = 2; i + 2 < rows_.size(); ++i) {
      const auto distance = static_cast<double>(distance_at(i, spread));
      if (distance > limit && distance > 3.0 * static_cast<double>(spread)) ++health_.spikes[axis];
    }
  }

  /// First and last tenth by the median, extremes over medians of a tenth as well, so that a single
  /// odd block is no drift.
  static Drift drift_of(const std::vector<float>& values) {
    Drift drift;
    if (values.size() < 10) return drift;
    const std::size_t tenth = values.size() / 10;
    for (std::size_t i = 0; i < 10; ++i) {
      const std::size_t from = i * (values.size() - tenth) / 9;
      std::vector<float> some(values.begin() + static_cast<std::ptrdiff_t>(from),
                              values.begin() + static_cast<std::ptrdiff_t>(from + tenth));
      const auto middle = static_cast<double>(median_of(some));
      if (i == 0) drift.first = drift.lowest = drift.highest = middle;
      if (i == 9) drift.last = middle;
      drift.lowest = std::min(drift.lowest, middle);
      drift.highest = std::max(drift.highest, middle);
    }
    return drift;
  }

  double rate_hz_;
  std::size_t axes_;
  WindowShape shape_;
  WindowCutter cutter_;
  std::int64_t longest_step_us_;
  Health health_;
  TimedSample last_;
  std::uint64_t in_recording_ = 0;
  std::uint64_t windows_possible_ = 0;
  std::uint64_t steps_ = 0;
  double step_sum_ = 0;
  double step_squares_ = 0;
  std::array<std::uint64_t, 6> still_{};
  std::array<double, 2> largest_{};
  std::array<std::array<std::uint64_t, 4>, 6> at_rail_{};
  std::vector<Sample> rows_;
  std::vector<BlockSummary> blocks_;
};

std::uint64_t total(const std::array<std::uint64_t, 6>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

std::string axes_with(const std::array<std::uint64_t, 6>& counts, std::uint64_t at_least) {
  std::string names;
  for (std::size_t axis = 0; axis < counts.size(); ++axis) {
    if (counts[axis] < at_least) continue;
    if (!names.empty()) names += ", ";
    names += kAxisNames[axis];
  }
  return names;
}

/// Judges one part. What matters is what a detector would learn wrongly or what makes its figures
/// look better or worse than the machine is.
void judge(const Health& part, double nominal_hz, std::uint32_t window_samples,
           std::vector<Finding>& findings) {
  const auto say = [&](bool matters, const std::string& text) {
    findings.push_back({matters, part.label + "/" + part.name, text});
  };
  const auto share = [&](std::uint64_t count) {
    return static_cast<double>(count) / static_cast<double>(std::max<std::uint64_t>(part.rows, 1));
  };
  const auto fraction = [](double value, double of) { return of > 0 ? value / of : 0.0; };

  if (part.magnitude_g < 0.5 || part.magnitude_g > 2.0) {
    say(true, fmt::format("|a| is {:.3g} g, where a sensor feels gravity, 1 g: {}. Import it again "
                          "with the right --units",
                          part.magnitude_g,
                          part.magnitude_g > 7 && part.magnitude_g < 14
                              ? "m/s2 taken for g"
                              : "a wrong unit or range, or a machine that shakes very hard"));
  }
  if (part.windows == 0) {
    say(true, fmt::format("not one window of {} rows without a gap: nothing can be learned from it",
                          window_samples));
  } else if (part.windows_lost > 0) {
    const double lost = fraction(static_cast<double>(part.windows_lost),
                                 static_cast<double>(part.windows + part.windows_lost));
    say(lost > 0.05, fmt::format("gaps cost {} of {} windows ({:.1f} %){}", part.windows_lost,
                                 part.windows + part.windows_lost, 100 * lost,
                                 lost > 0.05 ? ". Look for a full buffer or a slow SD card" : ""));
  }
  if (part.gaps > 0) {
    say(false,
        fmt::format("{} gap{}, {:.3g} s missing, the longest {:.3g} s, the first after row {}. "
                    "No window reaches across",
                    part.gaps, part.gaps > 1 ? "s" : "", part.missing_s, part.longest_gap_s,
                    part.first_gap_row));
  }
  if (part.backwards > 0) {
    say(true,
        fmt::format("time runs backwards {} times: a restarted board, or two logs in one file. "
                    "Windows stop there",
                    part.backwards));
  }
  if (part.rate_hz > 0 && std::abs(part.rate_hz - nominal_hz) > 0.02 * nominal_hz) {
    say(true, fmt::format("measured {:.2f} Hz, the data set says {:g} Hz: import it with the right "
                          "--rate into a data set of its own",
                          part.rate_hz, nominal_hz));
  }
  if (part.jitter_us > 0.1e6 / nominal_hz) {
    say(true,
        fmt::format("the time between samples varies by {:.2g} ms (10 % of a period is much): "
                    "sample by the sensor's FIFO or a timer",
                    part.jitter_us * 1e-3));
  }
  if (total(part.clipped) > 0) {
    const double clipped = share(total(part.clipped));
    const bool rotation = total(part.clipped) > part.clipped[0] + part.clipped[1] + part.clipped[2];
    say(clipped > 0.001,
        fmt::format("{} samples ({:.2g} % of the rows) sit at the rail, +-{:g} {} ({}): peaks are "
                    "cut off{}",
                    total(part.clipped), 100 * clipped, rotation ? part.rail[1] : part.rail[0],
                    rotation ? "deg/s" : "g", axes_with(part.clipped, 1),
                    clipped > 0.001 ? ". Record with a wider range" : ""));
  }
  if (share(part.repeated_rows) > 0.001) {
    say(share(part.repeated_rows) > 0.02,
        fmt::format("{} rows ({:.3g} %) repeat the one before: the sensor was read faster than it "
                    "measures, or it is at rest",
                    part.repeated_rows, 100 * share(part.repeated_rows)));
  }
  if (const std::string stuck = axes_with(part.still, window_samples); !stuck.empty()) {
    say(true,
        fmt::format("{} did not change for {} rows: a dead axis, a loose wire, or a machine at "
                    "rest in a quiet room",
                    stuck, *std::max_element(part.still.begin(), part.still.end())));
  }
  if (total(part.spikes) > 0) {
    const double often = share(total(part.spikes));
    say(often > 0.0005,
        fmt::format(
            "{} single samples ({:.2g} % of the rows; {}) jump far out and back: torn reads, "
            "not the machine. They spoil peak-to-peak{}",
            total(part.spikes), 100 * often, axes_with(part.spikes, 1),
            often > 0.0005 ? "; read all axes in one burst" : ""));
  }
  if (part.speed_hz.first > 0 && part.speed_hz.highest > 1.05 * part.speed_hz.lowest) {
    say(true,
        fmt::format(
            "the vibration's main frequency goes from {:.1f} Hz to {:.1f} Hz (between {:.1f} "
            "and {:.1f}): the speed or the load changed, or another frequency became the "
            "strongest, as in a failing bearing. In normal running a detector will learn or flag "
            "that: record at steady speed, or a recording for each",
            part.speed_hz.first, part.speed_hz.last, part.speed_hz.lowest, part.speed_hz.highest));
  }
  if (part.level_g.first > 0 && part.level_g.highest > 1.25 * part.level_g.lowest) {
    say(part.level_g.highest > 1.5 * part.level_g.lowest,
        fmt::format("the vibration's level goes from {:.3g} g to {:.3g} g (between {:.3g} and "
                    "{:.3g}): warming up, or another load",
                    part.level_g.first, part.level_g.last, part.level_g.lowest,
                    part.level_g.highest));
  }
}

}  // namespace

Inspection inspect(const DataSet& data, std::uint32_t window_samples, bool each_recording) {
  Inspection inspection;
  std::uint64_t bytes = 0;
  for (const RecordingEntry& entry : data.recordings()) {
    bytes += std::filesystem::file_size(data.path_of(entry));
  }
  Progress progress("inspecting", bytes);
  std::uint64_t done = 0;
  const auto& recordings = data.recordings();
  for (std::size_t i = 0; i < recordings.size();) {
    const RecordingEntry& first = recordings[i];
    std::size_t end = i + 1;
    while (!each_recording && end < recordings.size() && recordings[end].label == first.label &&
           recordings[end].source == first.source) {
      ++end;
    }
    Collector collector(first.label, end - i > 1 ? first.source : first.name, data.rate_hz(),
                        data.axes(), window_samples);
    for (; i < end; ++i) {
      RecordingReader reader(data.path_of(recordings[i]));
      if (reader.axes() != data.axes()) {
        throw Error(ExitCode::bad_input,
                    fmt::format("{}:1: {} axes, but the data set has {}",
                                data.path_of(recordings[i]).string(), reader.axes(), data.axes()));
      }
      SampleHash hash(data.axes());
      std::uint64_t rows = 0;
      collector.begin_recording();
      for (auto block = reader.next_block(); !block.empty(); block = reader.next_block()) {
        for (const TimedSample& row : block) collector.add(row);
        hash.add(block);
        rows += block.size();
        progress.at(done + reader.bytes_read());
      }
      collector.end_recording();
      done += reader.bytes_read();
      if (hash.value() != recordings[i].hash) {
        inspection.findings.push_back(
            {true, recordings[i].id(),
             fmt::format("not what dataset.json says: {} rows where {} were imported, or other "
                         "values. It was edited since; import it again under another name",
                         rows, recordings[i].rows)});
      }
    }
    inspection.parts.push_back(collector.finish());
    judge(inspection.parts.back(), data.rate_hz(), window_samples, inspection.findings);
  }
  for (const std::string& stranger : data.strangers()) {
    inspection.findings.push_back({false, stranger,
                                   "this file is not in dataset.json and is not used. Use `fettle "
                                   "import` to add it"});
  }
  std::stable_partition(inspection.findings.begin(), inspection.findings.end(),
                        [](const Finding& finding) { return finding.matters; });
  return inspection;
}

}  // namespace fettle::host
