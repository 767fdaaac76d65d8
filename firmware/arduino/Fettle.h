// SPDX-License-Identifier: Apache-2.0
#pragma once

// Fettle as an Arduino library: the sensor's driver over Wire, and the journey from a sample to an alarm.
// The classes are those of the repository; here is only what they need of Arduino.

#include <Arduino.h>
#include <Wire.h>

#include "core/model/detector_model.hpp"
#include "core/pipeline.hpp"
#include "drivers/mpu6050/driver.hpp"
#include "drivers/ports.hpp"

namespace fettle::arduino {

/// Uptime in microseconds that does not wrap, if it is asked at least once an hour.
inline std::int64_t now_us() {
  static std::uint32_t last = 0;
  static std::int64_t turns_us = 0;
  const auto now = static_cast<std::uint32_t>(micros());
  if (now < last) turns_us += 0x1'0000'0000LL;
  last = now;
  return turns_us + now;
}

/// Registers over Wire.
class WireBus final : public RegisterBus {
 public:
  WireBus(TwoWire& wire, std::uint8_t sda, std::uint8_t scl) : wire_(wire), sda_(sda), scl_(scl) {}

  /// At 400 kHz, with room for the longest burst of the sensor's FIFO.
  bool begin() {
#if defined(ESP32)
    wire_.setBufferSize(kBuffer);
#endif
    if (!wire_.begin(sda_, scl_, 400000U)) return false;
    wire_.setTimeOut(20);
    return true;
  }

  [[nodiscard]] BusStatus read(std::uint8_t device, std::uint8_t reg,
                               std::span<std::uint8_t> bytes) override {
    wire_.beginTransmission(device);
    wire_.write(reg);
    if (const std::uint8_t error = wire_.endTransmission(false); error != 0) return failed(error);
    if (wire_.requestFrom(device, bytes.size(), true) != bytes.size()) return failed(kTimeout);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(wire_.read());
    return BusStatus::ok;
  }

  [[nodiscard]] BusStatus write(std::uint8_t device, std::uint8_t reg,
                                std::uint8_t value) override {
    wire_.beginTransmission(device);
    wire_.write(reg);
    wire_.write(value);
    const std::uint8_t error = wire_.endTransmission(true);
    return error == 0 ? BusStatus::ok : failed(error);
  }

  /// Nine clocks with SDA released and a stop condition, at 100 kHz; then the controller begins anew.
  [[nodiscard]] BusStatus recover() override {
    wire_.end();
    pinMode(sda_, INPUT_PULLUP);
    for (int i = 0; i < 9; ++i) {
      low(scl_);
      high(scl_);
    }
    low(scl_);
    low(sda_);
    high(scl_);
    high(sda_);
    const bool free = digitalRead(sda_) != 0 && digitalRead(scl_) != 0;
    return begin() && free ? BusStatus::ok : BusStatus::stuck;
  }

 private:
  static constexpr std::size_t kBuffer = 256;
  static constexpr std::uint8_t kTimeout = 5;  // of endTransmission(); 2 and 3 are refusals

  // Never driven high: the sensor may hold a line.
  static void low(std::uint8_t pin) {
    pinMode(pin, OUTPUT);
    digitalWrite(pin, 0);
    delayMicroseconds(5);
  }
  static void high(std::uint8_t pin) {
    pinMode(pin, INPUT_PULLUP);
    delayMicroseconds(5);
  }
  BusStatus failed(std::uint8_t error) const {
    if (digitalRead(sda_) == 0 || digitalRead(scl_) == 0) return BusStatus::stuck;
    return error == 2 || error == 3 ? BusStatus::nack : BusStatus::timeout;
  }

  TwoWire& wire_;
  std::uint8_t sda_;
  std::uint8_t scl_;
};

/// The sensor's INT is not wired: time stamps come from the FIFO's count.
class NoInterrupt final : public DataReady {
 public:
  [[nodiscard]] DataReadyState state() const override { return {}; }
};

}  // namespace fettle::arduino
