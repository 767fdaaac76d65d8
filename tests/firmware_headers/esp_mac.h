// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "esp_err.h"

extern "C" esp_err_t esp_efuse_mac_get_default(std::uint8_t* mac);
