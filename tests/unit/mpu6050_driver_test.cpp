// SPDX-License-Identifier: Apache-2.0
#include "drivers/mpu6050/driver.hpp"

#include <gtest/gtest.h>

#include "tests/support/mpu6050_rig.hpp"

namespace fettle::test {
namespace {

using mpu6050::Cause;
using mpu6050::State;

TEST(Mpu6050Driver, SamplesFlowHalfASecondAfterTheStart) {
  Rig rig({}, {}, {});
  EXPECT_TRUE(rig.run_to_samples(0.8)) << describe(rig.driver.cause());
  rig.run_for(5);
  EXPECT_EQ(rig.driver.state(), State::streaming);
  EXPECT_EQ(rig.driver.cause(), Cause::none);
  EXPECT_EQ(rig.driver.address(), 0x68);
  EXPECT_FALSE(rig.driver.clone());
  EXPECT_GT(rig.delivered, 900U);
  EXPECT_EQ(rig.lost, 0U);
  EXPECT_EQ(rig.strangers, 0U);
  EXPECT_NEAR(rig.driver.celsius(), 25, 2);
  for (const auto& what : rig.chip.violations()) ADD_FAILURE() << what;
}

}  // namespace
}  // namespace fettle::test
