// SPDX-License-Identifier: Apache-2.0
#include "core/learn/refinement.hpp"

#include <bit>

#include "core/math.hpp"
#include "detector_generated.h"

namespace fettle {
namespace {

/// Deviations of evidence, above the reference, that an alarm takes at least.
constexpr float kSmallestLimit = 4.0F;
/// A disturbance that comes again is not quite the same.
constexpr float kRoom = 1.1F;
constexpr double kGuess_h = 24.0;
constexpr std::uint32_t kLongestExcursion = 1U << 24;
constexpr float kMostEvidence = 50.0F;

constexpr std::uint32_t kFlagWaits = 1;
constexpr std::uint32_t kMostFlags = 3;  // 2 has no meaning any more

double seconds_between(const WindowShape& window) {
  return static_cast<double>(window.hop_samples()) / static_cast<double>(window.rate_hz);
}

std::uint32_t quarantine_of(const WindowShape& window) {
  const double windows = Refinement::kQuarantine_s / seconds_between(window) + 0.5;
  return static_cast<std::uint32_t>(std::min(windows, 1e9));
}

}  // namespace

Refinement::Refinement(const DetectorModel& model, const WindowShape& window)
    : model_(model), burn_in_(quarantine_of(window)), calibrated_(*model.decision) {
  const metadata::Decision& record = *model.record->decision();
  wish_.alarms_per_hour = static_cast<double>(record.asked_per_hour());
  wish_.window_seconds = seconds_between(window);
  // A few hours on site do not unlearn what several recordings said.
  wish_.between_sessions = std::max(wish_.between_sessions, record.between_sessions());
  // Kind and form stay; reference and cap are found anew.
  wish_.decision = *model.decision;
  wish_.decision.reference = DecisionSettings{}.reference;
  wish_.decision.cap = DecisionSettings{}.cap;
  support_ = {static_cast<double>(record.normal_hours()),
              static_cast<double>(record.supported_per_hour()),
              static_cast<double>(record.minutes_missing())};
}

void Refinement::push(const WindowResult& result) {
  follow(result);
  // A sensor that was moved hides the verdict of a warning, not its evidence.
  const bool warns =
      result.verdict == Verdict::warning || result.share > SequentialDecision::kWarns;
  const Level level = result.verdict == Verdict::alarm ? Level::alarm
                      : warns                          ? Level::warning
                                                       : Level::normal;
  if (!(result.evidence == result.evidence)) {
    burn_in_.restart();
    // It cannot be told what led to an alarm of windows that teach nothing.
    if (result.alarm) {
      burn_in_.discard();
      burn_in_.drop_aside();  // that was another alarm's
    }
    return;
  }
  if (waits_) {
    // A healthy machine warns now and then: where one window in eight does, this comes to nothing.
    constexpr std::uint32_t kOfWarning = BurnIn::kWarningsAre1In;
    if (alarm_) {
      normal_windows_ = 0;
    } else if (level == Level::warning) {
      normal_windows_ -= std::min(normal_windows_, kOfWarning);
    } else {
      ++normal_windows_;
    }
    waits_ = normal_windows_ < burn_in_.quarantine();
    return;
  }
  burn_in_.push(result.evidence, level);
}

/// Remembers how an alarm came about. All of it can be told from the statistic.
void Refinement::follow(const WindowResult& result) {
  const bool heard = result.evidence == result.evidence || result.share != share_;
  share_ = result.share;
  const bool alarm = result.verdict == Verdict::alarm;
  const bool begins = alarm && !alarm_;
  alarm_ = alarm;
  if (!heard) return;
  if (!(share_ > 0.0F)) {
    windows_ = 0;
    largest_ = 0.0F;
    return;
  }
  const DecisionSettings now = settings();
  const float value = share_ * now.limit;
  windows_ += windows_ < kLongestExcursion ? 1U : 0U;
  const bool larger = value > largest_ || begins;
  if (larger) largest_ = value;
  if (begins) waits_before_ = waits_;
  if (alarm && larger) {
    const auto windows = static_cast<float>(windows_);
    const DecisionSettings& file = *model_.decision;
    suspected_ = {windows_, (value + windows * now.reference) * (now.scale / file.scale) +
                                windows * (now.location - file.location) / file.scale};
  }
}

/// The statistic at the end of an excursion, had it been judged by the calibrated settings.
float Refinement::reached_by(const Excursion& excursion) const {
  const auto windows = static_cast<float>(excursion.windows);
  const DecisionSettings& file = *model_.decision;
  const float shift = windows * (calibrated_.location - file.location) / file.scale;
  return (excursion.sum - shift) * (file.scale / calibrated_.scale) -
         windows * calibrated_.reference;
}

DecisionSettings Refinement::settings() const {
  DecisionSettings raised = calibrated_;
  // The cap stays, so that a higher limit takes more windows and not harder ones.
  raised.limit =
      std::clamp(kRoom * reached_by(excused_), calibrated_.limit, kMostRaise * calibrated_.limit);
  return raised;
}

void Refinement::was_false() {
  excused_before_ = excused_;
  if (reached_by(suspected_) > reached_by(excused_)) excused_ = suspected_;
  burn_in_.accept_aside();
  waits_ = waits_ && waits_before_;
}

void Refinement::was_true() {
  burn_in_.drop_aside();
  burn_in_.discard();
  waits_ = true;
  normal_windows_ = 0;
}

void Refinement::serviced() {
  burn_in_.discard();
  burn_in_.drop_aside();
  waits_ = false;
  // What raised an alarm before is no excuse for one after.
  suspected_ = {};
  windows_ = 0;
  largest_ = 0.0F;
}

Support Refinement::progress() const {
  const EvidenceSummary& seen = burn_in_.accepted();
  if (seen.windows == 0) return support_;
  const Support support = support_of(seen, wish_);
  return support.normal_hours > support_.normal_hours ? support : support_;
}

bool Refinement::due() const {
  const std::uint32_t accepted = burn_in_.accepted().windows;
  return !working() && accepted >= burn_in_.quarantine() &&
         accepted >= refined_at_ + refined_at_ / 4;
}

Status Refinement::begin(Memory& memory) {
  const EvidenceSummary& seen = burn_in_.accepted();
  refined_at_ = seen.windows;
  support_then_ = support_of(seen, wish_);
  if (support_then_.normal_hours <= support_.normal_hours) return Status::ok;
  CalibrationWish wish = wish_;
  wish.alarms_per_hour = std::max(wish_.alarms_per_hour, support_then_.supported_per_hour);
  const Status status = memory.calibrator.begin(seen, model_.decision->location,
                                                model_.decision->scale, wish, memory.lattice);
  if (status == Status::ok) memory_ = &memory;
  return status;
}

bool Refinement::step() {
  if (memory_ == nullptr || !memory_->calibrator.step()) return false;
  support_ = support_then_;
  const Calibration& found = memory_->calibrator.result();
  calibrated_ = found.settings;
  // No limit is large enough for the wish: what the largest is worth is said.
  if (calibrated_.limit >= kLargestLimit) {
    support_.supported_per_hour = std::max(support_.supported_per_hour, found.rate_per_hour);
  }
  memory_ = nullptr;
  // Where usual scores lie is guessed by the model's file from how healthy machines vary, and on the safe side. A quiet hour
  // does not make what is usual suspicious; what a day has shown counts as much as the guess, and never more.
  const auto guess =
      static_cast<float>(std::max(0.5, kGuess_h / (kGuess_h + support_.normal_hours)));
  const float higher = std::max(model_.decision->location - calibrated_.location, 0.0F);
  calibrated_.location += guess * higher;
  calibrated_.scale = std::max(calibrated_.scale, model_.decision->scale);
  if (calibrated_.limit < kSmallestLimit) {
    calibrated_.limit = kSmallestLimit;
    // The cap goes with it: a machine that breaks alarms after five windows, not after fifty.
    calibrated_.cap =
        std::max(calibrated_.cap, calibrated_.reference + kLargestStepOfLimit * calibrated_.limit);
  }
  return true;
}

Status Refinement::refine(Pipeline& pipeline, Memory& memory) {
  const Status status = begin(memory);
  while (working()) {
    if (step()) pipeline.adopt(settings());
  }
  return status;
}

void Refinement::write(std::span<std::uint8_t, kBytes> bytes) const {
  burn_in_.write(bytes.first<BurnIn::kBytes>());
  std::size_t at = BurnIn::kBytes;
  const auto put = [&](std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) bytes[at++] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  const auto put_float = [&](double value) {
    put(std::bit_cast<std::uint32_t>(static_cast<float>(value)));
  };
  put(refined_at_);
  put(waits_ ? kFlagWaits : 0U);
  for (const float value : {calibrated_.location, calibrated_.scale, calibrated_.cap,
                            calibrated_.reference, calibrated_.limit}) {
    put(std::bit_cast<std::uint32_t>(value));
  }
  put_float(support_.normal_hours);
  put_float(support_.supported_per_hour);
  put_float(support_.minutes_missing);
  put(excused_.windows);
  put(std::bit_cast<std::uint32_t>(excused_.sum));
}

bool Refinement::read(std::span<const std::uint8_t, kBytes> bytes) {
  std::size_t at = BurnIn::kBytes;
  const auto take = [&] {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value |= std::uint32_t{bytes[at++]} << (8 * i);
    return value;
  };
  const auto take_float = [&] { return std::bit_cast<float>(take()); };
  const std::uint32_t refined_at = take();
  const std::uint32_t flags = take();
  DecisionSettings settings = *model_.decision;
  settings.location = take_float();
  settings.scale = take_float();
  settings.cap = take_float();
  settings.reference = take_float();
  settings.limit = take_float();
  const std::array<float, 3> support = {take_float(), take_float(), take_float()};
  Excursion excused;
  excused.windows = take();
  excused.sum = take_float();
  // The file's own, or within what a calibration may make of them. Comparisons that NaN fails.
  const DecisionSettings& file = *model_.decision;
  const auto within = [](float value, float least, float most) {
    return value >= least && value <= most;
  };
  const bool refined =
      within(absolute(settings.location - file.location), 0.0F,
             static_cast<float>(kMostCentre) * file.scale * 1.001F) &&
      within(settings.scale, file.scale, static_cast<float>(kMostSpread) * file.scale * 1.001F) &&
      within(settings.reference, DecisionSettings{}.reference, kMostEvidence) &&
      within(settings.cap, settings.reference, kMostEvidence) &&
      within(settings.limit, kSmallestLimit, kLargestLimit);
  for (const float value : support) {
    if (!within(value, 0.0F, 1e12F)) return false;
  }
  BurnIn burn_in(burn_in_.quarantine());
  if (!is_valid(settings) || !(refined || settings == file) || flags > kMostFlags ||
      excused.windows > kLongestExcursion || !within(excused.sum, -1e9F, 1e9F) ||
      !burn_in.read(bytes.first<BurnIn::kBytes>()) || refined_at > burn_in.accepted().windows) {
    return false;
  }
  burn_in_ = burn_in;
  refined_at_ = refined_at;
  waits_ = (flags & kFlagWaits) != 0;
  normal_windows_ = 0;
  calibrated_ = settings;
  support_ = {static_cast<double>(support[0]), static_cast<double>(support[1]),
              static_cast<double>(support[2])};
  suspected_ = {};
  excused_ = excused_before_ = excused;
  waits_before_ = waits_;
  memory_ = nullptr;
  return true;
}

}  // namespace fettle
