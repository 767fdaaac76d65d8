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
// A machine that coasts, or stands beside a neighbour that runs, is weaker than learned by so much (natural
// logarithm): in all that the accelerometer feels, or in what the gyroscope does, which hardly feels neighbours. Real
// faults lowered the first by up to 0.5 and the second by up to 0.8.
constexpr float kWeaker = -0.65F;
constexpr float kWeakerTurning = -1.0F;
// Neighbours add up to 0.8 to a level beside a machine that runs.
constexpr float kMuchMore = 0.9F;
// A gyroscope whose own line has gone, with less in all: faults lower that line by up to 1.7, but not all of these.
constexpr float kLessTurning = -0.3F;
constexpr float kNoLineTurning = -1.5F;
// A stop takes so many windows at least.
constexpr std::uint32_t kLeaves = 3;
// Of a machine that left its speed and has not been normal since; the levels are not louder then.
constexpr float kNoLineTurningAway = -0.8F;
// Its other lines go as well while it coasts: on one machine half orders had fallen by 2 and its line by 0.4.
constexpr float kSomethingTurningAway = -1.2F;
// What loses its speed without getting louder than this does not run; neighbours and load make 0.1 of it.
constexpr float kNoLouder = 0.1F;
// Without a speed to tell a machine that coasts by, so much weaker in all is enough; and where its line is faint.
constexpr float kWeakerUnknown = -0.4F;
constexpr float kWeakerTurningUnknown = -0.8F;
constexpr float kWeakerFaint = -0.2F;
// A stop or a start is over by then; what still has no clear speed is another machine than was learned.
constexpr std::uint32_t kLongUnclear = 32;
// What is felt of a machine that coasts beside a neighbour, whose line passes for its own, scatters about these limits.
constexpr std::uint32_t kWeakSettlingWindows = 8;

}  // namespace

/// Less is felt than a fault has ever made of it: the machine does not run as it did.
/// @param confident  of its speed by this window alone; clear: by what was before as well
bool Conditions::weaker(std::span<const float> features, bool confident, bool clear) const {
  // Of the accelerometer and the gyroscope, beside what was learned; without a gyroscope it is as it was.
  std::array<float, 2> level{};
  std::array<bool, 2> much_more{};
  float line_turning = 0.0F;
  float least_turning = 0.0F;
  for (std::size_t i = 0; i < features.size(); ++i) {
    const VibrationFeature& feature = kVibrationFeatures[i];
    const std::size_t sensor = feature.gyroscope ? 1 : 0;
    if (feature.slope > 0.0F && features[i] > kMuchMore) much_more[sensor] = true;
    if (feature.kind == VibrationKind::level) level[sensor] = features[i];
    if (!feature.gyroscope || !(feature.slope > 0.0F)) continue;
    least_turning = std::min(least_turning, features[i]);
    if (feature.kind == VibrationKind::order && feature.low == 1.0F) line_turning = features[i];
  }
  // Less in all but much more in something is no machine that stands still. A neighbour may be loud in a band of the
  // accelerometer in which the machine has nothing, but it does not turn the sensor.
  const bool turns_less = level[1] < kWeakerTurning && !much_more[1];
  if (much_more[0] || much_more[1]) return clear && turns_less && level[0] < kNoLouder;
  if (level[0] < kWeaker || turns_less) return true;
  const float louder = std::max(level[0], level[1]);
  // Near the sensor's own noise a machine cannot get weaker by so much.
  if (!baseline_.knows_speed()) return louder < kWeakerUnknown || level[1] < kWeakerTurningUnknown;
  if (!clear) return louder < kNoLouder;
  if (!confident && louder < kWeakerFaint) return true;
  // A neighbour may pass for the machine's own line, but it does not turn the sensor.
  if (machine_ == Machine::away && louder < kNoLouder &&
      (line_turning < kNoLineTurningAway || least_turning < kSomethingTurningAway)) {
    return true;
  }
  return level[0] < kNoLouder && level[1] < kLessTurning && line_turning < kNoLineTurning;
}

Condition Conditions::of_sensor(const WindowSummary& window, float rate) {
  if (!window.finite) return {Reason::not_a_number, false};
  // What a dead axis or the end of a range says of gravity is not where the sensor sits.
  constexpr std::uint8_t kAccelerometer = 7;
  if ((window.stuck_axes & kAccelerometer) == 0 && window.clipped < kClippedReadings) {
    mounting_.follow_gravity(window);
  }
  if (window.stuck_axes != 0) return {Reason::stuck, false};
  if (!(rate > 1.0F - kRateTolerance && rate < 1.0F + kRateTolerance)) {
    return {Reason::wrong_rate, false};
  }
  // What exceeds the sensor's range is still beyond what was learned: it counts.
  if (window.clipped >= kClippedReadings) return {Reason::clipped, true};
  if (gaps_ >= kManyGaps) return {Reason::losing_samples, true};
  return {};
}

