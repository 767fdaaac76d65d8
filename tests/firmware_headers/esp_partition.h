// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "esp_err.h"

enum esp_partition_type_t : int { ESP_PARTITION_TYPE_DATA = 1 };
enum esp_partition_subtype_t : int { ESP_PARTITION_SUBTYPE_ANY = 0xff };
enum esp_partition_mmap_memory_t : int { ESP_PARTITION_MMAP_DATA };
using esp_partition_mmap_handle_t = std::uint32_t;
struct esp_partition_t {
  std::uint32_t address;
  std::uint32_t size;
  char label[17];
};
extern "C" {
const esp_partition_t* esp_partition_find_first(esp_partition_type_t type,
                                                esp_partition_subtype_t subtype, const char* label);
esp_err_t esp_partition_read(const esp_partition_t* partition, std::size_t offset, void* bytes,
                             std::size_t size);
esp_err_t esp_partition_write(const esp_partition_t* partition, std::size_t offset,
                              const void* bytes, std::size_t size);
esp_err_t esp_partition_erase_range(const esp_partition_t* partition, std::size_t offset,
                                    std::size_t size);
esp_err_t esp_partition_mmap(const esp_partition_t* partition, std::size_t offset, std::size_t size,
                             esp_partition_mmap_memory_t memory, const void** bytes,
                             esp_partition_mmap_handle_t* handle);
}
