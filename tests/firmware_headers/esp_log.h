// SPDX-License-Identifier: Apache-2.0
#pragma once

enum esp_log_level_t : int { ESP_LOG_NONE, ESP_LOG_ERROR, ESP_LOG_WARN, ESP_LOG_INFO };
extern "C" {
void esp_log_level_set(const char* tag, esp_log_level_t level);
// By another name than ESP-IDF's, which has a time and colours; formats are checked as there.
void fettle_esp_log(esp_log_level_t level, const char* tag, const char* format, ...)
    __attribute__((format(printf, 3, 4)));
}
#define ESP_LOGE(tag, ...) fettle_esp_log(ESP_LOG_ERROR, tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) fettle_esp_log(ESP_LOG_WARN, tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) fettle_esp_log(ESP_LOG_INFO, tag, __VA_ARGS__)
