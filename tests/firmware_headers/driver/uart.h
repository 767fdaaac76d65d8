// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "driver/gpio.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"

enum uart_port_t : int { UART_NUM_0 = 0 };
enum uart_word_length_t : int { UART_DATA_8_BITS = 3 };
enum uart_parity_t : int { UART_PARITY_DISABLE = 0 };
enum uart_stop_bits_t : int { UART_STOP_BITS_1 = 1 };
enum uart_hw_flowcontrol_t : int { UART_HW_FLOWCTRL_DISABLE = 0 };
enum uart_sclk_t : int { UART_SCLK_DEFAULT = 4 };
#define UART_PIN_NO_CHANGE (-1)

struct uart_config_t {
  int baud_rate;
  uart_word_length_t data_bits;
  uart_parity_t parity;
  uart_stop_bits_t stop_bits;
  uart_hw_flowcontrol_t flow_ctrl;
  std::uint8_t rx_flow_ctrl_thresh;
  uart_sclk_t source_clk;
};

extern "C" {
esp_err_t uart_driver_install(uart_port_t port, int rx_bytes, int tx_bytes, int queue_size,
                              QueueHandle_t* queue, int flags);
esp_err_t uart_param_config(uart_port_t port, const uart_config_t* config);
esp_err_t uart_set_pin(uart_port_t port, int tx, int rx, int rts, int cts);
int uart_read_bytes(uart_port_t port, void* bytes, std::uint32_t size, std::uint32_t ticks);
int uart_write_bytes(uart_port_t port, const void* bytes, std::size_t size);
}
