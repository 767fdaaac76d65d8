// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "esp_err.h"

struct sdmmc_card_t;
extern "C" esp_err_t sdmmc_get_status(sdmmc_card_t* card);
