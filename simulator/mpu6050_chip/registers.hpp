// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace fettle::simulator {

// RM: MPU-6000 and MPU-6050 Register Map and Descriptions, RM-MPU-6000A-00 rev 4.2, 19 August 2013.
// PS: MPU-6000 and MPU-6050 Product Specification, PS-MPU-6000A-00 rev 3.4, 19 August 2013.

/// Registers that do something here. Those of the auxiliary bus only exist: see kRegisterMap.
enum class Register : std::uint8_t {
  self_test_x = 0x0D,        ///< RM p. 9: XA_TEST[4-2], XG_TEST[4-0]
  self_test_y = 0x0E,        ///< RM p. 9
  self_test_z = 0x0F,        ///< RM p. 9
  self_test_a = 0x10,        ///< RM p. 9: XA_TEST[1-0], YA_TEST[1-0], ZA_TEST[1-0]
  smplrt_div = 0x19,         ///< RM p. 11
  config = 0x1A,             ///< RM p. 13
  gyro_config = 0x1B,        ///< RM p. 14
  accel_config = 0x1C,       ///< RM p. 15
  fifo_en = 0x23,            ///< RM p. 16
  int_pin_cfg = 0x37,        ///< RM p. 26
  int_enable = 0x38,         ///< RM p. 27
  int_status = 0x3A,         ///< RM p. 28
  accel_xout_h = 0x3B,       ///< RM p. 29; to ACCEL_ZOUT_L = 0x40
  temp_out_h = 0x41,         ///< RM p. 30
  gyro_xout_h = 0x43,        ///< RM p. 31
  gyro_zout_l = 0x48,        ///< RM p. 31
  signal_path_reset = 0x68,  ///< RM p. 37
  user_ctrl = 0x6A,          ///< RM p. 38
  pwr_mgmt_1 = 0x6B,         ///< RM p. 40
  pwr_mgmt_2 = 0x6C,         ///< RM p. 42
  fifo_count_h = 0x72,       ///< RM p. 43
  fifo_count_l = 0x73,       ///< RM p. 43
  fifo_r_w = 0x74,           ///< RM p. 44
  who_am_i = 0x75,           ///< RM p. 45
};

namespace bit {
// CONFIG
inline constexpr std::uint8_t kDlpfCfg = 0x07;
// GYRO_CONFIG and ACCEL_CONFIG: self test of x, y, z in bits 7 to 5; range in bits 4 and 3.
inline constexpr std::uint8_t kSelfTestX = 0x80;
inline constexpr unsigned kRangeShift = 3;
// FIFO_EN
inline constexpr std::uint8_t kFifoTemperature = 0x80;
inline constexpr std::uint8_t kFifoGyroX = 0x40;
inline constexpr std::uint8_t kFifoAccel = 0x08;
// INT_PIN_CFG
inline constexpr std::uint8_t kIntLevelLow = 0x80;
inline constexpr std::uint8_t kIntLatch = 0x20;
inline constexpr std::uint8_t kIntReadClear = 0x10;
// INT_ENABLE and INT_STATUS
inline constexpr std::uint8_t kFifoOverflow = 0x10;
inline constexpr std::uint8_t kDataReady = 0x01;
// USER_CTRL
inline constexpr std::uint8_t kFifoEnable = 0x40;
inline constexpr std::uint8_t kFifoReset = 0x04;
inline constexpr std::uint8_t kMasterReset = 0x02;
inline constexpr std::uint8_t kSignalReset = 0x01;
// PWR_MGMT_1
inline constexpr std::uint8_t kDeviceReset = 0x80;
inline constexpr std::uint8_t kSleep = 0x40;
inline constexpr std::uint8_t kCycle = 0x20;
inline constexpr std::uint8_t kTemperatureOff = 0x08;
inline constexpr std::uint8_t kClock = 0x07;
// PWR_MGMT_2: standby of accelerometer x, y, z in bits 5 to 3, of gyroscope x, y, z in bits 2 to 0.
inline constexpr std::uint8_t kStandbyAccelX = 0x20;
inline constexpr std::uint8_t kStandbyGyro = 0x07;
}  // namespace bit

struct RegisterInfo {
  bool exists = false;
  std::uint8_t writable = 0;  ///< bits that a driver of this project may set; 0: never written
  std::uint8_t reset = 0;
};

inline constexpr std::size_t kRegisters = 0x76;

/// RM section 3, p. 6 to 8, with "The reset value is 0x00 for all registers other than" 107 (0x40)
/// and 117 (0x68), p. 8. Stricter than the chip: the self-test trim, which the map lists as
/// read/write, the auxiliary bus, at which nothing hangs, FSYNC, which is not connected, and reserved
/// bits may not be written.
inline constexpr std::array<RegisterInfo, kRegisters> kRegisterMap = [] {
  std::array<RegisterInfo, kRegisters> map{};
  const auto set = [&map](Register which, std::uint8_t writable, std::uint8_t reset) {
    map[static_cast<std::size_t>(which)] = {true, writable, reset};
  };
  const auto readable = [&map](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i <= last; ++i) map[i].exists = true;
  };
  readable(0x0D, 0x10);  // SELF_TEST_X to SELF_TEST_A
  set(Register::smplrt_div, 0xFF, 0);
  set(Register::config, 0x07, 0);        // not EXT_SYNC_SET
  set(Register::gyro_config, 0xF8, 0);   // XG_ST YG_ST ZG_ST FS_SEL
  set(Register::accel_config, 0xF8, 0);  // XA_ST YA_ST ZA_ST AFS_SEL
  set(Register::fifo_en, 0xF8, 0);       // not SLV2 to SLV0
  readable(0x24, 0x36);                  // I2C_MST_CTRL, I2C_SLV0 to 4, I2C_MST_STATUS
  set(Register::int_pin_cfg, 0xF2, 0);   // INT_LEVEL INT_OPEN LATCH_INT_EN INT_RD_CLEAR BYPASS
  set(Register::int_enable, 0x11, 0);    // FIFO_OFLOW_EN DATA_RDY_EN
  readable(0x3A, 0x60);                  // INT_STATUS, measurements, EXT_SENS_DATA
  readable(0x63, 0x67);                  // I2C_SLV0_DO to I2C_MST_DELAY_CTRL
  set(Register::signal_path_reset, 0x07, 0);
  set(Register::user_ctrl, 0x47, 0);  // FIFO_EN FIFO_RESET I2C_MST_RESET SIG_COND_RESET
  set(Register::pwr_mgmt_1, 0xEF, 0x40);
  set(Register::pwr_mgmt_2, 0xFF, 0);
  readable(0x72, 0x74);  // FIFO_COUNTH, FIFO_COUNTL, FIFO_R_W
  set(Register::who_am_i, 0, 0x68);
  return map;
}();

}  // namespace fettle::simulator
