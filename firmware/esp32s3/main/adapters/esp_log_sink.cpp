// SPDX-License-Identifier: Apache-2.0
#include "adapters/esp_log_sink.hpp"

#include <algorithm>
#include <cinttypes>
#include <cstring>

#include "esp_log.h"

namespace fettle::esp32 {
namespace {

constexpr UBaseType_t kLines = 16;
constexpr std::uint32_t kStack = 3584;
// ESP-IDF remembers a tag's level by the tag's address: it must not change.
constexpr const char* kTag = "fettle";

template <std::size_t N>
void copy(std::string_view from, std::array<char, N>& to) {
  const std::size_t size = std::min(from.size(), N - 1);
  std::copy_n(from.begin(), size, to.begin());
  to[size] = '\0';
}

}  // namespace

bool EspLogSink::begin(UBaseType_t priority, BaseType_t core) {
  if (kLineIsConsole) {
    esp_log_level_set("*", ESP_LOG_NONE);
    return true;
  }
  queue_ = xQueueCreate(kLines, sizeof(Line));
  return queue_ != nullptr && xTaskCreatePinnedToCore(&EspLogSink::print, "log", kStack, this,
                                                      priority, nullptr, core) == pdPASS;
}

void EspLogSink::write(board::LogLevel level, std::string_view tag, std::string_view text) {
  if (queue_ == nullptr) return;
  Line line;
  line.level = level;
  line.dropped = dropped_;
  copy(tag, line.tag);
  copy(text, line.text);
  if (xQueueSend(queue_, &line, 0) == pdTRUE) {
    dropped_ = 0;
  } else {
    ++dropped_;
  }
}

void EspLogSink::print(void* self) {
  const auto& sink = *static_cast<const EspLogSink*>(self);
  Line line;
  for (;;) {
    if (xQueueReceive(sink.queue_, &line, portMAX_DELAY) != pdTRUE) continue;
    if (line.dropped != 0)
      ESP_LOGW(kTag, "%" PRIu32 " lines of the log were dropped", line.dropped);
    const char* tag = line.tag.data();
    const char* text = line.text.data();
    if (std::strcmp(tag, "ANOMALY") == 0) {
      ESP_LOGW("ANOMALY", "%s", text);
      continue;
    }
    switch (line.level) {
      case board::LogLevel::error: ESP_LOGE(kTag, "%s: %s", tag, text); break;
      case board::LogLevel::warning: ESP_LOGW(kTag, "%s: %s", tag, text); break;
      case board::LogLevel::info: ESP_LOGI(kTag, "%s: %s", tag, text); break;
    }
  }
}

}  // namespace fettle::esp32
