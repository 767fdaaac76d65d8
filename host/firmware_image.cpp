// SPDX-License-Identifier: Apache-2.0
#include "host/firmware_image.hpp"

#include <fmt/format.h>

#include "host/error.hpp"
#include "protocol/bytes.hpp"

namespace fettle::host {
namespace {

// As in firmware/esp32s3/partitions.csv and ESP-IDF's own places.
constexpr std::uint32_t kTable = 0x8000;
constexpr std::uint32_t kTableBytes = 0x1000;
constexpr std::uint32_t kProgram = 0x10000;
constexpr std::uint32_t kMostBytes = 16U << 20;
constexpr std::uint8_t kMagic = 0xE9;
constexpr std::size_t kHeader = 24;
constexpr std::uint8_t kMostSegments = 16;
constexpr std::uint8_t kChecksumBegin = 0xEF;
constexpr std::size_t kHashBytes = 32;

struct Chip {
  std::uint16_t id;  // esp_chip_id_t
  const char* name;
  std::uint32_t bootloader;
};
constexpr Chip kChips[] = {{9, "esp32s3", 0}, {0, "esp32", 0x1000}};

std::uint16_t chip_at(std::span<const std::uint8_t> bytes, std::uint32_t offset) {
  return static_cast<std::uint16_t>(bytes[offset + 12] | bytes[offset + 13] << 8);
}

/// What is wrong with a program of ESP-IDF's image format as its own checksum has it (esp_image_format.c): all bytes of
/// its segments and 0xEF, exclusive or, in the last byte of the sixteen that the segments end in. A SHA-256 behind it is
/// left to the boot loader.
/// @return empty: nothing
std::string damage_of(std::span<const std::uint8_t> program) {
  const std::uint8_t segments = program[1];
  if (segments == 0 || segments > kMostSegments) {
    return fmt::format("its header promises {} segments, expected 1 to {}", segments,
                       kMostSegments);
  }
  const auto cut_off = [&](std::size_t wanted) {
    return fmt::format("it is cut off: {} bytes at least, found {}", wanted, program.size());
  };
  protocol::Reader reader(program.subspan(kHeader));
  std::uint8_t sum = kChecksumBegin;
  std::size_t at = kHeader;
  for (std::uint8_t segment = 0; segment < segments; ++segment) {
    std::uint32_t address = 0;  // where it belongs in memory
    std::uint32_t length = 0;
    reader.number(address);
    reader.number(length);
    at += sizeof(address) + sizeof(length) + length;
    for (const std::uint8_t byte : reader.bytes(length)) sum ^= byte;
    if (!reader.ok()) return cut_off(at);
  }
  const std::size_t end = (at + 16) / 16 * 16;
  const std::size_t whole = end + (program[23] != 0 ? kHashBytes : 0);
  if (program.size() < whole) return cut_off(whole);
  if (program[end - 1] != sum) {
    return fmt::format("its checksum is 0x{:02X}, expected 0x{:02X}", sum, program[end - 1]);
  }
  return {};
}

}  // namespace

FirmwareImage read_firmware_image(const std::string& name, std::span<const std::uint8_t> bytes) {
  const auto wrong = [&name](const std::string& what) {
    return Error(
        ExitCode::bad_input,
        fmt::format("{}: {}. What is wanted is one file with bootloader, partition table and "
                    "program: of a release, or idf.py merge-bin",
                    name, what));
  };
  if (bytes.size() < kProgram + kHeader || bytes.size() > kMostBytes) {
    throw wrong(fmt::format("{} bytes, and a firmware image has {} to {}", bytes.size(),
                            kProgram + kHeader, kMostBytes));
  }
  const Chip* chip = nullptr;
  for (const Chip& one : kChips) {
    if (chip == nullptr && bytes[one.bootloader] == kMagic &&
        chip_at(bytes, one.bootloader) == one.id) {
      chip = &one;
    }
  }
  if (chip == nullptr) {
    throw wrong(
        fmt::format("no bootloader of an ESP32-S3 at byte 0 or of an ESP32 at byte 0x1000: a "
                    "header beginning with 0xE9 was expected, found 0x{:02X} and 0x{:02X}",
                    bytes[0], bytes[kChips[1].bootloader]));
  }
  if (bytes[kTable] != 0xAA || bytes[kTable + 1] != 0x50) {
    throw wrong(
        fmt::format("no partition table at byte 0x8000: AA 50 was expected, found {:02X} {:02X}",
                    bytes[kTable], bytes[kTable + 1]));
  }
  if (bytes[kProgram] != kMagic || chip_at(bytes, kProgram) != chip->id) {
    throw wrong(fmt::format("no program for {} at byte 0x10000: found 0x{:02X}, chip {}",
                            chip->name, bytes[kProgram], chip_at(bytes, kProgram)));
  }
  FirmwareImage image;
  image.chip = chip->name;
  image.parts = {{chip->bootloader, bytes.subspan(chip->bootloader, kTable - chip->bootloader)},
                 {kTable, bytes.subspan(kTable, kTableBytes)},
                 {kProgram, bytes.subspan(kProgram)}};
  for (const ImagePart& part : {image.parts[0], image.parts[2]}) {
    const std::string damage = damage_of(part.bytes);
    if (damage.empty()) continue;
    throw Error(
        ExitCode::bad_input,
        fmt::format("{}: the {} at byte 0x{:x} is damaged: {}. Get the file again", name,
                    part.offset == kProgram ? "program" : "bootloader", part.offset, damage));
  }
  return image;
}

}  // namespace fettle::host
