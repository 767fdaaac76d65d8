// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/checks.hpp"
#include "cli/command.hpp"
#include "host/error.hpp"
#include "host/firmware_image.hpp"
#include "host/platform/files.hpp"
#include "host/platform/program.hpp"

namespace fettle::cli {
namespace {

using host::Error;
using host::ExitCode;

constexpr const char* kFooter =
    "IMAGE is one file with bootloader, partition table and program: of a release, or\n"
    "made by 'idf.py merge-bin' in firmware/esp32s3. Its marks are checked first. The\n"
    "settings, models and what burn-in learned stay on the board. Writing is done by\n"
    "esptool (pip install esptool). Never tried with a board by its makers.\n"
    "\n"
    "Example:\n"
    "  fettle flash fettle-esp32s3.bin --port /dev/ttyACM0";

struct Options {
  std::string image, port;
  std::uint32_t baud = 460'800;
};

/// esptool by one of the names that it has had.
std::vector<std::string> esptool() {
  for (const char* name : {"esptool", "esptool.py"}) {
    if (const std::string path = host::platform::find_program(name); !path.empty()) return {path};
  }
  throw Error(
      ExitCode::io,
      "esptool writes the flash memory, and is not here: pip install esptool, or apt install "
      "esptool. It is looked for as esptool and esptool.py along PATH");
}

std::vector<std::uint8_t> read_whole(const std::string& name) {
  constexpr std::size_t kMost = (16U << 20) + 1;  // what is larger is refused for its size
  host::platform::InputFile file(name);
  std::vector<std::uint8_t> bytes(kMost);
  bytes.resize(file.read({reinterpret_cast<char*>(bytes.data()), bytes.size()}));
  return bytes;
}

/// A folder that is gone when we are.
class Folder {
 public:
  Folder() : path_(host::platform::make_temporary_folder("fettle-flash")) {}
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

void run(const Options& options) {
  host::platform::check_regular_file(options.image);
  const std::vector<std::uint8_t> bytes = read_whole(options.image);
  const host::FirmwareImage image = host::read_firmware_image(options.image, bytes);
  std::vector<std::string> command = esptool();
  const Folder folder;
  // Both names of the command are known to all versions; esptool 5 prefers write-flash.
  for (const std::string& argument :
       {std::string("--chip"), image.chip, std::string("--port"), options.port,
        std::string("--baud"), std::to_string(options.baud), std::string("write_flash")}) {
    command.push_back(argument);
  }
  for (const host::ImagePart& part : image.parts) {
    const std::string file = (folder.path() / fmt::format("{:05x}.bin", part.offset)).string();
    host::platform::OutputFile out(file);
    out.write({reinterpret_cast<const char*>(part.bytes.data()), part.bytes.size()});
    out.close();
    command.push_back(fmt::format("0x{:x}", part.offset));
    command.push_back(file);
  }
  if (const int status = host::platform::run_program(command); status != 0) {
    throw Error(
        ExitCode::io,
        fmt::format("esptool ended with status {}: see what it said. Hold the board's BOOT button "
                    "while it connects, and close every terminal on {}",
                    status, options.port));
  }
  fmt::print(
      "{} is on the {} at {}. Its first start tests what is wired: fettle selftest --port {}\n",
      options.image, image.chip, options.port, options.port);
}

}  // namespace

void add_flash(CLI::App& program) {
  auto* command =
      program.add_subcommand("flash", "Write a firmware image to a board, with esptool");
  const auto options = std::make_shared<Options>();
  command
      ->add_option("IMAGE", options->image, "Bootloader, partition table and program in one file")
      ->required();
  command->add_option("--port", options->port, "The board's serial port")->required();
  command->add_option("--baud", options->baud, "Bits a second while writing")
      ->capture_default_str()
      ->transform(whole_number(9600, 2'000'000));
  command->footer(kFooter);
  command->callback([options] { run(*options); });
}

}  // namespace fettle::cli
