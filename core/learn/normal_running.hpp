// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "core/features/baseline.hpp"
#include "core/features/vibration.hpp"

namespace fettle {

/// Why a window of a recording that is called normal is not learned from.
enum class LeftOut : std::uint8_t {
  no,
  off,        ///< the machine did not run
  changing,   ///< it started, stopped or went to another speed, or its speed cannot be made out
  knock,      ///< one or two windows that stand out from those around them
  broken,     ///< clipped, stuck or not a number
  neighbour,  ///< what shakes is not this machine: it stands, or its own line is drowned
};
inline constexpr std::uint8_t kLeftOutKinds = 6;

/// Finds what is no steady normal running, from what windows say beside their features.
/// - off: where the windows fall into a quiet and a loud group at least a factor of 2 apart, the quiet one: of
///   those between, as while it runs down, there are at most a twentieth as many as in the smaller group, and
///   none if more than a quarter of the quiet ones have a clear speed (a slow set point). The quiet one is near
///   the noise of a sensor (kQuiet_g); the loud one has kSmallestGroup windows (of few, a quarter) and a
///   fiftieth of all at least, so that it is no few knocks;
/// - changing: kSettlingWindows to either side of off;
/// - knock: one or two windows whose RMS exceeds the median of the 16 around them by kKnock.
/// @param windows  [n] in order of time; one recording  @param left_out  [n] out
/// @param memory   [n]
void find_left_out(std::span<const WindowSummary> windows, std::span<LeftOut> left_out,
                   std::span<float> memory);

inline constexpr float kQuiet_g = 0.03F;
inline constexpr float kKnock = 1.6F;
/// Confidence from which on a window's speed is believed: the line has 1.8 times the power of what is around it.
inline constexpr float kConfidentSpeed = 0.444F;

/// A set point of the machine, from the speeds of its normal windows.
struct SetPointFound {
  SpeedRange range;  ///< margin included
  float centre_hz = 0.0F;
  std::uint32_t windows = 0;
};

struct SpeedsFound {
  std::array<SetPointFound, kMostOperatingPoints> point{};
  std::uint8_t points = 0;  ///< 0: speeds tell nothing here, so all windows belong together
};

inline constexpr std::uint8_t kNoPoint = 255;

/// Set points of a machine: logarithms of speeds that are confident and steady (over five windows), sorted and cut
/// where they are kSpeedGap apart; a group of at least kSmallestGroup and of a twenty-fifth of the windows is a
/// set point, from the 1st to the 99th percentile and kSpeedMargin more on both sides. Where fewer
/// than half of the windows end up in a group, speed is not used: a machine without a clear line, or one
/// that turns more slowly than the band.
/// @param windows  [n] in order of time  @param left_out  [n] what is not `no` does not count
/// @param point_of [n] out: the set point of each window, kNoPoint for those without
/// @param memory   [n]
[[nodiscard]] SpeedsFound find_speeds(std::span<const WindowSummary> windows,
                                      std::span<const LeftOut> left_out,
                                      std::span<std::uint8_t> point_of, std::span<float> memory);

/// Leaves out set points that are a neighbour's: the machine stands beside it, or its own line is drowned. What a
/// machine does turns it as well as it shakes it; well above the speed at which it rocks on its mount, angular
/// velocity is acceleration over frequency times something that stays (the transfer function of one degree of
/// freedom). A neighbour shakes the floor and hardly turns it. So the set point whose line turns the sensor most, if the
/// gyroscope feels it (kFelt times its noise), shows how much this machine turns. A set point is a neighbour's that is
/// not felt, has less velocity, would be above the noise if it turned as much, and turns less than a third of that
/// (kTurnsLess). Not so a double or triple of a speed that is felt: the machine's own may be misread. Without a
/// gyroscope there are none.
/// @param found, point_of  of find_speeds(); out: without those  @param left_out  [n] in, out
/// @return windows that were left out
std::size_t leave_out_neighbours(std::span<const WindowSummary> windows, const WindowShape& shape,
                                 SpeedsFound& found, std::span<std::uint8_t> point_of,
                                 std::span<LeftOut> left_out);

inline constexpr float kFelt = 3.0F;
inline constexpr float kTurnsLess = 3.0F;

/// Where the line may be of a machine in which find_speeds() finds no set point: a mount that rocks, a neighbour or
/// a resonance hides it in most windows. What rocks is a little elsewhere each time; a line comes back. So: speeds
/// that at least 2 of the 16 windows around have within kSteadySpeed, and at most a quarter as many beside it
/// (four times as far). Groups are cut as there, but a fiftieth of the windows is enough, and harmonics of a slower
/// one are none. Not yet believed: who looks again where the line may be (kFavour) finds it or not.
/// @param windows  [n] of normal running, in order of time  @param ranges out, margin included
/// @param memory   [n]  @return how many there are
[[nodiscard]] std::size_t suggest_speeds(std::span<const WindowSummary> windows,
                                         std::span<SpeedRange, kMostOperatingPoints> ranges,
                                         std::span<float> memory);

// Of natural logarithms.
inline constexpr float kSpeedGap = 0.035F;
inline constexpr float kSpeedMargin = 0.1F;
inline constexpr float kSteadySpeed = 0.03F;
inline constexpr std::size_t kSmallestGroup = 12;

}  // namespace fettle
