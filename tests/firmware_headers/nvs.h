// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "esp_err.h"

using nvs_handle_t = std::uint32_t;
enum nvs_open_mode_t : int { NVS_READONLY, NVS_READWRITE };
inline constexpr esp_err_t ESP_ERR_NVS_NOT_FOUND = 0x1102;
inline constexpr esp_err_t ESP_ERR_NVS_NOT_ENOUGH_SPACE = 0x1105;
inline constexpr esp_err_t ESP_ERR_NVS_INVALID_LENGTH = 0x110c;
inline constexpr esp_err_t ESP_ERR_NVS_NO_FREE_PAGES = 0x110d;
inline constexpr esp_err_t ESP_ERR_NVS_NEW_VERSION_FOUND = 0x1110;
extern "C" {
esp_err_t nvs_open(const char* name, nvs_open_mode_t mode, nvs_handle_t* handle);
esp_err_t nvs_get_blob(nvs_handle_t handle, const char* key, void* bytes, std::size_t* size);
esp_err_t nvs_set_blob(nvs_handle_t handle, const char* key, const void* bytes, std::size_t size);
esp_err_t nvs_commit(nvs_handle_t handle);
}
