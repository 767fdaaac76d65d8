// SPDX-License-Identifier: Apache-2.0
#pragma once

// What menuconfig would have written: the defaults for an ESP32-S3. ./dev test compiles them, and then the menu
// answered the other way.
#define CONFIG_FETTLE_PIN_SDA 8
#define CONFIG_FETTLE_PIN_SCL 9
#define CONFIG_FETTLE_PIN_INT 4
#define CONFIG_FETTLE_I2C_HZ 400000
#define CONFIG_FETTLE_HOP 0
#define CONFIG_FETTLE_PIN_ALERT 2
#ifndef FETTLE_WITHOUT_SD
#define CONFIG_FETTLE_SD 1
#define CONFIG_FETTLE_PIN_SD_CS 10
#define CONFIG_FETTLE_PIN_SD_MOSI 11
#define CONFIG_FETTLE_PIN_SD_CLK 12
#define CONFIG_FETTLE_PIN_SD_MISO 13
#endif
#ifndef CONFIG_FETTLE_LINE_USB
#define CONFIG_FETTLE_LINE_UART 1
#define CONFIG_FETTLE_UART_PORT 0
#define CONFIG_FETTLE_UART_BAUD 921600
#define CONFIG_FETTLE_UART_TX -1
#define CONFIG_FETTLE_UART_RX -1
#endif
