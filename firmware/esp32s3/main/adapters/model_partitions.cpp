// SPDX-License-Identifier: Apache-2.0
#include "adapters/model_partitions.hpp"

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

namespace fettle::esp32 {

using board::StoreStatus;

bool ModelPartitions::begin() {
  constexpr std::array<const char*, kSlots> kNames = {"model0", "model1"};
  bool all = true;
  for (std::size_t i = 0; i < kSlots; ++i) {
    Slot& slot = slots_[i];
    slot.partition =
        esp_partition_find_first(ESP_PARTITION_TYPE_DATA, ESP_PARTITION_SUBTYPE_ANY, kNames[i]);
    if (slot.partition == nullptr) {
      all = false;
      continue;
    }
    const std::size_t bytes = slot.partition->size;
    slot_bytes_ = slot_bytes_ == 0 || bytes < slot_bytes_ ? bytes : slot_bytes_;
    esp_partition_mmap_handle_t handle = 0;
    if (esp_partition_mmap(slot.partition, 0, bytes, ESP_PARTITION_MMAP_DATA, &slot.mapped,
                           &handle) != ESP_OK) {
      slot.mapped = nullptr;
      all = false;
    }
  }
  return all;
}

StoreStatus ModelPartitions::erase(std::size_t slot) {
  const esp_partition_t* partition = slots_[slot].partition;
  if (partition == nullptr) return StoreStatus::absent;
  // A piece of 4 KB takes some 45 ms, in which nothing runs that lies in flash; all at once would be longer
  // than the sensor's FIFO lasts, which at 1 kHz is 85 ms. In between the task that samples empties it: up to two
  // kicks and bursts of 5 ms.
  constexpr std::size_t kSector = 4096;
  for (std::size_t at = 0; at < slot_bytes_; at += kSector) {
    if (esp_partition_erase_range(partition, at, kSector) != ESP_OK) return StoreStatus::failed;
    vTaskDelay(pdMS_TO_TICKS(20));
  }
  return StoreStatus::ok;
}

StoreStatus ModelPartitions::write(std::size_t slot, std::size_t offset,
                                   std::span<const std::uint8_t> bytes) {
  const esp_partition_t* partition = slots_[slot].partition;
  if (partition == nullptr) return StoreStatus::absent;
  if (offset > slot_bytes_ || bytes.size() > slot_bytes_ - offset) return StoreStatus::full;
  // ESP-IDF drops what the cache holds of the written range, so the mapping follows.
  return esp_partition_write(partition, offset, bytes.data(), bytes.size()) == ESP_OK
             ? StoreStatus::ok
             : StoreStatus::failed;
}

std::span<const std::uint8_t> ModelPartitions::view(std::size_t slot) {
  if (slots_[slot].mapped == nullptr) return {};
  return {static_cast<const std::uint8_t*>(slots_[slot].mapped), slot_bytes_};
}

}  // namespace fettle::esp32
