// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "board/ports.hpp"
#include "esp_partition.h"

namespace fettle::esp32 {

/// The partition `events` of partitions.csv. To erase a sector takes some 45 ms, in which nothing runs that
/// lies in flash: once in 16 events.
class EventPartition final : public board::EventFlash {
 public:
  /// @return false if the partition is missing: then there are no sectors
  bool begin();

  [[nodiscard]] std::size_t sectors() const override;
  [[nodiscard]] board::StoreStatus erase(std::size_t sector) override;
  [[nodiscard]] board::StoreStatus write(std::size_t offset,
                                         std::span<const std::uint8_t> bytes) override;
  [[nodiscard]] board::StoreStatus read(std::size_t offset, std::span<std::uint8_t> bytes) override;

 private:
  const esp_partition_t* partition_ = nullptr;
};

}  // namespace fettle::esp32
