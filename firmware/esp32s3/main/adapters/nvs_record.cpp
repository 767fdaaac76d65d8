// SPDX-License-Identifier: Apache-2.0
#include "adapters/nvs_record.hpp"

#include "nvs_flash.h"

namespace fettle::esp32 {

using board::StoreStatus;

bool NvsRecord::begin(bool& erased) {
  erased = false;
  esp_err_t status = nvs_flash_init();
  if (status == ESP_ERR_NVS_NO_FREE_PAGES || status == ESP_ERR_NVS_NEW_VERSION_FOUND) {
    erased = nvs_flash_erase() == ESP_OK;
    status = nvs_flash_init();
  }
  return status == ESP_OK;
}

bool NvsRecord::open() {
  opened_ = nvs_open("fettle", NVS_READWRITE, &handle_) == ESP_OK;
  return opened_;
}

StoreStatus NvsRecord::load(std::span<std::uint8_t> bytes, std::size_t& size) {
  if (!opened_) return StoreStatus::failed;
  std::size_t length = bytes.size();
  const esp_err_t status = nvs_get_blob(handle_, key_, bytes.data(), &length);
  if (status == ESP_ERR_NVS_NOT_FOUND) return StoreStatus::absent;
  // Another firmware's, and longer: the length is told all the same.
  if (status != ESP_OK && status != ESP_ERR_NVS_INVALID_LENGTH) return StoreStatus::failed;
  size = length;
  return StoreStatus::ok;
}

StoreStatus NvsRecord::save(std::span<const std::uint8_t> bytes) {
  if (!opened_) return StoreStatus::failed;
  const esp_err_t status = nvs_set_blob(handle_, key_, bytes.data(), bytes.size());
  if (status == ESP_ERR_NVS_NOT_ENOUGH_SPACE) return StoreStatus::full;
  return status == ESP_OK && nvs_commit(handle_) == ESP_OK ? StoreStatus::ok : StoreStatus::failed;
}

}  // namespace fettle::esp32
