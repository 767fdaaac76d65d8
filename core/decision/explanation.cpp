// SPDX-License-Identifier: Apache-2.0
#include "core/decision/explanation.hpp"

#include <algorithm>

#include "core/elementary.hpp"
#include "core/math.hpp"
#include "core/score/reconstruction.hpp"

namespace fettle {
namespace {

float exponential_of(float x) { return static_cast<float>(exponential(static_cast<double>(x))); }

bool is_logarithm(const VibrationFeature& feature) {
  return feature.kind != VibrationKind::direction && feature.kind != VibrationKind::centroid;
}

/// What an axis gained in power, or lost, from what was learned to now; unit^2.
float gained(const Figure& figure) {
  return figure.now * figure.now - figure.before * figure.before;
}

/// By what a feature's change is told apart between axes.
AxisMeasure measure_of(const VibrationFeature& feature) {
  if (feature.kind != VibrationKind::order || feature.low != feature.high)
    return AxisMeasure::level;
  return feature.low == 1.0F   ? AxisMeasure::first
         : feature.low == 2.0F ? AxisMeasure::second
                               : AxisMeasure::level;
}

/// How a feature's change divides between the three axes of its sensor: parts that add up to 1.
std::array<float, 3> parts_of_axes(const DetectorModel& model, const Changes& changes,
                                   std::size_t feature) {
  const VibrationFeature& what = kVibrationFeatures[feature];
  const bool grew = changes.z()[feature] >= 0.0F;
  std::array<float, 3> parts{};
  float sum = 0.0F;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::size_t axis = (what.gyroscope ? 3 : 0) + a;
    const float gain = gained(figure_of(model, changes, axis, measure_of(what)));
    parts[a] = std::max(grew ? gain : -gain, 0.0F);
    sum += parts[a];
  }
  for (float& part : parts) part = sum > 0.0F ? part / sum : 1.0F / 3.0F;
  return parts;
}

/// Shapley's values of the score, to first order.
void share_out(const DetectorModel& model, const Changes& changes,
               std::array<float, kMostExplained>& share) {
  const std::size_t d = model.features.dimensions();
  std::array<float, kMostExplained> all = changes.z();
  std::array<float, kMostExplained> one{};
  const auto score = [&](const std::array<float, kMostExplained>& z) {
    return score_of(model.score, model.network, {z.data(), d});
  };
  const float whole = score(all);
  const float nothing = score(one);
  float sum = 0.0F;
  for (std::size_t i = 0; i < d; ++i) {
    const float z = all[i];
    all[i] = 0.0F;
    one[i] = z;
    share[i] = std::max(0.5F * ((whole - score(all)) + (score(one) - nothing)), 0.0F);
    sum += share[i];
    all[i] = z;
    one[i] = 0.0F;
  }
  for (std::size_t i = 0; i < d; ++i) share[i] = sum > 0.0F ? share[i] / sum : 0.0F;
}

void share_out_axes(const DetectorModel& model, const Changes& changes, Explanation& explanation) {
  const FeatureSpec& spec = model.features;
  for (std::size_t i = 0; i < spec.dimensions(); ++i) {
    if (spec.set != FeatureSet::vibration) {
      explanation.axis_share[feature_axis(spec, i)] += explanation.share[i];
    } else if (knows_axes(model)) {
      const auto parts = parts_of_axes(model, changes, i);
      for (std::size_t a = 0; a < 3; ++a) {
        explanation.axis_share[feature_axis(spec, i) + a] += parts[a] * explanation.share[i];
      }
    }
  }
}

/// The axis of the lead's sensor that changed most, if one did.
std::uint8_t axis_of_lead(const DetectorModel& model, const Changes& changes, std::size_t lead) {
  if (model.features.set != FeatureSet::vibration) {
    return static_cast<std::uint8_t>(feature_axis(model.features, lead));
  }
  if (!knows_axes(model)) return Explanation::kNoAxis;
  const auto parts = parts_of_axes(model, changes, lead);
  const auto most = std::max_element(parts.begin(), parts.end());
  // A third each: no axis in particular.
  if (*most < 0.4F) return Explanation::kNoAxis;
  return static_cast<std::uint8_t>(feature_axis(model.features, lead) +
                                   static_cast<std::size_t>(most - parts.begin()));
}

/// True for features that ask for the running speed.
bool is_of_orders(const VibrationFeature& feature) {
  return feature.kind == VibrationKind::order || feature.kind == VibrationKind::rest;
}

/// Features that a family is told by.
bool belongs_to(FaultFamily family, const VibrationFeature& feature) {
  using enum VibrationKind;
  const bool line = feature.kind == order;
  const bool half = line && feature.low == 0.5F;
  switch (family) {
    case FaultFamily::imbalance: return line && feature.low == 1.0F;
    case FaultFamily::misalignment: return line && feature.low == 2.0F;
    case FaultFamily::looseness: return half;
    case FaultFamily::bearing:
      return !feature.gyroscope && (feature.kind == impulsiveness || feature.kind == rest);
    case FaultFamily::other: return true;
  }
  return true;
}

/// The feature that the phrase is about: of those that the likeliest family is told by, the one with the largest
/// share.
std::uint8_t lead_of(const DetectorModel& model, const Explanation& explanation) {
  std::uint8_t lead = 0;
  float most = -1.0F;
  for (std::size_t i = 0; i < model.features.dimensions(); ++i) {
    if (model.features.set == FeatureSet::vibration &&
        !belongs_to(explanation.families[0].family, kVibrationFeatures[i])) {
      continue;
    }
    const bool line =
        model.features.set == FeatureSet::vibration && is_of_orders(kVibrationFeatures[i]);
    if (line && !explanation.clear) continue;
    if (explanation.share[i] <= most) continue;
    most = explanation.share[i];
    lead = static_cast<std::uint8_t>(i);
  }
  return lead;
}

/// A sensor's line as its three axes feel it together, also where it is folded back into the spectrum.
Figure line_of(const DetectorModel& model, const Changes& changes, bool gyroscope,
               AxisMeasure measure) {
  Figure sum;
  for (std::size_t a = 0; a < 3; ++a) {
    const Figure axis = figure_of(model, changes, (gyroscope ? 3 : 0) + a, measure);
    sum.before += axis.before * axis.before;
    sum.now += axis.now * axis.now;
  }
  return {square_root(sum.before), square_root(sum.now)};
}

/// What the phrase says of its feature.
Figure figure_of_lead(const DetectorModel& model, const Changes& changes,
                      const Explanation& explanation) {
  const std::size_t lead = explanation.lead;
  if (model.features.set != FeatureSet::vibration || !knows_axes(model)) {
    return figure_of(model, changes, lead);
  }
  const VibrationFeature& feature = kVibrationFeatures[lead];
  const AxisMeasure measure = measure_of(feature);
  if (measure == AxisMeasure::level) return figure_of(model, changes, lead);
  return explanation.axis == Explanation::kNoAxis
             ? line_of(model, changes, feature.gyroscope, measure)
             : figure_of(model, changes, explanation.axis, measure);
}

template <std::size_t N>
void put_times(Text<N>& text, float times) {
  if (!(times <= 999.0F)) {
    text << "over 999";
    return;
  }
  const bool whole =
      times >= 9.95F || absolute(times - static_cast<float>(round_and_clamp(times, 0, 99))) < 0.05F;
  text.number(static_cast<double>(times), whole ? 0 : 1);
}

/// "grew 8 times", "fell to 40 %"; "hardly changed" where one decimal would say 1 times.
void put_change(Phrase& phrase, const Figure& figure) {
  if (figure.now == figure.before || (figure.times() >= 0.95F && figure.times() < 1.05F)) {
    phrase << " hardly changed";
    return;
  }
  if (figure.times() >= 1.0F || !is_finite(figure.times())) {
    phrase << " grew ";
    put_times(phrase, figure.times());
    phrase << " times";
    return;
  }
  phrase << " fell to ";
  phrase.number(100.0 * static_cast<double>(figure.times()), 0) << " %";
}

const char* in_words(FaultFamily family) {
  switch (family) {
    case FaultFamily::imbalance: return "imbalance";
    case FaultFamily::misalignment: return "misalignment";
    case FaultFamily::looseness: return "a loose mount";
    case FaultFamily::bearing: return "a bearing";
    case FaultFamily::other: return "something else";
  }
  return "";
}

/// The second family is named as well if its score comes so near.
constexpr float kAsLikely = 0.85F;

void put_families(Phrase& phrase, const Families& families) {
  if (families[0].family == FaultFamily::other) {
    phrase << ": no pattern of a known fault";
    return;
  }
  phrase << ": perhaps " << in_words(families[0].family);
  if (families[1].family != FaultFamily::other &&
      families[1].score > kAsLikely * families[0].score) {
    phrase << " or " << in_words(families[1].family);
  }
}

}  // namespace

