// SPDX-License-Identifier: Apache-2.0
#pragma once

enum esp_reset_reason_t : int {
  ESP_RST_POWERON = 1,
  ESP_RST_PANIC = 4,
  ESP_RST_INT_WDT,
  ESP_RST_TASK_WDT,
  ESP_RST_WDT,
  ESP_RST_BROWNOUT = 9,
};
extern "C" esp_reset_reason_t esp_reset_reason();
