// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fettle::host {

/// A part of an image and where it belongs in flash.
struct ImagePart {
  std::uint32_t offset = 0;
  std::span<const std::uint8_t> bytes;
};

/// A firmware image in one file, as `esptool merge-bin` makes it: what flash holds from its beginning.
struct FirmwareImage {
  std::string chip;  ///< "esp32s3" or "esp32"
  /// Bootloader, partition table and program; what lies between (settings) is left alone.
  std::vector<ImagePart> parts;
};

/// Looks at an image's marks: ESP-IDF's image header (magic 0xE9, chip in bytes 12 and 13) at the
/// bootloader and at the program, 0xAA50 at the partition table; and at the length and the checksum that bootloader and
/// program carry.
/// Throws Error(bad_input) that says what was expected, where, and what was found.
[[nodiscard]] FirmwareImage read_firmware_image(const std::string& name,
                                                std::span<const std::uint8_t> bytes);

}  // namespace fettle::host
