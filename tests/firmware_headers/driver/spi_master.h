// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "esp_err.h"

enum spi_host_device_t : int { SPI2_HOST = 1 };
inline constexpr int SPI_DMA_CH_AUTO = 3;
struct spi_bus_config_t {
  int mosi_io_num;
  int miso_io_num;
  int sclk_io_num;
  int quadwp_io_num;
  int quadhd_io_num;
  int max_transfer_sz;
};
extern "C" esp_err_t spi_bus_initialize(spi_host_device_t host, const spi_bus_config_t* config,
                                        int dma);
