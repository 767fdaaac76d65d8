// SPDX-License-Identifier: Apache-2.0
#include "core/decision/fault_family.hpp"

#include <algorithm>

#include "core/elementary.hpp"
#include "core/features/speed.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

using Numbers = std::array<float, 8>;

Numbers numbers_of(const Signature& s) {
  return {s.half_orders, s.first_moving, s.first_turning, s.second,
          s.third,       s.rest,         s.impulsiveness, s.one_line};
}

struct Pattern {
  FaultFamily family;
  Numbers direction;
};

/// Tuned on machines 0 to 24 of the fleet, reported on 25 to 49 (DESIGN.md).
constexpr std::array<Pattern, 4> kPatterns = {{
    {FaultFamily::imbalance, {0.0F, 0.7F, 0.7F, 0.0F, 0.0F, 0.0F, 0.0F, 0.15F}},
    {FaultFamily::misalignment, {0.0F, 0.35F, 0.35F, 0.8F, 0.0F, 0.1F, 0.0F, 0.1F}},
    {FaultFamily::looseness, {0.8F, 0.0F, 0.6F, 0.35F, 0.2F, 0.1F, 0.1F, 0.0F}},
    // What rises between the lines rises under them as well.
    {FaultFamily::bearing, {0.3F, 0.3F, 0.0F, 0.1F, 0.1F, 0.7F, 0.6F, 0.7F}},
}};

/// What has fallen counts half: a fault adds.
constexpr float kFallen = 0.5F;
/// A line that is folded back stands where little else does, so its change is large for what it means.
constexpr float kFolded = 0.7F;

/// A line as both sensors feel it.
float together(float moving, float turning) {
  const float a = std::max(moving, 0.0F);
  const float b = std::max(turning, 0.0F);
  if (a == 0.0F && b == 0.0F) return std::max(moving, turning);
  return square_root(a * a + b * b);
}

/// Index of a feature of the vibration set.
constexpr std::size_t feature(VibrationKind kind, bool gyroscope, float order = 0.0F) {
  for (std::size_t i = 0; i < kVibrationFeatures.size(); ++i) {
    const VibrationFeature& f = kVibrationFeatures[i];
    if (f.kind == kind && f.gyroscope == gyroscope && (order == 0.0F || f.low == order)) return i;
  }
  return kVibrationFeatures.size();
}

/// Change of twice the speed where it lies beyond the spectrum: from the axes, where it is folded to.
float folded_second(const DetectorModel& model, const Changes& changes, bool gyroscope) {
  const OperatingPoint& point = model.baseline.point[changes.point()];
  // Folded onto the first line itself it says nothing.
  const float bin_hz = model.window.rate_hz / static_cast<float>(model.window.samples);
  const float alias_hz = model.window.rate_hz - 2.0F * point.centre_hz;
  if (absolute(alias_hz - point.centre_hz) < 2.0F * kLineReach_bins * bin_hz) return 0.0F;
  double before = 0.0;
  double now = 0.0;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t i = axis_level_index((gyroscope ? 3 : 0) + a, AxisMeasure::second);
    const auto mean = static_cast<double>(point.axis_mean[i]);
    before += exponential(2.0 * mean);
    now += exponential(2.0 * (mean + static_cast<double>(changes.axis()[i])));
  }
  const auto change = static_cast<float>(0.5 * (natural_log_f64(now) - natural_log_f64(before)));
  return kFolded * change / model.normaliser.scale[feature(VibrationKind::order, gyroscope, 2.0F)];
}

}  // namespace

Signature signature_of(const DetectorModel& model, const Changes& changes) {
  Signature s;
  if (model.features.set != FeatureSet::vibration) return s;
  const bool six = model.features.axes == 6;
  const auto z = [&](VibrationKind kind, bool gyroscope, float order = 0.0F) {
    if (gyroscope && !six) return 0.0F;
    return changes.z()[feature(kind, gyroscope, order)];
  };
  using enum VibrationKind;
  s.half_orders = together(z(order, false, 0.5F), z(order, true, 0.5F));
  s.first_moving = z(order, false, 1.0F);
  s.first_turning = z(order, true, 1.0F);
  s.second = together(z(order, false, 2.0F), z(order, true, 2.0F));
  s.third = z(order, false, 3.0F);
  s.rest = z(rest, false);
  s.impulsiveness = z(impulsiveness, false);
  s.one_line = z(direction, false);
  const Baseline& baseline = model.baseline;
  if (baseline.knows_speed()) {
    const OperatingPoint& point = baseline.point[changes.point()];
    const VibrationFeature& second = kVibrationFeatures[feature(order, false, 2.0F)];
    if (says_nothing(second, point, point.centre_hz, model.window.rate_hz)) {
      s.second = together(folded_second(model, changes, false),
                          six ? folded_second(model, changes, true) : 0.0F);
    }
  }
  return s;
}

Families families_of(const Signature& signature, bool turning) {
  const Numbers change = numbers_of(signature);
  // What healthy machines do has a length of about 1: less than that points nowhere.
  float square = 1.0F;
  for (const float x : change) square += x > 0.0F ? x * x : kFallen * kFallen * x * x;
  const float length = square_root(square);
  Families families;
  float best = 0.0F;
  for (std::size_t i = 0; i < kPatterns.size(); ++i) {
    float product = 0.0F;
    float own = 0.0F;
    for (std::size_t k = 0; k < change.size(); ++k) {
      if (k == 2 && !turning) continue;
      product += change[k] * kPatterns[i].direction[k];
      own += kPatterns[i].direction[k] * kPatterns[i].direction[k];
    }
    const float cosine = std::max(product / (length * square_root(own)), 0.0F);
    families[i] = {kPatterns[i].family, cosine};
    best = std::max(best, cosine);
  }
  families[kPatterns.size()] = {FaultFamily::other,
                                square_root(std::max(1.0F - best * best, 0.0F))};
  // Not std::sort: equal scores keep their order.
  for (std::size_t i = 1; i < families.size(); ++i) {
    for (std::size_t k = i; k > 0 && families[k].score > families[k - 1].score; --k) {
      std::swap(families[k], families[k - 1]);
    }
  }
  return families;
}

Families families_of(const DetectorModel& model, const Changes& changes) {
  return families_of(signature_of(model, changes), model.features.axes == 6);
}

}  // namespace fettle
