// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freertos/FreeRTOS.h"

struct FettleTask;
using TaskHandle_t = FettleTask*;
using TaskFunction_t = void (*)(void*);

extern "C" {
BaseType_t xTaskCreatePinnedToCore(TaskFunction_t run, const char* name, std::uint32_t stack_bytes,
                                   void* argument, UBaseType_t priority, TaskHandle_t* task,
                                   BaseType_t core);
TaskHandle_t xTaskGetCurrentTaskHandle();
std::uint32_t ulTaskNotifyTake(BaseType_t clear, TickType_t ticks);
void xTaskNotifyGive(TaskHandle_t task);
void vTaskNotifyGiveFromISR(TaskHandle_t task, BaseType_t* woken);
void vTaskDelay(TickType_t ticks);
}
