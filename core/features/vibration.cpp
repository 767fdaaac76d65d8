// SPDX-License-Identifier: Apache-2.0
#include "core/features/vibration.hpp"

#include <algorithm>

#include "core/features/spikes.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

constexpr std::size_t kLongest = VibrationExtractor::kLongest;
/// Of a window's samples, one in so many counts as an impulse.
constexpr std::size_t kImpulseShare = 16;
/// End of each range of an MPU6050 in g and deg/s, and how near to it counts: one step for the end that
/// is 32767, one for decimals rounded in a file.
constexpr std::array<float, 4> kRails_g = {2.0F, 4.0F, 8.0F, 16.0F};
constexpr std::array<float, 4> kRails_dps = {250.0F, 500.0F, 1000.0F, 2000.0F};
constexpr float kRailWidth = 2.0F / 32768.0F;

using Axes = std::array<std::array<float, kLongest>, 3>;
using Spectrum = std::array<float, kLongest / 2 + 1>;

/// What one sensor's three axes say before the running speed is known.
struct Triplet {
  float noise_density = 0.0F;  ///< power of three axes in 1 Hz, unit^2/Hz
  float mean_square = 0.0F;
  float impulse_square = 0.0F;  ///< mean square of the samples that count as impulses
  float direction = 0.0F;
  Spectrum power{};
  std::array<float, 3> axis_square{};  ///< mean square of each axis
  std::array<Spectrum, 3> axis_power;  ///< of each axis; their sum is `power`
};

/// 0.5 ln of a power above the noise.
float log_rms(float power, float noise) { return 0.5F * natural_log(power + noise); }

/// Mean of x, which becomes x without its mean and linear trend (least squares).
float detrend(std::span<float> x) {
  const auto n = static_cast<float>(x.size());
  // Distances to the first sample keep small vibration on large gravity exact; what rounding leaves of the
  // mean goes with the second pass.
  const float first = x[0];
  float sum = 0.0F;
  for (float& value : x) {
    value -= first;
    sum += value;
  }
  const float shift = sum / n;
  float rest = 0.0F;
  float moment = 0.0F;
  const float middle = 0.5F * (n - 1.0F);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] -= shift;
    rest += x[i];
    moment += (static_cast<float>(i) - middle) * x[i];
  }
  rest /= n;
  const float slope = moment * 12.0F / (n * (n * n - 1.0F));
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] -= rest + (static_cast<float>(i) - middle) * slope;
  }
  return first + shift + rest;
}

/// Readings at the end of the range; which range it is shows in that nothing lies beyond.
std::uint32_t count_clipped(const Axes& axes, std::size_t n, const std::array<float, 4>& rails) {
  float largest = 0.0F;
  for (const auto& axis : axes) {
    for (std::size_t i = 0; i < n; ++i) largest = std::max(largest, absolute(axis[i]));
  }
  for (const float rail : rails) {
    const float width = kRailWidth * rail;
    if (absolute(largest - rail) > width) continue;
    std::uint32_t count = 0;
    for (const auto& axis : axes) {
      for (std::size_t i = 0; i < n; ++i) count += absolute(axis[i]) >= rail - width ? 1U : 0U;
    }
    return count;
  }
  return 0;
}

/// Level, impulses and direction from axes without mean and trend.
void describe_motion(const Axes& axes, std::size_t n, Triplet& triplet, float noise) {
  std::array<float, 6> products{};  // xx, yy, zz, xy, xz, yz
  std::array<float, kLongest> squares;
  for (std::size_t i = 0; i < n; ++i) {
    const float x = axes[0][i];
    const float y = axes[1][i];
    const float z = axes[2][i];
    squares[i] = x * x + y * y + z * z;
    products[0] += x * x;
    products[1] += y * y;
    products[2] += z * z;
    products[3] += x * y;
    products[4] += x * z;
    products[5] += y * z;
  }
  const auto count = static_cast<float>(n);
  for (float& product : products) product /= count;
  triplet.axis_square = {products[0], products[1], products[2]};
  triplet.mean_square = products[0] + products[1] + products[2];
  // The noise belongs to the covariance as well, alike in all directions: silence has none. Divided by the
  // trace first, so that no square overflows.
  const float trace = triplet.mean_square + noise;
  for (std::size_t i = 0; i < 3; ++i) {
    const float own = (products[i] + noise / 3.0F) / trace;
    const float crossed = products[i + 3] / trace;
    triplet.direction += own * own + 2.0F * crossed * crossed;
  }

  // Sorted, because a sum's last bits depend on its order.
  const std::size_t impulses = n / kImpulseShare;
  std::partial_sort(squares.begin(), squares.begin() + impulses + 1, squares.begin() + n,
                    [](float a, float b) { return a > b; });
  float sum = 0.0F;
  for (std::size_t i = 1; i <= impulses; ++i) sum += squares[i];
  triplet.impulse_square = sum / static_cast<float>(impulses);
}

