// SPDX-License-Identifier: Apache-2.0
#include "core/learn/evidence_model.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "core/elementary.hpp"
#include "core/math.hpp"

namespace fettle {
namespace {

constexpr std::size_t kBins = EvidenceSummary::kBins;
constexpr double kLow = EvidenceSummary::kLow;
constexpr double kWidth = EvidenceSummary::kWidth;

constexpr double edge(std::size_t i) { return kLow + kWidth * static_cast<double>(i); }

double square_root_of(double x) { return static_cast<double>(square_root(static_cast<float>(x))); }

/// Value with a share `above` of the windows above it, linear inside a bin.
double upper_quantile(const EvidenceModel& model, double above) {
  std::size_t i = 0;
  while (i + 1 < kBins && model.above[i + 1] > above) ++i;
  const double inside = model.above[i] - model.above[i + 1];
  return edge(i) + (inside > 0.0 ? kWidth * (model.above[i] - above) / inside : 0.0);
}

void fit_tail(const EvidenceSummary& summary, EvidenceModel& model) {
  const double n = summary.windows;
  const double share = std::clamp(2.0 / square_root_of(n), 0.02, 0.15);
  std::size_t from = kBins;
  while (from > 0 && model.above[from] < share) --from;
  model.tail_bin = from;
  // Probability weighted moments a0 = E[Y] and a1 = E[Y (1 - F(Y))] of the exceedances Y, all of a
  // bin in its middle; plotting positions (j - 0.35) / N.
  const double exceedances = model.above[from] * n;
  double below = 0.0;
  double a0 = 0.0;
  double a1 = 0.0;
  for (std::size_t i = from; i < kBins; ++i) {
    const double count = summary.counts[i];
    const double y = kWidth * (static_cast<double>(i - from) + 0.5);
    const double rank = (below + 0.5 * (count + 1.0) - 0.35) / exceedances;
    a0 += count * y;
    a1 += count * y * (1.0 - rank);
    below += count;
  }
  if (!(exceedances > 0.0)) return;
  a0 /= exceedances;
  a1 /= exceedances;
  // Hosking and Wallis write k for minus the shape.
  const double difference = a0 - 2.0 * a1;
  const double shape = difference > 0.0 ? 2.0 - a0 / difference : kThinnestTail;
  model.tail_shape = std::clamp(shape, kThinnestTail, kHeaviestTail);
  // The mean of the exceedances is kept whatever the shape is held at.
  model.tail_scale = a0 * (1.0 - model.tail_shape);
}

}  // namespace

double EvidenceModel::upper_tail(double x) const {
  const double u = centre + spread * x;
  const double tail_edge = edge(tail_bin);
  if (u <= kLow) return 1.0;
  if (u < tail_edge) {
    const double place = (u - kLow) / kWidth;
    const auto i = static_cast<std::size_t>(place);
    const double part = place - static_cast<double>(i);
    return above[i] + part * (above[i + 1] - above[i]);
  }
  if (!(tail_scale > 0.0)) return 0.0;
  const double y = (u - tail_edge) / tail_scale;
  const bool exponential_tail = tail_shape < 1e-6 && tail_shape > -1e-6;
  if (exponential_tail) return above[tail_bin] * exponential(-y);
  const double base = 1.0 + tail_shape * y;
  if (base <= 0.0) return 0.0;
  return above[tail_bin] * exponential(-natural_log_f64(base) / tail_shape);
}

double EvidenceModel::upper_quantile(double share, double low) const {
  double high = 60.0;
  for (int halving = 0; halving < 40; ++halving) {
    const double middle = 0.5 * (low + high);
    (upper_tail(middle) > share ? low : high) = middle;
  }
  return low;
}

void fit(const EvidenceSummary& summary, EvidenceModel& model) {
  model = EvidenceModel{};
  const double n = summary.windows;
  double left = n;
  double mean = 0.0;
  for (std::size_t i = 0; i < kBins; ++i) {
    model.above[i] = left / n;
    left -= summary.counts[i];
    mean += summary.counts[i] * (edge(i) + 0.5 * kWidth);
  }
  model.above[kBins] = 0.0;
  mean /= n;
  double second = 0.0;
  double fourth = 0.0;
  for (std::size_t i = 0; i < kBins; ++i) {
    const double d = edge(i) + 0.5 * kWidth - mean;
    second += summary.counts[i] * d * d;
    fourth += summary.counts[i] * d * d * d * d;
  }
  // A bin's width is never quite nothing: where all windows are equal, its own variance remains.
  second = second / n + kWidth * kWidth / 12.0;
  fourth /= n;
  fit_tail(summary, model);

  model.centre = std::clamp(upper_quantile(model, 0.5), -kMostCentre, kMostCentre);
  constexpr double kTenthToNinetieth = 2.5631031310892007;  // of a standard normal
  model.spread =
      std::clamp((upper_quantile(model, 0.1) - upper_quantile(model, 0.9)) / kTenthToNinetieth,
                 1.0 / kMostSpread, kMostSpread);
  model.mean = (mean - model.centre) / model.spread;
  model.deviation = square_root_of(second) / model.spread;
  model.kurtosis = std::max(fourth / (second * second), 1.0);

  if (summary.pairs > 0) {
    // The estimate is too low by (1 + 4 r) / n on average (Marriott and Pope, Biometrika 41, 1954,
    // p. 390). Below zero is taken for zero, which is on the safe side.
    const double measured = (summary.products / summary.pairs - mean * mean) / second;
    const double unbiased = (measured * summary.pairs + 1.0) / std::max(summary.pairs - 4.0, 1.0);
    model.correlation = std::clamp(unbiased, 0.0, kMostCorrelation);
  }
  model.independent_windows = n * (1.0 - model.correlation) / (1.0 + model.correlation);
}

// Brook and Evans' lattice: cell i holds statistics around i w, the limit is where cell `cells` would
// begin. Steps of more than the whole lattice end in an alarm or at rest from anywhere.
void RunLengthChain::begin(const EvidenceModel& model, const DecisionSettings& settings,
                           double shift, std::size_t cells, std::span<float> memory) {
  memory_ = memory;
  reference_ = settings.reference;
  cap_ = settings.cap;
  shift_ = shift;
  correlation_ = model.correlation;
  conditional_ = square_root_of(1.0 - correlation_ * correlation_);
  // Below this correlation the classes would only blur.
  classes_ = correlation_ >= 0.02 ? kNeighbourClasses : 1;
  while (!fit_lattice(model, settings.limit, cells)) --cells;
  column_ = lowest_;
  latent_ = -9.0;
  above_last_.fill(1.0);
  class_of_.fill(0);
  first_ = highest_;
  last_ = lowest_;
  swapped_ = false;
  steps_ = 0;
  survival_ = 1.0;
  rate_before_ = 0.0;
  finished_ = false;
  result_ = {};
}

/// Lays the lattice out. @return false if the memory does not hold it
bool RunLengthChain::fit_lattice(const EvidenceModel& model, double limit, std::size_t cells) {
  cells_ = cells;
  width_ = limit / (static_cast<double>(cells) - 0.5);
  const auto most = static_cast<double>(cells);
  // From the step that ends where there is no evidence any more, to the one that the cap is in.
  const double least = (kLow - model.centre) / model.spread + shift_;
  lowest_ =
      -static_cast<std::int32_t>(std::clamp((reference_ - least) / width_ + 1.0, -most, most));
  highest_ = static_cast<std::int32_t>(std::clamp((cap_ - reference_) / width_ + 1.0, -most, most));
  lowest_ = std::min(lowest_, highest_);
  const auto steps = static_cast<std::size_t>(highest_ - lowest_ + 1);
  return classes_ * (steps + 2 * cells) + cells <= memory_.size();
}

bool RunLengthChain::step(const EvidenceModel& model, std::int64_t& work) {
  // A tail of a distribution takes as long as so many multiplications: float64, a logarithm.
  constexpr std::int64_t kWorkOfTail = 600;
  const auto wide = static_cast<std::int64_t>(classes_);
  do {
    if (finished_) return true;
    if (column_ <= highest_) {
      add_shares(model);
      work -= kWorkOfTail * (classes_ == 1 ? 1 : wide + 2);
      if (++column_ > highest_) start();
    } else {
      finished_ = advance();
      work -= std::max(last_ - first_ + 1, std::int32_t{0}) * static_cast<std::int64_t>(cells_) *
              (wide + 1);
    }
  } while (work > 0);
  return finished_;
}

// Classes of the latent normal variable: centres at -1.8, -1.2, ... 3.6. The upper tail matters.
constexpr double kLowestClass = -1.8;
constexpr double kClassWidth = 0.6;

/// Shares of the next step, one for each class of the window before: [classes][steps].
void RunLengthChain::add_shares(const EvidenceModel& model) {
  const auto steps = static_cast<std::size_t>(highest_ - lowest_ + 1);
  const std::int32_t j = column_;
  const auto at = static_cast<std::size_t>(j - lowest_);
  const double x = reference_ + (j + 0.5) * width_;  // the edge above
  const bool end = j == highest_ || x >= cap_;
  const double above = end ? 0.0 : model.upper_tail(x - shift_);
  if (classes_ == 1) {
    memory_[at] = static_cast<float>(above_last_[0] - above);
    above_last_[0] = above;
  } else {
    const double edge_latent =
        above > 0.0 ? (above < 1.0 ? normal_upper_quantile(above) : -9.0) : 9.0;
    const double middle =
        std::clamp(0.5 * (std::max(latent_, -4.0) + std::min(edge_latent, 4.5)), -4.0, 4.5);
    latent_ = edge_latent;
    class_of_[at] = static_cast<std::uint8_t>(
        round_and_clamp(static_cast<float>((middle - kLowestClass) / kClassWidth), 0,
                        static_cast<std::int32_t>(classes_) - 1));
    for (std::size_t c = 0; c < classes_; ++c) {
      const double centre = kLowestClass + kClassWidth * static_cast<double>(c);
      const double z = (edge_latent - correlation_ * centre) / conditional_;
      const double above_given = end || edge_latent >= 9.0 ? 0.0 : normal_upper_tail(z);
      memory_[c * steps + at] = static_cast<float>(above_last_[c] - above_given);
      above_last_[c] = above_given;
    }
  }
  float greatest = 0.0F;
  for (std::size_t c = 0; c < classes_; ++c) {
    float& share = memory_[c * steps + at];
    if (share < 1e-12F) share = 0.0F;  // rounding, or never within a machine's life
    greatest = std::max(greatest, share);
  }
  if (greatest > 0.0F) {
    first_ = std::min(first_, j);
    last_ = std::max(last_, j);
  }
}

/// All at rest, the window before as windows are.
void RunLengthChain::start() {
  const auto steps = static_cast<std::size_t>(highest_ - lowest_ + 1);
  const std::span<float> now = memory_.subspan(classes_ * steps, classes_ * cells_);
  std::ranges::fill(now, 0.0F);
  for (std::size_t c = 0; c < classes_; ++c) {
    const double from = kLowestClass + kClassWidth * (static_cast<double>(c) - 0.5);
    const double low = c == 0 ? 1.0 : normal_upper_tail(from);
    const double high = c + 1 == classes_ ? 0.0 : normal_upper_tail(from + kClassWidth);
    now[c * cells_] = classes_ == 1 ? 1.0F : static_cast<float>(low - high);
  }
}

/// One window. @return true if that was the last that has to be computed
bool RunLengthChain::advance() {
  const std::size_t cells = cells_;
  const std::size_t classes = classes_;
  const auto steps = static_cast<std::size_t>(highest_ - lowest_ + 1);
  const std::span<const float> shares = memory_.first(classes * steps);
  std::span<float> now = memory_.subspan(classes * steps, classes * cells);
  std::span<float> next = memory_.subspan(classes * steps + classes * cells, classes * cells);
  const std::span<float> moved = memory_.subspan(classes * (steps + 2 * cells), cells);
  if (swapped_) std::swap(now, next);

  result_.from_rest += survival_;
  std::ranges::fill(next, 0.0F);
  double left = 0.0;
  for (std::int32_t j = first_; j <= last_; ++j) {
    const auto at = static_cast<std::size_t>(j - lowest_);
    // What makes this step, from each cell: summed over the class before.
    for (std::size_t c = 0; c < classes; ++c) {
      const float share = shares[c * steps + at];
      const float* const from = now.data() + c * cells;
      if (c == 0) {
        for (std::size_t i = 0; i < cells; ++i) moved[i] = share * from[i];
      } else {
        for (std::size_t i = 0; i < cells; ++i) moved[i] += share * from[i];
      }
    }
    float* const to = next.data() + class_of_[at] * cells;
    if (j <= 0) {
      const auto down = static_cast<std::size_t>(-j);
      float rest = 0.0F;
      for (std::size_t i = 0; i < std::min(down, cells); ++i) rest += moved[i];
      to[0] += rest;
      for (std::size_t i = down; i < cells; ++i) to[i - down] += moved[i];
    } else {
      const auto up = static_cast<std::size_t>(j);
      for (std::size_t i = 0; i + up < cells; ++i) to[i + up] += moved[i];
      float out = 0.0F;
      for (std::size_t i = cells - std::min(up, cells); i < cells; ++i) out += moved[i];
      left += static_cast<double>(out);
    }
  }
  double stayed = 0.0;
  for (const float mass : next) stayed += static_cast<double>(mass);
  const double total = stayed + left;
  result_.rate = total > 0.0 ? left / total : 1.0;
  survival_ *= 1.0 - result_.rate;
  if (stayed <= 0.0 || survival_ < 1e-9) {
    result_.rate = std::max(result_.rate, 1.0 / result_.from_rest);
    return true;
  }
  const auto factor = static_cast<float>(1.0 / stayed);
  for (float& mass : next) mass *= factor;
  swapped_ = !swapped_;
  constexpr int kMostSteps = 5'000;
  constexpr double kNever = 1e-15;
  bool last = ++steps_ == kMostSteps;
  if (steps_ % 16 == 0) {
    const double change = result_.rate - rate_before_;
    // A rate of nothing differs from nothing by no part of itself: without the second term it never ends.
    const double same = 1e-4 * result_.rate + kNever;
    last = last || (change < same && change > -same);
    rate_before_ = result_.rate;
  }
  if (!last) return false;
  // From here on alarms come at a fixed rate.
  result_.from_rest += survival_ / std::max(result_.rate, kNever);
  return true;
}

RunLength cusum_run_length(const EvidenceModel& model, const DecisionSettings& settings,
                           double shift, std::size_t cells, std::span<float> memory) {
  RunLengthChain chain;
  chain.begin(model, settings, shift, cells, memory);
  for (std::int64_t work = 0; !chain.step(model, work); work = 0) {
  }
  return chain.result();
}

}  // namespace fettle
