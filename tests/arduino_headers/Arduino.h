// SPDX-License-Identifier: Apache-2.0
#pragma once

// The little of Arduino that the library and its examples use, declared only.
#include <cstddef>
#include <cstdint>

constexpr int OUTPUT = 3;
constexpr int INPUT_PULLUP = 5;

unsigned long micros();
void delayMicroseconds(std::uint32_t us);
void pinMode(std::uint8_t pin, std::uint8_t mode);
void digitalWrite(std::uint8_t pin, std::uint8_t level);
int digitalRead(std::uint8_t pin);

class HardwareSerial {
 public:
  void begin(unsigned long baud);
  std::size_t print(const char* text);
  std::size_t print(char c);
  std::size_t print(long long number);
  std::size_t print(double number, int digits);
  std::size_t println(const char* text);
  std::size_t println();
  std::size_t write(const char* bytes, std::size_t size);
};
extern HardwareSerial Serial;
