// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <Arduino.h>

class TwoWire {
 public:
  bool begin(int sda, int scl, std::uint32_t hz);
  bool end();
  std::size_t setBufferSize(std::size_t bytes);
  void setTimeOut(std::uint16_t ms);
  void beginTransmission(std::uint8_t device);
  std::uint8_t endTransmission(bool stop);
  std::size_t requestFrom(std::uint8_t device, std::size_t bytes, bool stop);
  std::size_t write(std::uint8_t byte);
  int read();
};
extern TwoWire Wire;
