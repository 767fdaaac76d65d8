// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

extern "C" void esp_rom_delay_us(std::uint32_t us);
