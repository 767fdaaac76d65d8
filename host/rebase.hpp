// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/learn/normal_running.hpp"
#include "host/model_file.hpp"

namespace fettle::host {

/// Normal running after a remount that a rebase asks for.
inline constexpr double kRebase_s = 60.0;

/// What was asked of `fettle rebase`.
struct RebaseSettings {
  std::string normal = "normal";         ///< label, where the data are a data set
  bool force = false;                    ///< far from what was learned, and normal all the same
  std::string_view version = "unknown";  ///< of Fettle, for provenance; not empty
};

/// A model fitted to a machine after a remount, and what there is to say about it.
struct Rebased {
  std::vector<std::uint8_t> file;
  std::size_t windows = 0;  ///< used
  double seconds = 0.0;     ///< of them
  std::size_t recordings = 0;
  std::size_t seen_before = 0;  ///< recordings left out: the model was trained on them
  std::array<std::size_t, kLeftOutKinds> left_out{};  ///< windows, by LeftOut
  std::size_t other_speed = 0;                        ///< windows left out: at no learned speed
  double change = 0.0;       ///< how far from what was learned, as metadata's Rebase has it
  double allowed = 0.0;      ///< above: refused
  std::uint32_t points = 0;  ///< bit i: operating point i was seen
  std::optional<double> gravity_turn_deg;  ///< vibration features, where both directions are known
  float threshold_before = 0.0F, threshold_after = 0.0F;
  float location_before = 0.0F, location_after = 0.0F;  ///< of a decision
  bool replaced = false;                                ///< an earlier rebase was undone first
};

/// Fits a detector to a machine whose sensor was taken off and put back, from a minute of normal running: means,
/// gravity, the level of off, and limits. The network stays. What a minute cannot show is kept:
/// - A mean moves from the one before to that of the minute as far as the difference exceeds what weeks and
///   sampling bring by themselves (positive part of James and Stein 1961): half the way for a small one, which
///   both know equally well, nearly all of it for a large one.
/// - Spreads and limits only ever grow: ten minutes have shown more of them than one.
/// - A model that was rebased is taken as it was trained: small steps never add up to a fault.
/// @param data  a data set, of which recordings that the model has not seen are used, or one recording
/// Throws Error(too_little_data) with the seconds that are missing; Error(bad_input) for data that do not fit the
/// model, or (unless settings.force) that look like a fault or another machine, or change on the way.
[[nodiscard]] Rebased rebase(const ModelFile& model, const std::filesystem::path& data,
                             const RebaseSettings& settings);

}  // namespace fettle::host
