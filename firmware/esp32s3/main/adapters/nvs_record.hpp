// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "nvs.h"

namespace fettle::esp32 {

/// One record under a key of ESP-IDF's non-volatile storage. A blob is written beside the old one and the
/// old one given up afterwards, so after a loss of power it is the old or the new.
class NvsRecord final : public board::SettingsStore {
 public:
  /// Takes the storage into use, once for all records. One that a newer ESP-IDF wrote, or that has no
  /// free page, is erased: its settings are lost.
  /// @return false if it cannot be used: then nothing is saved
  static bool begin(bool& erased);

  /// @param key  at most 15 characters
  explicit NvsRecord(const char* key) : key_(key) {}
  bool open();

  [[nodiscard]] board::StoreStatus load(std::span<std::uint8_t> bytes, std::size_t& size) override;
  [[nodiscard]] board::StoreStatus save(std::span<const std::uint8_t> bytes) override;

 private:
  const char* key_;
  nvs_handle_t handle_ = 0;
  bool opened_ = false;
};

}  // namespace fettle::esp32
