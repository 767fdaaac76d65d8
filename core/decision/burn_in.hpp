// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/decision/evidence_summary.hpp"
#include "core/decision/sequential.hpp"

namespace fettle {

/// Learns from normal running after deployment, in little more than 1 KB. Evidence is held back for
/// one to two quarantines; an alarm within that time, or too much warning, discards what is held: a
/// suspected fault cannot teach. The limit is then found from accepted() by core/learn.
///
/// What an alarm discards is set aside until the next one: somebody may know that it was none.
///
/// A warning alone discards nothing. By design a healthy machine raises many warnings for one
/// false alarm, and leaving out what leads to them would cut the tail off that the limit needs.
///
/// Nor does a level that keeps rising teach, though it raises no alarm: a fault that grows for half a day would take
/// the limit along. After kRises stretches that were each higher than all before, with less than kFlat between two
/// of them, nothing is learned until kFlat in a row were not.
///
/// Evidence must always be in the same units: location and scale of the model file, not refined
/// ones.
class BurnIn {
 public:
  /// Discarded is a stretch with more than this share of windows above normal.
  static constexpr std::uint32_t kWarningsAre1In = 8;
  static constexpr std::uint8_t kRises = 3;
  static constexpr std::uint8_t kFlat = 4;
  static constexpr std::size_t kBytes = 4 + EvidenceSummary::kBins * 4 + 5 * 4 + 3 * 8;
  static constexpr std::uint8_t kLayout = 1;

  /// @param quarantine  windows, 16 to 32767; also the length of what counts as one session
  constexpr explicit BurnIn(std::uint32_t quarantine)
      : quarantine_(std::clamp<std::uint32_t>(quarantine, 16, 32767)) {}

  /// @param evidence  in the model file's units  @param level  the decision's, after this window
  constexpr void push(float evidence, Level level) {
    const bool alarm = level == Level::alarm;
    if (alarm && !alarm_) set_aside();
    alarm_ = alarm;
    if (!(evidence == evidence)) {
      discard();
      return;
    }
    if (alarm) {
      ++discarded_;
      return;
    }
    if (filling_.windows == quarantine_) end_quarantine();
    take(evidence);
    if (level != Level::normal) {
      ++filling_.warnings;
      if (filling_.warnings * kWarningsAre1In > quarantine_) discard();
    }
  }

  /// A break in the recording: the next window is nobody's neighbour.
  constexpr void restart() { has_before_ = false; }

  /// There is a reason to suspect what is held.
  constexpr void discard() {
    discarded_ += held();
    filling_ = Stretch{};
    waiting_ = Stretch{};
    has_before_ = false;
  }

  /// The last alarm was a false one: what led to it was normal running.
  constexpr void accept_aside() {
    discarded_ -= std::min(discarded_, aside_.windows);
    ++revision_;
    accept(aside_);
    aside_ = Stretch{};
  }
  /// It was a true one, or what was wrong is mended.
  constexpr void drop_aside() { aside_ = Stretch{}; }
  /// Differs once write() has something else to write.
  [[nodiscard]] constexpr std::uint32_t revision() const { return revision_; }
  /// Windows that led to the last alarm, until it is known what it was.
  [[nodiscard]] constexpr std::uint32_t aside() const { return aside_.windows; }

  [[nodiscard]] constexpr std::uint32_t quarantine() const { return quarantine_; }
  [[nodiscard]] constexpr const EvidenceSummary& accepted() const { return accepted_; }
  /// Windows that were held, or of an alarm, and have not taught.
  [[nodiscard]] constexpr std::uint32_t discarded() const { return discarded_; }
  /// Windows in quarantine.
  [[nodiscard]] constexpr std::uint32_t held() const { return filling_.windows + waiting_.windows; }

  /// What is accepted, in kBytes: layout number, a byte without a meaning, 1 + the bin of
  /// the highest stretch's mean (0: none), rises and 16 times the stretches since the last of them, u8 each; counts, windows, pairs, sessions,
  /// discarded and quarantine as u32; products, session means and squares as float64; all little
  /// endian. Whoever stores it adds the checksum. What is in quarantine is not kept: power may have
  /// been cut because of what is wrong with the machine.
  constexpr void write(std::span<std::uint8_t, kBytes> bytes) const {
    std::size_t at = 0;
    const auto put = [&](std::uint64_t value, std::size_t size) {
      for (std::size_t i = 0; i < size; ++i)
        bytes[at++] = static_cast<std::uint8_t>(value >> (8 * i));
    };
    put(kLayout, 1);
    put(0, 1);
    put(highest_, 1);
    put(rises_ + 16U * flat_, 1);
    for (const std::uint32_t count : accepted_.counts) put(count, 4);
    put(accepted_.windows, 4);
    put(accepted_.pairs, 4);
    put(accepted_.sessions, 4);
    put(discarded_, 4);
    put(quarantine_, 4);
    put(std::bit_cast<std::uint64_t>(accepted_.products), 8);
    put(std::bit_cast<std::uint64_t>(accepted_.session_means), 8);
    put(std::bit_cast<std::uint64_t>(accepted_.session_squares), 8);
  }

