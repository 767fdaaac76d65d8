// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "freertos/FreeRTOS.h"

struct FettleStream;
using StreamBufferHandle_t = FettleStream*;

extern "C" {
StreamBufferHandle_t xStreamBufferCreate(std::size_t bytes, std::size_t trigger);
std::size_t xStreamBufferSend(StreamBufferHandle_t stream, const void* bytes, std::size_t size,
                              TickType_t ticks);
std::size_t xStreamBufferReceive(StreamBufferHandle_t stream, void* bytes, std::size_t size,
                                 TickType_t ticks);
}
