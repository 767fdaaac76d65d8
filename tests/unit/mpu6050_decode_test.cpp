// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "drivers/mpu6050/decode.hpp"

namespace fettle::mpu6050 {
namespace {

TEST(Decode, TwoBytesAreATwosComplementNumberHighByteFirst) {
  EXPECT_EQ(signed_word(0x00, 0x00), 0);
  EXPECT_EQ(signed_word(0x00, 0x01), 1);
  EXPECT_EQ(signed_word(0xFF, 0xFF), -1);
  EXPECT_EQ(signed_word(0x7F, 0xFF), INT16_MAX);
  EXPECT_EQ(signed_word(0x80, 0x00), INT16_MIN);
  EXPECT_EQ(signed_word(0x40, 0x00), 16384);
  EXPECT_EQ(unsigned_word(0x04, 0x00), 1024);
}

TEST(Decode, ASampleHasSixDifferentAxesInTheOrderOfTheRegisters) {
  constexpr std::array<std::uint8_t, 12> bytes = {0x00, 0x01, 0x00, 0x02, 0x00, 0x03,
                                                  0xFF, 0xFF, 0xFF, 0xFE, 0xFF, 0xFD};
  EXPECT_EQ(decode_sample(bytes), (RawSample{1, 2, 3, -1, -2, -3}));
}

TEST(Decode, Temperature) {
  EXPECT_FLOAT_EQ(celsius(0), 36.53F);
  EXPECT_FLOAT_EQ(celsius(-3920), 36.53F - 3920.0F / 340.0F);
}

TEST(Decode, SelfTestCodesAreSpreadOverFourRegisters) {
  // XA = 0b101'10, YA = 0b010'01, ZA = 0b111'11; XG, YG, ZG = 1, 31, 16.
  constexpr std::array<std::uint8_t, 4> registers = {0b101'00001, 0b010'11111, 0b111'10000,
                                                     0b00'10'01'11};
  EXPECT_EQ(self_test_codes(registers),
            (std::array<std::uint8_t, 6>{0b10110, 0b01001, 0b11111, 1, 31, 16}));
}

TEST(Decode, FactoryTrimFollowsTheFormulasOfTheRegisterMap) {
  for (std::size_t axis = 0; axis < 6; ++axis) EXPECT_EQ(factory_trim(axis, 0), 0.0F);
  // Both ends of the formulas can be seen without a power.
  EXPECT_FLOAT_EQ(factory_trim(0, 1), 4096 * 0.34F);
  EXPECT_NEAR(factory_trim(2, 31), 4096 * 0.92F, 0.01F);
  EXPECT_FLOAT_EQ(factory_trim(3, 1), 3275.0F);
  EXPECT_FLOAT_EQ(factory_trim(5, 2), 3275.0F * 1.046F);
  EXPECT_FLOAT_EQ(factory_trim(4, 2), -3275.0F * 1.046F) << "the y gyroscope answers backwards";
  // Half-way: the geometric mean.
  EXPECT_NEAR(factory_trim(1, 16), 4096 * 0.559285F, 0.05F);
}

TEST(Decode, DividerAndFilterForARate) {
  EXPECT_EQ(sample_rate_divider(1000), 0);
  EXPECT_EQ(sample_rate_divider(200), 4);
  EXPECT_EQ(sample_rate_divider(4), 249);
  EXPECT_EQ(sample_rate_divider(0), 249) << "nothing below 4 Hz";
  EXPECT_EQ(low_pass_setting(0), 1) << "184 and 188 Hz at 1 kHz";
  EXPECT_EQ(low_pass_setting(4), 2) << "94 and 98 Hz at 200 Hz";
  EXPECT_EQ(low_pass_setting(9), 3) << "44 Hz at 100 Hz";
  EXPECT_EQ(low_pass_setting(249), 6);
}

}  // namespace
}  // namespace fettle::mpu6050
