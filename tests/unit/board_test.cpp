// SPDX-License-Identifier: Apache-2.0
// The board's logic on simulated ports: what a person and a program see of it.
#include <gtest/gtest.h>

#include <string>

#include "tests/support/virtual_rig.hpp"

namespace fettle::test {
namespace {

using protocol::EventKind;
using protocol::ModelState;
using protocol::ReplyStatus;

TEST(Board, Scratch) {
  Rig rig;
  rig.power_on();
  rig.connect(protocol::kStreamSamples | protocol::kStreamScores | protocol::kStreamEvents);
  rig.run(20);
  const auto* done = rig.deploy(shaker_model());
  ASSERT_NE(done, nullptr);
  std::printf("deploy: %d %s\n", int(done->status), done->text.c_str());
  rig.run(10);
  rig.shaker.level = 3;
  rig.run(10);
  rig.shaker.level = 1;
  rig.run(10);
  rig.send(protocol::MessageType::bye);
  rig.run(0.1);
  rig.board->type("status");
  rig.run(0.1);
  rig.board->type("help");
  rig.board->type("settings");
  rig.board->type("selftest");
  rig.run(5);
  rig.board->type("selftest result");
  rig.board->type("events");
  rig.run(1);
  std::printf("%s\n", rig.text.c_str());
  for (auto& l : rig.log) std::printf("LOG %s\n", l.c_str());
  for (auto& [t, h] : rig.pin) std::printf("PIN %f %d\n", double(t) * 1e-6, h);
  std::printf("samples %zu scores %zu missing %zu size %zu\n", rig.samples.size(), rig.scores.size(), size_t(rig.missing_frames), sizeof(board::Board));
}

}  // namespace
}  // namespace fettle::test