/// Adds up the axes' power spectra. Overwrites the axes.
void describe_spectrum(Axes& axes, std::size_t n, Triplet& triplet) {
  const auto count = static_cast<float>(n);
  // One-sided: bins between the ends stand for two. Sum of the window's squares: 3 n / 8.
  const float scale = 2.0F / (count * count * 0.375F);
  for (std::size_t a = 0; a < 3; ++a) {
    const std::span<float> x(axes[a].data(), n);
    for (std::size_t i = 0; i < n; ++i) x[i] *= hann(i, n);
    real_fourier(x);
    Spectrum& own = triplet.axis_power[a];
    own[0] = 0.5F * scale * x[0] * x[0];
    own[n / 2] = 0.5F * scale * x[1] * x[1];
    for (std::size_t k = 1; k < n / 2; ++k) {
      own[k] = scale * (x[2 * k] * x[2 * k] + x[2 * k + 1] * x[2 * k + 1]);
    }
    for (std::size_t k = 0; k <= n / 2; ++k) triplet.power[k] += own[k];
  }
}

/// Power at multiples 1 to 6 of half the running speed, and [0]: of what is near none of them.
std::array<float, kHalfOrders + 1> order_powers(std::span<const float> power, float speed_bins) {
  std::array<float, kHalfOrders + 1> orders{};
  const float half = 0.5F * speed_bins;
  for (std::size_t k = 1; k < power.size(); ++k) {
    orders[half_order_of(static_cast<float>(k), half)] += power[k];
  }
  return orders;
}

/// Power of the bins within kLineReach_bins of a line, which may lie beyond the last bin: what the sensor's
/// low-pass leaves of it there is folded back by sampling.
float line_power(std::span<const float> power, float speed_bins, float order) {
  const auto last = static_cast<float>(power.size() - 1);
  float line = order * speed_bins;
  if (line > last) line = 2.0F * last - line;
  const float first = std::max(line - kLineReach_bins, 1.0F);
  float sum = 0.0F;
  for (auto k = static_cast<std::size_t>(first);
       k < power.size() && static_cast<float>(k) <= line + kLineReach_bins; ++k) {
    if (static_cast<float>(k) >= first) sum += power[k];
  }
  return sum;
}

/// What each axis of a sensor feels by itself.
void describe_axes(const Triplet& sensor, std::size_t bins, float speed_bins, float all_noise,
                   float line_noise, std::span<float> levels) {
  for (std::size_t a = 0; a < 3; ++a) {
    const std::span<const float> power(sensor.axis_power[a].data(), bins);
    float first = 0.0F;
    float second = 0.0F;
    if (speed_bins > 0.0F) {
      first = line_power(power, speed_bins, 1.0F);
      second = line_power(power, speed_bins, 2.0F);
    }
    const auto put = [&](AxisMeasure measure, float own, float noise) {
      levels[axis_level_index(a, measure)] = log_rms(own, noise / 3.0F);
    };
    put(AxisMeasure::level, sensor.axis_square[a], all_noise);
    put(AxisMeasure::first, first, line_noise);
    put(AxisMeasure::second, second, line_noise);
  }
}

}  // namespace

