// SPDX-License-Identifier: Apache-2.0
#include "board/settings.hpp"

#include "core/checksum.hpp"

namespace fettle::board {
namespace {

constexpr std::string_view kFormat = "format=1";
constexpr std::array<std::uint16_t, 4> kRanges_g = {2, 4, 8, 16};
constexpr std::array<std::uint16_t, 4> kRanges_dps = {250, 500, 1000, 2000};

void assign(Name& name, std::string_view text) {
  name.clear();
  name << text;
}

/// Position of a number in a list, or -1.
int position(const std::array<std::uint16_t, 4>& list, std::string_view text) {
  std::uint16_t value = 0;
  if (!parse(text, value)) return -1;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i] == value) return static_cast<int>(i);
  }
  return -1;
}

bool printable(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_control(text, i)) return false;
  }
  return true;
}

}  // namespace

bool valid_label(std::string_view text) {
  if (text.empty() || text.size() > protocol::kMostName || text.front() == '.') return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && !(c >= '0' && c <= '9') &&
        std::string_view("-_.+").find(c) == std::string_view::npos)
      return false;
  }
  return true;
}

SetResult set_setting(Settings& settings, std::string_view key, std::string_view value,
                      std::string_view& expected) {
  const auto refuse = [&expected](std::string_view what) {
    expected = what;
    return SetResult::bad_value;
  };
  if (key == "name") {
    if (value.size() > protocol::kMostName || !printable(value))
      return refuse("up to 32 printable characters");
    assign(settings.name, value);
  } else if (key == "rate_hz") {
    if (value != "200" && value != "1000") return refuse("200 or 1000");
    settings.rate_hz = value == "200" ? 200 : 1000;
  } else if (key == "accel_g") {
    const int range = position(kRanges_g, value);
    if (range < 0) return refuse("2, 4, 8 or 16");
    settings.ranges.accelerometer = static_cast<AccelerometerRange>(range);
  } else if (key == "gyro_dps") {
    const int range = position(kRanges_dps, value);
    if (range < 0) return refuse("250, 500, 1000 or 2000");
    settings.ranges.gyroscope = static_cast<GyroscopeRange>(range);
  } else if (key == "hop") {
    std::uint16_t hop = 0;
    if (!parse(value, hop) || hop > 4096)
      return refuse("a half, a third or a quarter of the window, or 0 for the model's own");
    settings.hop = hop;
  } else if (key == "latch") {
    if (value != "on" && value != "off") return refuse("on or off");
    settings.latch = value == "on";
  } else if (key == "threshold") {
    double threshold = 0;
    if (value == "model") {
      settings.threshold = 0;
    } else if (parse_number(value, threshold) && threshold >= 1e-9 && threshold <= 1e9) {
      // Rounded to the digits that are saved, or it would be another one after the restart.
      const auto scaled = static_cast<std::uint64_t>(threshold * 1e9 + 0.5);
      settings.threshold = static_cast<float>(static_cast<double>(scaled) / 1e9);
    } else {
      return refuse("a number from 1e-9 to 1e9, or model");
    }
  } else {
    return SetResult::unknown_key;
  }
  return SetResult::ok;
}

void list_settings(const Settings& settings, Text<kMostSettings>& text) {
  text << "name=" << settings.name.view() << "\nrate_hz=" << settings.rate_hz
       << "\naccel_g=" << kRanges_g[static_cast<std::size_t>(settings.ranges.accelerometer)]
       << "\ngyro_dps=" << kRanges_dps[static_cast<std::size_t>(settings.ranges.gyroscope)]
       << "\nhop=" << settings.hop << "\nlatch=" << (settings.latch ? "on" : "off")
       << "\nthreshold=";
  if (settings.threshold > 0) {
    text.number(static_cast<double>(settings.threshold), 9);
  } else {
    text << "model";
  }
}

// Saved as text lines with a CRC-32 behind them, so that an older board skips keys that it does not
// know and a person can read a dump.
LoadResult load_settings(SettingsStore& store, Settings& settings) {
  constexpr int kTries = 3;
  std::array<std::uint8_t, kMostSettings> bytes;
  std::size_t size = 0;
  StoreStatus status = StoreStatus::failed;
  for (int i = 0; i < kTries && status == StoreStatus::failed; ++i)
    status = store.load(bytes, size);
  if (status == StoreStatus::absent) return LoadResult::none;
  if (status != StoreStatus::ok) return LoadResult::unreadable;
  if (size < 4 || size > bytes.size()) return LoadResult::damaged;
  Crc32 crc;
  crc.add({bytes.data(), size - 4});
  std::uint32_t stored = 0;
  for (std::size_t i = 0; i < 4; ++i) stored |= std::uint32_t{bytes[size - 4 + i]} << (8 * i);
  if (stored != crc.value()) return LoadResult::damaged;
  std::string_view rest(reinterpret_cast<const char*>(bytes.data()), size - 4);
  if (!rest.starts_with(kFormat)) return LoadResult::damaged;
  bool impossible = false;
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view key = head(line, equals);
    const std::string_view value = tail(line, equals + 1);
    std::string_view expected;
    if (key == "boots") {
      impossible = !parse(value, settings.boots) || impossible;
    } else if (key == "record") {
      impossible = (!value.empty() && !valid_label(value)) || impossible;
      if (valid_label(value)) assign(settings.record, value);
    } else if (set_setting(settings, key, value, expected) == SetResult::bad_value) {
      impossible = true;
    }
  }
  return impossible ? LoadResult::impossible : LoadResult::ok;
}

StoreStatus save_settings(SettingsStore& store, const Settings& settings) {
  Text<kMostSettings> text;
  list_settings(settings, text);
  std::array<std::uint8_t, kMostSettings> bytes;
  Text<kMostSettings - 4> saved;
  saved << kFormat << "\nboots=" << settings.boots << "\nrecord=" << settings.record.view() << "\n"
        << text.view();
  Crc32 crc;
  std::size_t size = 0;
  for (const char c : saved.view()) bytes[size++] = static_cast<std::uint8_t>(c);
  crc.add({bytes.data(), size});
  for (std::size_t i = 0; i < 4; ++i) {
    bytes[size++] = static_cast<std::uint8_t>(crc.value() >> (8 * i) & 0xFFU);
  }
  return store.save({bytes.data(), size});
}

}  // namespace fettle::board
