// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "esp_partition.h"

namespace fettle::esp32 {

/// The two partitions `model0` and `model1` of partitions.csv, mapped into memory for good: models run
/// from there. Without flash encryption, which would make writes of 16 bytes out of 4.
class ModelPartitions final : public board::ModelFlash {
 public:
  /// @return false if a partition is missing or cannot be mapped: that slot then has an empty view
  bool begin();

  [[nodiscard]] std::size_t slot_bytes() const override { return slot_bytes_; }
  [[nodiscard]] board::StoreStatus erase(std::size_t slot) override;
  [[nodiscard]] board::StoreStatus write(std::size_t slot, std::size_t offset,
                                         std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] std::span<const std::uint8_t> view(std::size_t slot) override;

 private:
  struct Slot {
    const esp_partition_t* partition = nullptr;
    const void* mapped = nullptr;
  };
  std::array<Slot, kSlots> slots_{};
  std::size_t slot_bytes_ = 0;
};

}  // namespace fettle::esp32