void VibrationExtractor::finish(std::span<float> features, WindowSummary& summary) const {
  const std::size_t n = samples_;
  const std::size_t bins = n / 2 + 1;
  const float bin_hz = rate_hz_ / static_cast<float>(n);
  const std::size_t triplets = spec_.axes / 3;
  summary = {};
  std::array<Triplet, 2> sensors;
  for (std::size_t s = 0; s < triplets; ++s) {
    Axes axes;
    for (std::size_t i = 0; i < n; ++i) {
      const Sample& sample = ring_[(next_ + kLongest - n + i) % kLongest];
      for (std::size_t a = 0; a < 3; ++a) {
        axes[a][i] = sample.axis[3 * s + a];
        if (!is_finite(axes[a][i])) summary.finite = false;
      }
    }
    // What cannot be computed must not look like standing still.
    if (!summary.finite) {
      std::fill(features.begin(), features.end(), std::bit_cast<float>(0x7fc00000U));
      return;
    }
    summary.clipped += count_clipped(axes, n, s == 0 ? kRails_g : kRails_dps);
    for (std::size_t a = 0; a < 3; ++a) {
      const std::span<float> x(axes[a].data(), n);
      const auto [low, high] = std::minmax_element(x.begin(), x.end());
      if (*low == *high) {
        summary.stuck_axes = static_cast<std::uint8_t>(summary.stuck_axes | (1U << (3 * s + a)));
      }
      summary.repaired += repair_spikes(x, axis_lsb(3 * s));
      const float mean = detrend(x);
      if (s == 0) summary.gravity_g[a] = mean;
    }
    Triplet& sensor = sensors[s];
    const float density = s == 0 ? kAccelerometerNoise_g_rtHz : kGyroscopeNoise_dps_rtHz;
    sensor.noise_density = 3.0F * density * density;
    describe_motion(axes, n, sensor, sensor.noise_density * 0.5F * rate_hz_);
    describe_spectrum(axes, n, sensor);
  }

  Spectrum both{};
  for (std::size_t k = 0; k < bins; ++k) {
    for (std::size_t s = 0; s < triplets; ++s) {
      both[k] += sensors[s].power[k] / sensors[s].noise_density;
    }
  }
  summary.speed = estimate_speed({both.data(), bins}, bin_hz, {ranges_.data(), learned_});
  summary.accelerometer_rms_g = square_root(sensors[0].mean_square);
  summary.gyroscope_rms_dps = square_root(sensors[1].mean_square);
  const auto& g = summary.gravity_g;
  summary.gravity_size_g = square_root(g[0] * g[0] + g[1] * g[1] + g[2] * g[2]);

  std::array<std::array<float, kHalfOrders + 1>, 2> orders{};
  for (std::size_t s = 0; s < triplets; ++s) {
    orders[s] = order_powers({sensors[s].power.data(), bins}, summary.speed.hz / bin_hz);
    const Triplet& sensor = sensors[s];
    describe_axes(
        sensor, bins, summary.speed.hz / bin_hz, sensor.noise_density * 0.5F * rate_hz_,
        sensor.noise_density * kLineWidth_bins * bin_hz + kFaintestPart * sensor.mean_square,
        std::span(summary.axis_level).subspan(9 * s, 9));
  }
  for (std::size_t f = 0; f < spec_.dimensions(); ++f) {
    const VibrationFeature& feature = kVibrationFeatures[f];
    const std::size_t s = feature.gyroscope ? 1 : 0;
    const Triplet& sensor = sensors[s];
    const float all_noise = sensor.noise_density * 0.5F * rate_hz_;
    const float line_noise = sensor.noise_density * kLineWidth_bins * bin_hz;
    // A line that leaves the spectrum when the machine speeds up must not fall without end.
    const float faintest = kFaintestPart * sensor.mean_square;
    switch (feature.kind) {
      case VibrationKind::level: features[f] = log_rms(sensor.mean_square, all_noise); break;
      case VibrationKind::impulsiveness:
        features[f] = 0.5F * natural_log((sensor.impulse_square + all_noise) /
                                         (sensor.mean_square + all_noise));
        break;
      case VibrationKind::direction: features[f] = sensor.direction; break;
      case VibrationKind::centroid: {
        float sum = 0.0F;
        float moment = 0.0F;
        for (std::size_t k = 1; k < bins; ++k) {
          const float power = sensor.power[k] + sensor.noise_density * bin_hz;
          sum += power;
          moment += static_cast<float>(k) * power;
        }
        features[f] = moment / (sum * static_cast<float>(bins - 1));
        break;
      }
      case VibrationKind::band: {
        // Ends are eighths of at least 32 bins: whole numbers.
        const auto last_bin = static_cast<float>(bins - 1);
        const auto low = static_cast<std::size_t>(feature.low * last_bin);
        const auto high = static_cast<std::size_t>(feature.high * last_bin);
        float sum = 0.0F;
        for (std::size_t k = low + 1; k <= high; ++k) sum += sensor.power[k];
        features[f] = log_rms(sum, all_noise * (feature.high - feature.low) + faintest);
        break;
      }
      case VibrationKind::order: {
        float power = orders[s][static_cast<std::size_t>(2.0F * feature.low)];
        if (feature.high != feature.low) {
          power += orders[s][static_cast<std::size_t>(2.0F * feature.high)];
        }
        features[f] = log_rms(power, line_noise + faintest);
        break;
      }
      case VibrationKind::rest: features[f] = log_rms(orders[s][0], all_noise + faintest); break;
    }
  }
}

}  // namespace fettle