bool knows_axes(const DetectorModel& model) {
  return model.features.axis_levels() > 0 && model.baseline.points > 0;
}

float change_of(const DetectorModel& model, const Changes& changes, std::size_t feature) {
  return changes.z()[feature] * model.normaliser.scale[feature];
}

Figure figure_of(const DetectorModel& model, const Changes& changes, std::size_t feature) {
  const Baseline& baseline = model.baseline;
  float mean = model.normaliser.mean[feature];
  if (baseline.points > 0) mean += baseline.point[changes.point()].mean[feature];
  Figure figure{mean, mean + change_of(model, changes, feature)};
  if (model.features.set != FeatureSet::vibration) return figure;
  if (is_logarithm(kVibrationFeatures[feature])) {
    figure = {exponential_of(figure.before), exponential_of(figure.now)};
  } else if (kVibrationFeatures[feature].kind == VibrationKind::centroid) {
    figure.before *= 0.5F * model.window.rate_hz;
    figure.now *= 0.5F * model.window.rate_hz;
  }
  return figure;
}

bool is_seen(const DetectorModel& model, const Changes& changes, std::size_t feature) {
  if (model.features.set != FeatureSet::vibration || !model.baseline.knows_speed()) return true;
  const OperatingPoint& point = model.baseline.point[changes.point()];
  return !says_nothing(kVibrationFeatures[feature], point, point.centre_hz, model.window.rate_hz);
}