/// The newest speed that was clear, of the windows that are remembered; 0: none.
float Conditions::known_hz() const {
  for (const float hz : speeds_) {
    if (hz > 0.0F) return hz;
  }
  return 0.0F;
}

void Conditions::of_machine(const WindowSummary& window, std::span<float> features,
                            Condition& condition) {
  const auto cannot = [&](Reason reason) {
    condition.reason = reason;
    condition.counts = false;
  };
  const float hz = window.speed.hz;
  const bool known = baseline_.knows_speed();
  const float steady = baseline_.steady_ratio;
  const auto differs = [&](float before_hz, float ratio) {
    return speeds_differ(hz, before_hz, ratio, bin_hz_);
  };
  const bool confident = known && hz > 0.0F && window.speed.confidence >= baseline_.confidence;
  const float near_hz = known_hz();
  const float far_hz = speeds_.back();
  // A line that is faint but where it was is the same line.
  const bool clear =
      confident || (known && hz > 0.0F && near_hz > 0.0F && !differs(near_hz, steady));
  const bool changing = clear && (differs(near_hz, steady) || differs(far_hz, steady * steady));
  std::copy_backward(speeds_.begin(), speeds_.end() - 1, speeds_.end());
  speeds_.front() = confident ? hz : 0.0F;
  float outside = 1.0F;
  if (clear) {
    const Place place = place_of(baseline_, hz);
    point_ = place.point;
    outside = place.outside;
  }
  condition.point = point_;
  condition.speed_hz = clear ? hz : 0.0F;
  take_away(baseline_.point[point_], spec_, clear ? hz : 0.0F, rate_hz_, features);
  if (window.accelerometer_rms_g < baseline_.off_g) {
    speeds_.front() = 0.0F;  // of whatever runs nearby
    return cannot(Reason::off);
  }
  weak_ = weaker(features, confident, clear) ? weak_ + 1 : 0;
  if (weak_ > 0) return cannot(Reason::weak);
  if (!known) return;
  unclear_ = clear ? 0 : unclear_ + 1;
  if (!clear) {
    if (unclear_ <= kLongUnclear) return cannot(Reason::unclear);
    condition.reason = Reason::unclear;
    condition.margin = baseline_.margin;
    return;
  }
  if (changing) return cannot(Reason::changing);
  if (outside > 1.0F) {
    condition.reason = Reason::speed;
    condition.margin = baseline_.margin;
    return;
  }
  mounting_.follow_axes(window, baseline_.point[point_]);
}

Condition Conditions::look(const WindowSummary& window, std::span<float> features, bool gap,
                           float rate) {
  if (gap) {
    gaps_ = std::min(gaps_ + kGapWeighs, kMostGaps);
    speeds_.fill(0.0F);
  }
  if (gaps_ > 0) --gaps_;
  Condition condition = of_sensor(window, rate);
  comparable_ = false;
  condition.point = point_;
  if (baseline_.points == 0 || !window.finite) return condition;
  const Condition sensor = condition;
  of_machine(window, features, condition);
  if (!sensor.counts) {
    condition.reason = sensor.reason;
    condition.counts = false;
    return condition;
  }
  wait_for(condition);
  if (sensor.reason != Reason::none) {
    condition.reason = sensor.reason;
    comparable_ = false;
  }
  return condition;
}

/// After a start, a stop or another speed a few windows count for nothing.
void Conditions::wait_for(Condition& condition) {
  // An unclear speed, or one weak window, is no sign that the machine was on its way: neither begins the wait or ends it.
  const bool one_weak = condition.reason == Reason::weak && weak_ == 1;
  if (condition.reason == Reason::unclear || one_weak) return;
  // An odd estimate of the speed is no stop.
  const bool elsewhere = !condition.counts || condition.reason == Reason::speed;
  leaving_ = elsewhere ? leaving_ + 1 : 0;
  if (leaving_ >= kLeaves && machine_ == Machine::normal) machine_ = Machine::away;
  if (!condition.counts) {
    const bool coasts = weak_ > 0 && ran_ && baseline_.knows_speed();
    waiting_ = std::max(waiting_, coasts ? kWeakSettlingWindows : kSettlingWindows);
    return;
  }
  comparable_ = true;
  if (waiting_ > 0) {
    --waiting_;
    condition.reason = Reason::changing;
    condition.counts = false;
  } else {
    ran_ = true;
  }
}

}  // namespace fettle
