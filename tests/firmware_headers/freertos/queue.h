// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freertos/FreeRTOS.h"

struct FettleQueue;
using QueueHandle_t = FettleQueue*;

extern "C" {
QueueHandle_t xQueueCreate(UBaseType_t items, UBaseType_t item_bytes);
BaseType_t xQueueSend(QueueHandle_t queue, const void* item, TickType_t ticks);
BaseType_t xQueueReceive(QueueHandle_t queue, void* item, TickType_t ticks);
}
