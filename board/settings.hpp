// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "board/ports.hpp"
#include "board/text.hpp"
#include "core/sensor/raw_sample.hpp"
#include "protocol/messages.hpp"

namespace fettle::board {

/// A short text of a person's choice, in memory of its own.
using Name = Text<protocol::kMostName>;

/// What a person can set and what survives a restart.
struct Settings {
  Name name;                    ///< of the board; empty: none was given
  std::uint16_t rate_hz = 200;  ///< 200 or 1000
  Ranges ranges;
  std::uint16_t hop = 0;    ///< samples from window to window; 0: as the model was trained
  bool latch = false;       ///< an alarm stays until `ack`
  float threshold = 0;      ///< instead of the model's; 0: the model's
  Name record;              ///< label under which the card records; empty: it does not
  std::uint32_t boots = 0;  ///< how often the board has started
};

/// Most bytes of saved settings.
inline constexpr std::size_t kMostSettings = 320;

/// How setting a value ended.
enum class SetResult : std::uint8_t { ok, unknown_key, bad_value };

/// Sets one value from text. The keys are those of list_settings().
/// @param[out] expected  after bad_value: what would have been right
[[nodiscard]] SetResult set_setting(Settings& settings, std::string_view key,
                                    std::string_view value, std::string_view& expected);

/// What people can set, one `key=value` a line.
void list_settings(const Settings& settings, Text<kMostSettings>& text);

enum class LoadResult : std::uint8_t {
  ok,
  none,        ///< nothing was saved yet
  unreadable,  ///< the store reports an error, three times: what it holds is not known
  damaged,     ///< what it holds is not settings
  impossible,  ///< whole, but a value is none that its key can have: that one is the default
};
/// Loads what was saved over the defaults that `settings` holds. Settings that this board does not know
/// are skipped; after anything but ok or impossible the defaults are as they were.
[[nodiscard]] LoadResult load_settings(SettingsStore& store, Settings& settings);
[[nodiscard]] StoreStatus save_settings(SettingsStore& store, const Settings& settings);

/// Whether a label or name may be written on a card and become a folder's name later: letters,
/// digits and "-_.+", 1 to kMostName, not beginning with a dot.
[[nodiscard]] bool valid_label(std::string_view text);

}  // namespace fettle::board
