// SPDX-License-Identifier: Apache-2.0
#include "core/learn/neighbour.hpp"

#include <algorithm>
#include <array>

#include "core/elementary.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

/// Bins that Hann's window spreads a line over.
constexpr std::size_t kSpread = 4;
/// Once and twice the neighbour's speed, each as spread.
constexpr std::size_t kLines = 2 * kSpread;
/// Of a feature's power that may have been a neighbour's.
constexpr float kMostTaken = 0.875F;
/// Mean square of the largest sixteenth of a sine's samples, the very largest left out, over that of all; the second
/// line, a sixth of the power, is taken to peak with it.
constexpr float kPeakOfSine = 1.97F;

double power_of(float log_rms) { return exponential(2.0 * static_cast<double>(log_rms)); }
float log_rms_of(double power) { return static_cast<float>(0.5 * natural_log_f64(power)); }

/// Where a neighbour's power is.
struct Lines {
  std::array<std::size_t, kLines> bin{};
  std::array<double, kLines> power{};
  /// Multiple of half the running speed that it is taken for; 0: of none.
  std::array<std::size_t, kLines> half_order{};
};

/// Parts of a line's power that Hann's window puts into the bins around it: from the one before the last bin below it
/// on. The transform is sin(pi x) / (pi x (1 - x^2)) at x bins from the line (Harris, Proc. IEEE 66, 1978, p. 51).
/// @param beyond  of that last bin, 0 to 1
std::array<double, kSpread> spread_of(double beyond) {
  // The sine is the same in all of them; at a bin itself it is 0, and so is what it is divided by.
  const double part = std::clamp(beyond, 0.01, 0.99);
  std::array<double, kSpread> power{};
  double sum = 0.0;
  for (std::size_t k = 0; k < kSpread; ++k) {
    const double x = static_cast<double>(k) - 1.0 - part;
    const double amplitude = 1.0 / (x * (1.0 - x * x));
    sum += power[k] = amplitude * amplitude;
  }
  for (double& value : power) value /= sum;
  return power;
}

Lines lines_of(const Neighbour& neighbour, const NeighbourView& view) {
  Lines lines;
  const auto second = static_cast<double>(kNeighbourSecond * neighbour.mean_square);
  const std::array<double, 2> power = {static_cast<double>(neighbour.mean_square) - second, second};
  const std::size_t n = view.window.samples;
  const double bin_hz = static_cast<double>(view.window.rate_hz) / view.window.samples;
  const auto half_bins = static_cast<float>(0.5 * static_cast<double>(view.speed_hz) / bin_hz);
  for (std::size_t line = 0; line < 2; ++line) {
    const double at = static_cast<double>(line + 1) * static_cast<double>(neighbour.hz) / bin_hz;
    const auto below = static_cast<std::size_t>(at);
    const auto spread = spread_of(at - static_cast<double>(below));
    for (std::size_t k = 0; k < kSpread; ++k) {
      const std::size_t l = line * kSpread + k;
      // Sampling folds what lies beyond half the rate.
      const std::size_t turned = (below + k + n - 1) % n;
      lines.bin[l] = std::min(turned, n - turned);
      lines.power[l] = spread[k] * power[line];
      lines.half_order[l] = half_order_of(static_cast<float>(lines.bin[l]), half_bins);
    }
  }
  return lines;
}

/// Whether a line is part of what a feature measures the power of. The constant part is in no spectrum.
bool holds(const VibrationFeature& feature, const Lines& lines, std::size_t l,
           std::size_t last_bin) {
  if (feature.kind == VibrationKind::level) return true;
  if (lines.bin[l] == 0) return false;
  switch (feature.kind) {
    case VibrationKind::band: {
      const float at = static_cast<float>(lines.bin[l]) / static_cast<float>(last_bin);
      return at > feature.low && at <= feature.high;
    }
    case VibrationKind::order: {
      const float order = 0.5F * static_cast<float>(lines.half_order[l]);
      return order > 0.0F && (order == feature.low || order == feature.high);
    }
    case VibrationKind::rest: return lines.half_order[l] == 0;
    default: return false;
  }
}

/// @param sign  1: the lines are added; -1: they are taken away
void change(const Lines& lines, double sign, std::size_t axis, const NeighbourView& view,
            std::span<float> features) {
  const std::size_t last_bin = view.window.samples / 2;
  double more = 0.0;
  double moment = 0.0;
  for (std::size_t l = 0; l < kLines; ++l) {
    more += sign * lines.power[l];
    moment +=
        sign * lines.power[l] * static_cast<double>(lines.bin[l]) / static_cast<double>(last_bin);
  }
  const double own = power_of(features[0]);  // the level comes first
  const double all = own + more;
  // Of the machine's own power, what lies along the neighbour's direction.
  const double along =
      std::min(power_of(view.axis_levels[axis_level_index(axis, AxisMeasure::level)]) / own, 1.0);
  for (std::size_t i = 0; i < features.size(); ++i) {
    const VibrationFeature& feature = kVibrationFeatures[i];
    if (feature.gyroscope) continue;
    const auto before = static_cast<double>(features[i]);
    switch (feature.kind) {
      case VibrationKind::impulsiveness: {
        // Two waves that are not in step: now and then their peaks meet. One that stops leaves what is not known.
        if (sign < 0.0) break;
        const double peak = power_of(features[i]) * own;
        const double wave = static_cast<double>(kPeakOfSine) * more;
        const double met =
            peak + wave +
            2.0 * static_cast<double>(square_root(static_cast<float>(peak * wave * along)));
        features[i] = std::max(features[i], log_rms_of(met / all));
        break;
      }
      case VibrationKind::direction: {
        // trace(C C) / (trace C)^2 of C + more n n'.
        const double square = before * own * own + 2.0 * more * along * own + more * more;
        features[i] = static_cast<float>(std::clamp(square / (all * all), 1.0 / 3.0, 1.0));
        break;
      }
      case VibrationKind::centroid: {
        features[i] = static_cast<float>(std::clamp((before * own + moment) / all, 0.0, 1.0));
        break;
      }
      default: {
        double power = power_of(features[i]);
        const double least = (1.0 - static_cast<double>(kMostTaken)) * power;
        if (feature.kind != VibrationKind::level)
          power += static_cast<double>(kFaintestPart) * more;
        for (std::size_t l = 0; l < kLines; ++l) {
          if (holds(feature, lines, l, last_bin)) power += sign * lines.power[l];
        }
        features[i] = log_rms_of(std::max(power, least));
        break;
      }
    }
  }
}

