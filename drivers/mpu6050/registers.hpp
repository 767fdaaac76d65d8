// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

/// Registers and bits of the MPU6050 that the driver uses. Read from InvenSense RM-MPU-6000A-00 rev
/// 4.2 ("RM") and PS-MPU-6000A-00 rev 3.4 ("PS"), both of 19 August 2013.
namespace fettle::mpu6050 {

/// Whose WHO_AM_I that is (of InvenSense's data sheets), for people; "unknown chip" for the rest. What is
/// sold as an MPU6050 often answers with another one's, and copies answer with any.
[[nodiscard]] constexpr const char* chip_name(std::uint8_t who_am_i) {
  switch (who_am_i) {
    case 0x68: return "MPU-6050";
    case 0x70: return "MPU-6500";
    case 0x71: return "MPU-9250";
    case 0x73: return "MPU-9255";
    case 0x98: return "ICM-20689";
    default: return "unknown chip";
  }
}

/// 7-bit addresses for pin AD0 low and high (PS 9.2, p. 33).
inline constexpr std::uint8_t kAddressLow = 0x68;
inline constexpr std::uint8_t kAddressHigh = 0x69;

/// RM section 3, p. 6 to 8.
enum class Register : std::uint8_t {
  self_test_x = 0x0D,       ///< 4.1, p. 9; y, z and a follow
  sample_rate_div = 0x19,   ///< SMPLRT_DIV, 4.2, p. 11
  config = 0x1A,            ///< 4.3, p. 13
  gyro_config = 0x1B,       ///< 4.4, p. 14
  accel_config = 0x1C,      ///< 4.5, p. 15
  fifo_enable = 0x23,       ///< FIFO_EN, 4.6, p. 16
  interrupt_pin = 0x37,     ///< INT_PIN_CFG, 4.14, p. 26
  interrupt_enable = 0x38,  ///< INT_ENABLE, 4.15, p. 27
  interrupt_status = 0x3A,  ///< INT_STATUS, 4.16, p. 28; reading it clears it
  accel_x_high = 0x3B,      ///< 4.17, p. 29; 14 bytes: accelerometer, temperature, gyroscope
  temperature_high = 0x41,  ///< 4.18, p. 30
  user_control = 0x6A,      ///< USER_CTRL, 4.27, p. 38
  power_1 = 0x6B,           ///< PWR_MGMT_1, 4.28, p. 40
  power_2 = 0x6C,           ///< PWR_MGMT_2, 4.29, p. 42
  fifo_count_high = 0x72,   ///< 4.30, p. 43; reading the high byte latches both
  fifo_data = 0x74,         ///< FIFO_R_W, 4.31, p. 44
  who_am_i = 0x75,          ///< 4.32, p. 45
};

namespace gyro_config {  // RM 4.4, p. 14
inline constexpr std::uint8_t kSelfTest = 0xE0;
inline constexpr unsigned kRangeShift = 3;
}  // namespace gyro_config

namespace accel_config {  // RM 4.5, p. 15
inline constexpr std::uint8_t kSelfTest = 0xE0;
inline constexpr unsigned kRangeShift = 3;
}  // namespace accel_config

namespace fifo_enable {  // RM 4.6, p. 16
inline constexpr std::uint8_t kGyroscope = 0x70;
inline constexpr std::uint8_t kAccelerometer = 0x08;
}  // namespace fifo_enable

namespace interrupt {  // RM 4.15 and 4.16, p. 27 and 28: the same places in enable and status
inline constexpr std::uint8_t kFifoOverflow = 0x10;
inline constexpr std::uint8_t kDataReady = 0x01;
}  // namespace interrupt

namespace user_control {  // RM 4.27, p. 38
inline constexpr std::uint8_t kFifoEnable = 0x40;
inline constexpr std::uint8_t kFifoReset = 0x04;  ///< works only while kFifoEnable is 0
}  // namespace user_control

namespace power_1 {  // RM 4.28, p. 40
inline constexpr std::uint8_t kDeviceReset = 0x80;
inline constexpr std::uint8_t kSleep = 0x40;
inline constexpr std::uint8_t kReserved = 0x10;
inline constexpr std::uint8_t kClockGyroX = 0x01;  ///< PLL with the X gyroscope's oscillator
}  // namespace power_1

inline constexpr std::size_t kFifoBytes = 1024;  ///< PS 7.17, p. 31
/// Six axes of two bytes, in the order of their register numbers (RM 4.31, p. 44).
inline constexpr std::size_t kSampleBytes = 12;

inline constexpr std::uint8_t kGenuineId = 0x68;  ///< WHO_AM_I, RM 4.32, p. 45

}  // namespace fettle::mpu6050
