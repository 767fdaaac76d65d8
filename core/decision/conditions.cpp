// SPDX-License-Identifier: Apache-2.0
#include "core/decision/conditions.hpp"

#include <algorithm>

#include "core/math.hpp"

namespace fettle {
namespace {

/// A window's rate may be off by the chip's oscillator (5 %) and as much again.
constexpr float kRateTolerance = 0.1F;
/// A reading or two at the end of the range are a knock.
constexpr std::uint32_t kClippedReadings = 8;
// One gap in 4 windows for long is a loss that is no accident any more.
constexpr std::uint32_t kGapWeighs = 4;
constexpr std::uint32_t kManyGaps = 16;
constexpr std::uint32_t kMostGaps = 32;
constexpr float kGravitySmoothing = 1.0F / 64.0F;
// A machine that coasts, or stands beside a neighbour that runs, is weaker than learned by so much (natural
// logarithm): in all that the accelerometer feels, or in what the gyroscope does, which hardly feels neighbours. Real
// faults lowered the first by up to 0.5 and the second by up to 0.8.
constexpr float kWeaker = -0.65F;
constexpr float kWeakerTurning = -1.0F;
// Neighbours add up to 0.8 to a level beside a machine that runs.
constexpr float kMuchMore = 0.9F;
// A stop or a start is over by then; what still has no clear speed is another machine than was learned.
constexpr std::uint32_t kLongUnclear = 32;

float dot(const std::array<float, 3>& a, const std::array<float, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

}  // namespace

void Conditions::follow_gravity(const WindowSummary& window) {
  if (!(window.gravity_size_g > 0.1F)) return;  // free fall, or no accelerometer
  if (dot(reference_, reference_) == 0.0F) reference_ = baseline_.gravity;
  const float inverse = 1.0F / window.gravity_size_g;
  const bool first = dot(gravity_, gravity_) == 0.0F;
  for (std::size_t i = 0; i < 3; ++i) {
    const float now = window.gravity_g[i] * inverse;
    gravity_[i] = first ? now : gravity_[i] + kGravitySmoothing * (now - gravity_[i]);
  }
  if (dot(reference_, reference_) == 0.0F) return;
  const float cosine = dot(gravity_, reference_) /
                       square_root(dot(gravity_, gravity_) * dot(reference_, reference_));
  moved_ = cosine < baseline_.moved_cosine;
}

bool Conditions::weaker(std::span<const float> features) const {
  bool weak = false;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const VibrationFeature& feature = kVibrationFeatures[i];
    // Less in all but much more in something is no machine that stands still.
    if (feature.slope > 0.0F && features[i] > kMuchMore) return false;
    if (feature.kind != VibrationKind::level) continue;
    if (features[i] < (feature.gyroscope ? kWeakerTurning : kWeaker)) weak = true;
  }
  return weak;
}

Condition Conditions::of_sensor(const WindowSummary& window, float rate) {
  if (!window.finite) return {Reason::not_a_number, false};
  follow_gravity(window);
  if (window.stuck_axes != 0) return {Reason::stuck, false};
  if (!(rate > 1.0F - kRateTolerance && rate < 1.0F + kRateTolerance)) {
    return {Reason::wrong_rate, false};
  }
  // What exceeds the sensor's range is still beyond what was learned: it counts.
  if (window.clipped >= kClippedReadings) return {Reason::clipped, true};
  if (gaps_ >= kManyGaps) return {Reason::losing_samples, true};
  return {};
}

void Conditions::of_machine(const WindowSummary& window, std::span<float> features,
                            Condition& condition) {
  const auto cannot = [&](Reason reason) {
    condition.reason = reason;
    condition.counts = false;
  };
  const float hz = window.speed.hz;
  const bool known = baseline_.knows_speed();
  const bool clear = known && hz > 0.0F && window.speed.confidence >= baseline_.confidence;
  const float before_hz = before_hz_;
  before_hz_ = clear ? hz : 0.0F;
  float outside = 1.0F;
  if (clear) {
    const Place place = place_of(baseline_, hz);
    point_ = place.point;
    outside = place.outside;
  }
  condition.point = point_;
  condition.speed_hz = clear ? hz : 0.0F;
  take_away(baseline_.point[point_], spec_, clear ? hz : 0.0F, rate_hz_, features);
  if (window.accelerometer_rms_g < baseline_.off_g) return cannot(Reason::off);
  if (!known) return;
  if (weaker(features)) return cannot(Reason::weak);
  unclear_ = clear ? 0 : unclear_ + 1;
  if (!clear) {
    if (unclear_ <= kLongUnclear) return cannot(Reason::unclear);
    condition.reason = Reason::unclear;
    condition.margin = baseline_.margin;
    return;
  }
  const float ratio = hz > before_hz ? hz / before_hz : before_hz / hz;
  if (before_hz > 0.0F && ratio > baseline_.steady_ratio) return cannot(Reason::changing);
  if (outside > 1.0F) {
    condition.reason = Reason::speed;
    condition.margin = baseline_.margin;
  }
}

Condition Conditions::look(const WindowSummary& window, std::span<float> features, bool gap,
                           float rate) {
  if (gap) {
    gaps_ = std::min(gaps_ + kGapWeighs, kMostGaps);
    before_hz_ = 0.0F;
  }
  if (gaps_ > 0) --gaps_;
  Condition condition = of_sensor(window, rate);
  condition.point = point_;
  if (baseline_.points == 0 || !window.finite) return condition;
  const Condition sensor = condition;
  of_machine(window, features, condition);
  if (sensor.reason != Reason::none) {
    condition.reason = sensor.reason;
    condition.counts = condition.counts && sensor.counts;
    return condition;
  }
  if (!condition.counts) {
    waiting_ = kSettlingWindows;
  } else if (waiting_ > 0) {
    --waiting_;
    condition.reason = Reason::changing;
    condition.counts = false;
  }
  return condition;
}

}  // namespace fettle
