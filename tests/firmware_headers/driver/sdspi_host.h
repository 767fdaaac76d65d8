// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "driver/gpio.h"
#include "driver/spi_master.h"

#define SDMMC_FREQ_DEFAULT 20000
struct sdmmc_host_t {
  int slot;
  int max_freq_khz;
  int command_timeout_ms;
};
struct sdspi_device_config_t {
  spi_host_device_t host_id;
  gpio_num_t gpio_cs;
};
#define SDSPI_HOST_DEFAULT() \
  {}
#define SDSPI_DEVICE_CONFIG_DEFAULT() \
  {}