/// Mean square of a machine's velocity, times (2 pi)^2: g^2/Hz^2. Its lines at their frequencies, and what else is in
/// each band in the middle of that. A line beyond the spectrum was not measured; below the first band a mount rocks.
double velocity_of(const OperatingPoint& point, float rate_hz) {
  double sum = 0.0;
  const auto add = [&](double power, double hz) { sum += power / (hz * hz); };
  for (std::size_t i = 0; i < point.mean.size(); ++i) {
    const VibrationFeature& band = kVibrationFeatures[i];
    if (band.gyroscope || band.kind != VibrationKind::band || !(band.low > 0.0F)) continue;
    const float low_hz = 0.5F * rate_hz * band.low;
    const float high_hz = 0.5F * rate_hz * band.high;
    double rest = power_of(point.mean[i]);
    for (std::size_t l = 0; l < point.mean.size(); ++l) {
      const VibrationFeature& line = kVibrationFeatures[l];
      if (line.gyroscope || line.kind != VibrationKind::order || line.low < 1.0F) continue;
      const float hz = line.low * point.centre_hz;
      if (hz <= low_hz || hz > high_hz) continue;
      const double power = power_of(point.mean[l]);
      add(power, static_cast<double>(hz));
      rest -= power;
    }
    add(std::max(rest, 0.0), static_cast<double>(square_root(low_hz * high_hz)));
  }
  return sum;
}

}  // namespace

void add_neighbour(const Neighbour& neighbour, const NeighbourView& view,
                   std::span<float> features) {
  change(lines_of(neighbour, view), 1.0, neighbour.axis, view, features);
}

void take_neighbour_away(const Neighbour& neighbour, const NeighbourView& view,
                         std::span<float> features) {
  Lines lines = lines_of(neighbour, view);
  const std::size_t last_bin = view.window.samples / 2;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const VibrationFeature& feature = kVibrationFeatures[i];
    if (feature.gyroscope) continue;
    double held = 0.0;
    for (std::size_t l = 0; l < kLines; ++l) {
      if (holds(feature, lines, l, last_bin)) held += lines.power[l];
    }
    const double most = static_cast<double>(kMostTaken) * power_of(features[i]);
    if (held <= most) continue;
    for (std::size_t l = 0; l < kLines; ++l) {
      if (holds(feature, lines, l, last_bin)) lines.power[l] *= most / held;
    }
  }
  change(lines, -1.0, neighbour.axis, view, features);
}

void neighbour_moves(const FeatureSpec& spec, const WindowShape& window, const Baseline& baseline,
                     std::span<float> moves) {
  if (moves.empty()) return;
  const std::size_t d = spec.dimensions();
  double velocity = 0.0;
  for (std::size_t p = 0; p < baseline.points; ++p) {
    const OperatingPoint& point = baseline.point[p];
    velocity = std::max(velocity, velocity_of(point, window.rate_hz));
  }
  // At twice the frequency an acceleration is a quarter of the velocity's square.
  const double of_lines = static_cast<double>(1.0F - 0.75F * kNeighbourSecond);
  const auto level = static_cast<double>(kNeighbourLevel);
  const double span = natural_log_f64(static_cast<double>(kNeighbourHighest_hz) /
                                      static_cast<double>(kNeighbourLowest_hz));
  std::size_t next = 0;
  for (std::size_t p = 0; p < baseline.points; ++p) {
    const OperatingPoint& point = baseline.point[p];
    const NeighbourView view{window, point.centre_hz, point.axis_mean};
    for (std::size_t n = 0; n < kNeighbourSpeeds; ++n) {
      const double part = (static_cast<double>(n) + 0.5) / static_cast<double>(kNeighbourSpeeds);
      const double hz = static_cast<double>(kNeighbourLowest_hz) * exponential(part * span);
      Neighbour neighbour;
      neighbour.hz = static_cast<float>(hz);
      neighbour.mean_square = static_cast<float>(level * level * velocity * hz * hz / of_lines);
      for (neighbour.axis = 0; neighbour.axis < 3; ++neighbour.axis) {
        for (const auto move : {add_neighbour, take_neighbour_away}) {
          const std::span<float> row = moves.subspan(next, d);
          next += d;
          std::ranges::copy(point.mean, row.begin());
          move(neighbour, view, row);
          for (std::size_t f = 0; f < d; ++f) {
            const bool counts =
                !says_nothing(kVibrationFeatures[f], point, point.centre_hz, window.rate_hz);
            row[f] = counts ? row[f] - point.mean[f] : 0.0F;
          }
        }
      }
    }
  }
}

}  // namespace fettle