Figure figure_of(const DetectorModel& model, const Changes& changes, std::size_t axis,
                 AxisMeasure measure) {
  const std::size_t index = axis_level_index(axis, measure);
  const float mean = model.baseline.point[changes.point()].axis_mean[index];
  return {exponential_of(mean), exponential_of(mean + changes.axis()[index])};
}

Explanation explain(const DetectorModel& model, const Changes& changes) {
  Explanation explanation;
  share_out(model, changes, explanation.share);
  share_out_axes(model, changes, explanation);
  explanation.clear = !model.baseline.knows_speed() || changes.clear() >= 0.5F;
  explanation.families = explanation.clear ? families_of(model, changes) : families_of(Signature());
  explanation.lead = lead_of(model, explanation);
  explanation.axis = axis_of_lead(model, changes, explanation.lead);
  return explanation;
}

PlainName plain_name(const DetectorModel& model, std::size_t feature) {
  PlainName name;
  if (model.features.set != FeatureSet::vibration) {
    return name << feature_kind(model.features, feature);
  }
  const VibrationFeature& what = kVibrationFeatures[feature];
  const auto hz = [&](float part) {
    const float value = 0.5F * part * model.window.rate_hz;
    const bool whole = value == static_cast<float>(round_and_clamp(value, 0, 1'000'000));
    name.number(static_cast<double>(value), whole ? 0 : 1);
  };
  switch (what.kind) {
    case VibrationKind::level: name << "vibration"; break;
    case VibrationKind::impulsiveness: name << "impulsiveness"; break;
    case VibrationKind::direction: name << "share along one line"; break;
    case VibrationKind::centroid: name << "mean frequency"; break;
    case VibrationKind::band:
      hz(what.low);
      name << " to ";
      hz(what.high);
      name << " Hz";
      break;
    case VibrationKind::order:
      if (what.low == 0.5F) {
        name << "half orders of speed";
      } else {
        name.number(static_cast<double>(what.low), 0) << "x running speed";
      }
      break;
    case VibrationKind::rest: name << "vibration off orders"; break;
  }
  return name;
}

Phrase phrase_of(const DetectorModel& model, const Changes& changes,
                 const Explanation& explanation) {
  Phrase phrase;
  const std::size_t lead = explanation.lead;
  const bool vibration = model.features.set == FeatureSet::vibration;
  if (changes.windows() == 0) return phrase << "nothing has changed";
  phrase << plain_name(model, lead).view();
  const bool turning = feature_axis(model.features, lead) >= 3;
  if (explanation.axis != Explanation::kNoAxis) {
    constexpr std::array<const char*, 3> kAxis = {"X", "Y", "Z"};
    phrase << (turning ? " about " : " on ") << kAxis[explanation.axis % 3];
  } else if (turning) {
    phrase << " (gyro)";
  }
  const Figure figure = figure_of_lead(model, changes, explanation);
  if (feature_is_mean(model.features, lead)) {
    // Gravity, or a turning table: no level, so no "times".
    phrase << " moved by ";
    phrase.number(static_cast<double>(figure.now - figure.before), turning ? 1 : 3)
        << (turning ? " deg/s" : " g: was the sensor moved?");
    return phrase;
  }
  put_change(phrase, figure);
  if (!explanation.clear) {
    phrase << ": its speed cannot be made out";
  } else if (vibration) {
    put_families(phrase, explanation.families);
  }
  return phrase;
}

}  // namespace fettle
