// SPDX-License-Identifier: Apache-2.0
#pragma once

struct esp_app_desc_t {
  char version[32];
};
extern "C" const esp_app_desc_t* esp_app_get_description();
