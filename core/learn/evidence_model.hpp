// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/evidence_summary.hpp"
#include "core/decision/sequential.hpp"

namespace fettle {

/// How the evidence of a healthy machine is distributed: the histogram's body, a generalised Pareto
/// tail, and a Gaussian copula with one correlation between neighbouring windows.
struct EvidenceModel {
  /// P(X > edge i) in the summary's units; only edges up to `tail_edge` are used.
  std::array<double, EvidenceSummary::kBins + 1> above{};
  // Summary's units = centre + spread * units of this model.
  double centre = 0.0;
  double spread = 1.0;
  // Beyond tail_edge (summary's units): P(X > x) = tail_share (1 + shape y / scale)^(-1 / shape)
  // with y = x - tail_edge (Pickands, Ann. Statist. 3, 1975, p. 119).
  std::size_t tail_bin = EvidenceSummary::kBins;  ///< the edge's number
  double tail_scale = 0.0;
  double tail_shape = 0.0;
  double correlation = 0.0;  ///< of neighbouring windows, 0 to kMostCorrelation
  // Moments of the evidence, in this model's units.
  double mean = 0.0;
  double deviation = 1.0;
  double kurtosis = 3.0;  ///< fourth central moment / variance squared
  /// Windows that tell as much about the mean as all of them do: n (1 - r) / (1 + r).
  double independent_windows = 0.0;

  [[nodiscard]] double upper_tail(double x) const;
  /// What a share of all evidence exceeds, by halving.
  /// @param low  it is known to be no less
  [[nodiscard]] double upper_quantile(double share, double low = -10.0) const;
};

inline constexpr double kMostCorrelation = 0.9;
/// The tail is never thinner or heavier than these: with a few dozen exceedances the estimate alone
/// wanders by 0.2, and evidence is capped anyhow. A normal tail looks thinner near its beginning
/// (-0.15) than it is further out, where single windows in 20,000 lie: -0.1 meets them there.
inline constexpr double kThinnestTail = -0.1;
inline constexpr double kHeaviestTail = 0.5;

/// Evidence gathered later moves the centre by so many deviations at most, and changes the spread by
/// so large a factor: a machine that wears slowly must not teach that worn is normal.
inline constexpr double kMostCentre = 1.0;
inline constexpr double kMostSpread = 2.0;

/// Fits the model; its units are the summary's, shifted and scaled so that the median is 0 and the
/// distance from the 10th to the 90th percentile that of a standard normal.
/// The tail begins where a share of 2 / sqrt(n) lies above, 2 to 15 %, and is fitted by probability
/// weighted moments (Hosking and Wallis, Technometrics 29, 1987, p. 339), which stay sensible for
/// small samples where maximum likelihood need not have a solution.
/// @param summary  of at least one window
void fit(const EvidenceSummary& summary, EvidenceModel& model);

/// How long a decision runs on a healthy machine.
struct RunLength {
  double from_rest = 0.0;  ///< mean number of windows to an alarm, beginning at a statistic of 0
  double rate = 0.0;       ///< alarms per window once it has been running, at most 1
};

/// Finest lattice of a RunLengthChain, and the coarsest that is worth anything.
inline constexpr std::size_t kMostCells = 200;
inline constexpr std::size_t kFewestCells = 20;
/// Steps of the latent normal variable that the lattice remembers of the window before.
inline constexpr std::size_t kNeighbourClasses = 10;
/// Floats of memory that hold a lattice of so many cells in any case. Evidence without correlation takes
/// a tenth, and a lattice whose steps reach far the half.
[[nodiscard]] constexpr std::size_t run_length_floats(std::size_t cells) {
  return kNeighbourClasses * (4 * cells + 1) + cells;
}
/// Enough for the finest.
inline constexpr std::size_t kRunLengthFloats = run_length_floats(kMostCells);

/// Run length of cusum on this evidence by the Markov chain of Brook and Evans (An approach to the
/// probability distribution of cusum run length, Biometrika 59, 1972, p. 539): the statistic lives
/// on a lattice. Where neighbours are correlated the state also holds a class of the window before.
/// Instead of inverting a matrix the distribution is stepped until what leaves is a fixed share.
///
/// In pieces of bounded work, so that a device can go on sampling between them.
class RunLengthChain {
 public:
  /// @param shift   added to all evidence: another session's level
  /// @param cells   wanted, 4 to kMostCells; as many of them as the memory holds are used
  /// @param memory  run_length_floats(4) at least; stays in use until step() has said true
  void begin(const EvidenceModel& model, const DecisionSettings& settings, double shift,
             std::size_t cells, std::span<float> memory);
  /// Goes on. The same pieces in the same order whatever `work` is, so the result has the same bits.
  /// @param model         as in begin()
  /// @param[in,out] work  multiplications that may be spent; at least one piece is done, of at most
  ///                      0.9 million
  /// @return true when result() is there
  bool step(const EvidenceModel& model, std::int64_t& work);
  [[nodiscard]] const RunLength& result() const { return result_; }
  [[nodiscard]] std::size_t cells() const { return cells_; }

 private:
  [[nodiscard]] bool fit_lattice(const EvidenceModel& model, double limit, std::size_t cells);
  void add_shares(const EvidenceModel& model);
  void start();
  bool advance();

  std::span<float> memory_;
  double reference_ = 0.0;
  double cap_ = 0.0;
  double width_ = 1.0;  // of a cell
  double shift_ = 0.0;
  double correlation_ = 0.0;
  double conditional_ = 1.0;
  std::size_t cells_ = 0;
  std::size_t classes_ = 1;
  // Steps that evidence can make: the others have no share and no place in memory.
  std::int32_t lowest_ = 0;
  std::int32_t highest_ = 0;
  std::int32_t column_ = 0;  // the step whose shares come next; beyond the last: they are there
  double latent_ = 0.0;      // of the edge below
  std::array<double, kNeighbourClasses> above_last_{};
  std::array<std::uint8_t, 2 * kMostCells + 1> class_of_{};
  std::int32_t first_ = 0;  // steps that have a share
  std::int32_t last_ = 0;
  bool swapped_ = false;  // which half of the memory holds the distribution now
  int steps_ = 0;
  double survival_ = 1.0;
  double rate_before_ = 0.0;
  bool finished_ = true;
  RunLength result_;
};

/// The same in one go.
[[nodiscard]] RunLength cusum_run_length(const EvidenceModel& model,
                                         const DecisionSettings& settings, double shift,
                                         std::size_t cells, std::span<float> memory);

}  // namespace fettle