  /// @return false, and nothing changed, for another layout, another quarantine (its sessions would
  /// be of another length) or numbers that contradict each other
  [[nodiscard]] constexpr bool read(std::span<const std::uint8_t, kBytes> bytes) {
    std::size_t at = 0;
    const auto take = [&](std::size_t size) {
      std::uint64_t value = 0;
      for (std::size_t i = 0; i < size; ++i) value |= std::uint64_t{bytes[at++]} << (8 * i);
      return value;
    };
    const auto take32 = [&] { return static_cast<std::uint32_t>(take(4)); };
    if (take(1) != kLayout) return false;
    (void)take(1);
    const auto highest = static_cast<std::uint8_t>(take(1));
    const auto trend = static_cast<std::uint8_t>(take(1));
    const std::uint32_t rises = trend % 16U;
    const std::uint32_t flat = trend / 16U;
    if (highest > EvidenceSummary::kBins || rises > kRises || flat >= kFlat ||
        (rises > 0 && highest == 0) || (flat > 0 && rises == 0)) {
      return false;
    }
    EvidenceSummary summary;
    std::uint64_t sum = 0;
    for (std::uint32_t& count : summary.counts) sum += count = take32();
    summary.windows = take32();
    summary.pairs = take32();
    summary.sessions = take32();
    const std::uint32_t discarded = take32();
    const std::uint32_t quarantine = take32();
    summary.products = std::bit_cast<double>(take(8));
    summary.session_means = std::bit_cast<double>(take(8));
    summary.session_squares = std::bit_cast<double>(take(8));
    // Comparisons that NaN fails. 64 = the square of the largest evidence kept.
    const auto within = [](double value, double most) { return value >= -most && value <= most; };
    if (sum != summary.windows || summary.pairs > summary.windows ||
        summary.sessions > summary.windows || quarantine != quarantine_ ||
        !within(summary.products, 64.0 * summary.pairs) ||
        !within(summary.session_means, 8.0 * summary.sessions) || summary.session_squares < 0.0 ||
        !within(summary.session_squares, 64.0 * summary.sessions)) {
      return false;
    }
    accepted_ = summary;
    discarded_ = discarded;
    highest_ = highest;
    rises_ = static_cast<std::uint8_t>(rises);
    flat_ = static_cast<std::uint8_t>(flat);
    return true;
  }

 private:
  /// One quarantine's worth.
  struct Stretch {
    std::array<std::uint16_t, EvidenceSummary::kBins> counts{};
    std::uint32_t windows = 0;
    std::uint32_t pairs = 0;
    std::uint32_t warnings = 0;
    double sum = 0.0;
    double products = 0.0;

    constexpr void add(const Stretch& other) {
      for (std::size_t i = 0; i < EvidenceSummary::kBins; ++i) {
        counts[i] = static_cast<std::uint16_t>(counts[i] + other.counts[i]);
      }
      windows += other.windows;
      pairs += other.pairs;
      warnings += other.warnings;
      sum += other.sum;
      products += other.products;
    }
  };

  constexpr void take(float evidence) {
    const float x = EvidenceSummary::held(evidence);
    ++filling_.counts[EvidenceSummary::bin_of(x)];
    ++filling_.windows;
    filling_.sum += static_cast<double>(x);
    if (has_before_) {
      ++filling_.pairs;
      filling_.products += static_cast<double>(x) * static_cast<double>(before_);
    }
    before_ = x;
    has_before_ = true;
  }

  /// An alarm begins: what is held led to it.
  constexpr void set_aside() {
    aside_ = waiting_;
    aside_.add(filling_);
    discard();
  }

  constexpr void end_quarantine() {
    if (waiting_.windows > 0) {
      if (rises(waiting_)) {
        discarded_ += waiting_.windows;
      } else {
        accept(waiting_);
      }
      ++revision_;
    }
    waiting_ = filling_;
    filling_ = Stretch{};
  }

  /// A stretch is one of a level that keeps rising.
  constexpr bool rises(const Stretch& stretch) {
    const auto mean = static_cast<float>(stretch.sum / stretch.windows);
    const auto level = static_cast<std::uint8_t>(EvidenceSummary::bin_of(mean) + 1);
    // A bin is what chance makes of a stretch. What is not higher leaves the mark where it is, so that small steps
    // add up.
    const bool first = highest_ == 0;
    const bool higher = !first && level > highest_ + 1;
    if (first || higher) highest_ = level;
    if (higher) {
      flat_ = 0;
      if (rises_ < kRises) ++rises_;
    } else if (rises_ > 0 && ++flat_ == kFlat) {
      rises_ = flat_ = 0;
    }
    return rises_ == kRises;
  }

  constexpr void accept(const Stretch& stretch) {
    // Full means that nothing can be learned any more: 2^31 windows of 0.64 s are 43 years.
    if (stretch.windows == 0 || accepted_.windows >= 0x80000000U) return;
    for (std::size_t i = 0; i < EvidenceSummary::kBins; ++i) {
      accepted_.counts[i] += stretch.counts[i];
    }
    accepted_.windows += stretch.windows;
    accepted_.pairs += stretch.pairs;
    accepted_.products += stretch.products;
    // The mean of a few windows is not what sessions differ by.
    if (2 * stretch.windows < quarantine_) return;
    const double mean = stretch.sum / stretch.windows;
    ++accepted_.sessions;
    accepted_.session_means += mean;
    accepted_.session_squares += mean * mean;
  }

  std::uint32_t quarantine_;
  std::uint32_t discarded_ = 0;
  std::uint32_t revision_ = 0;
  std::uint8_t highest_ = 0;  // mean of a stretch so far: its bin and one; 0: none
  std::uint8_t rises_ = 0;    // stretches that were higher, kFlat apart at most
  std::uint8_t flat_ = 0;     // stretches since the last of them
  bool alarm_ = false;
  bool has_before_ = false;
  float before_ = 0.0F;
  Stretch filling_;
  Stretch waiting_;
  Stretch aside_;
  EvidenceSummary accepted_;
};
static_assert(sizeof(BurnIn) <= 1280);

}  // namespace fettle
