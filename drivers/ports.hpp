// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace fettle {

/// How a transfer on the sensor's bus ended.
enum class BusStatus : std::uint8_t {
  ok,
  nack,     ///< nobody answered to the address, or the chip refused a byte
  timeout,  ///< the transfer did not end within the port's bound (a stretched clock, a lost event)
  stuck,    ///< a line stays low: nothing can be transferred until recover()
};

[[nodiscard]] constexpr const char* name_of(BusStatus status) {
  switch (status) {
    case BusStatus::ok: return "ok";
    case BusStatus::nack: return "no acknowledge";
    case BusStatus::timeout: return "timeout";
    case BusStatus::stuck: return "bus stuck";
  }
  return "unknown";
}

/// The wires of a bus, measured: what transfers alone do not tell.
struct BusWires {
  std::uint32_t set_hz = 0;       ///< clock that was asked for; 0: the port cannot measure
  std::uint32_t measured_hz = 0;  ///< by the time that a byte takes; 0: the chip did not answer
  bool sda_pulled_up = true;      ///< by more than the processor's own resistor
  bool scl_pulled_up = true;
};

/// Port: registers of chips on an I2C bus. Every call returns within a bounded time, at most 100 ms.
/// After anything but ok nothing is known about what the chip received or gave away.
class RegisterBus {
 public:
  /// Reads bytes.size() bytes (1 to 256) beginning with a register, in one transfer.
  /// @param device  7-bit address
  [[nodiscard]] virtual BusStatus read(std::uint8_t device, std::uint8_t reg,
                                       std::span<std::uint8_t> bytes) = 0;
  /// Writes one register.
  [[nodiscard]] virtual BusStatus write(std::uint8_t device, std::uint8_t reg,
                                        std::uint8_t value) = 0;
  /// Frees a stuck bus: clocks SCL nine times with SDA released, then a stop condition, and resets
  /// the controller (I2C specification UM10204 rev 7, 3.1.16). ok if both lines are high afterwards.
  [[nodiscard]] virtual BusStatus recover() = 0;
  /// Measures the wires with a chip that makes no samples now. For the self-test; a port that cannot
  /// need not.
  /// @param device  7-bit address of a chip that answers
  /// @param reg     a register from which 14 bytes can be read and read again
  [[nodiscard]] virtual BusWires measure(std::uint8_t /*device*/, std::uint8_t /*reg*/) {
    return {};
  }

 protected:
  ~RegisterBus() = default;
};

/// What the sensor's interrupt line did.
struct DataReadyState {
  std::uint32_t count = 0;   ///< pulses since the start, wraps
  std::int64_t last_us = 0;  ///< uptime of the last pulse
};

/// Port: the data-ready interrupt, counted and timed by whoever serves it. A board without the wire
/// always gives a count of 0.
class DataReady {
 public:
  [[nodiscard]] virtual DataReadyState state() const = 0;

 protected:
  ~DataReady() = default;
};

}  // namespace fettle
