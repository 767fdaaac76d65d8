// SPDX-License-Identifier: Apache-2.0
#include "adapters/event_partition.hpp"

namespace fettle::esp32 {

using board::StoreStatus;

namespace {

StoreStatus status_of(esp_err_t error) {
  return error == ESP_OK ? StoreStatus::ok : StoreStatus::failed;
}

}  // namespace

bool EventPartition::begin() {
  partition_ =
      esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, "events");
  return partition_ != nullptr;
}

std::size_t EventPartition::sectors() const {
  return partition_ == nullptr ? 0 : partition_->size / kSectorBytes;
}

// ESP-IDF refuses what does not lie inside the partition.
StoreStatus EventPartition::erase(std::size_t sector) {
  if (partition_ == nullptr) return StoreStatus::absent;
  return status_of(esp_partition_erase_range(partition_, sector * kSectorBytes, kSectorBytes));
}

StoreStatus EventPartition::write(std::size_t offset, std::span<const std::uint8_t> bytes) {
  if (partition_ == nullptr) return StoreStatus::absent;
  return status_of(esp_partition_write(partition_, offset, bytes.data(), bytes.size()));
}

StoreStatus EventPartition::read(std::size_t offset, std::span<std::uint8_t> bytes) {
  if (partition_ == nullptr) return StoreStatus::absent;
  return status_of(esp_partition_read(partition_, offset, bytes.data(), bytes.size()));
}

}  // namespace fettle::esp32
