// SPDX-License-Identifier: Apache-2.0
// Found by tests/fuzz/board_fuzz.cpp. Two settings of the sensor typed one after the other: the
// second one found the chip in the reset of the first, and the driver talked to it, which the data
// sheet forbids. And a threshold below a billionth was saved as none.
#include <gtest/gtest.h>

#include <string>

#include "simulator/virtual_board/virtual_board.hpp"
#include "tests/support/hand_made.hpp"
#include "tests/support/quick_model.hpp"

namespace fettle::test {
namespace {

TEST(SettingsInARow, LeaveAChipAloneThatIsBeingReset) {
  // The simulated chip aborts when it is talked to in its reset.
  for (std::int64_t apart_us = 1'000; apart_us < 260'000; apart_us += 3'000) {
    Trembling motion;
    simulator::Storage storage;
    simulator::Operations operations;
    simulator::VirtualBoard board({}, motion, storage, operations);
    board.run_for(500'000);
    for (const char* line : {"set accel_g 16", "set gyro_dps 2000", "set rate_hz 1000"}) {
      board.type(line);
      board.run_for(apart_us);
    }
    board.run_for(2'000'000);
    EXPECT_EQ(board.board().sensor().cause(), mpu6050::Cause::none) << apart_us << " us apart";
    EXPECT_GT(board.board().status().samples, 500U);
  }
}

TEST(SettingsInARow, AThresholdIsTheSameAfterARestartToTheLastBit) {
  const AlignedBytes model(quick_model());
  for (const char* value : {"7.5", "0.0000012345", "0.1", "0.123456789123", "1e-9", "12345678.9",
                            "999999999", "3.3e-5"}) {
    Trembling motion;
    simulator::Storage storage;
    simulator::Operations operations;
    simulator::VirtualBoardConfig config;
    config.model = model.view();
    float before = 0;
    {
      simulator::VirtualBoard board(config, motion, storage, operations);
      board.type("threshold " + std::string(value));
      board.run_for(300'000);
      before = board.board().settings().threshold;
      EXPECT_GT(before, 0) << value;
      EXPECT_EQ(board.board().detector().threshold(), before);
    }
    simulator::VirtualBoard board(config, motion, storage, operations);
    EXPECT_EQ(board.board().settings().threshold, before) << value;
    EXPECT_EQ(board.board().detector().threshold(), before) << value;
  }
}

}  // namespace
}  // namespace fettle::test
