// SPDX-License-Identifier: Apache-2.0
#include "host/model_file.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "detector_generated.h"
#include "host/error.hpp"
#include "host/platform/files.hpp"
#include "tflite_generated.h"

namespace fettle::host {
namespace {

std::vector<std::uint8_t> read_bytes(const std::filesystem::path& file) {
  platform::InputFile input(file);
  std::vector<std::uint8_t> bytes;
  std::vector<char> block(std::size_t{1} << 16);
  for (std::size_t got = block.size(); got == block.size();) {
    got = input.read(block);
    bytes.insert(bytes.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(got));
    if (bytes.size() > kMaxModelBytes) {
      throw Error(ExitCode::bad_input,
                  fmt::format("{}: larger than {} MB, expected a small .tflite model",
                              file.string(), kMaxModelBytes >> 20));
    }
  }
  return bytes;
}

/// What to do about a refusal, where something can be done.
const char* advice(Status status) {
  switch (status) {
    case Status::not_a_flatbuffer:
      return "Expected a .tflite file; this may be another format, or cut short.";
    case Status::unsupported_version: return "It was made by a newer program: update Fettle.";
    case Status::unsupported_type:
      return "Convert with full int8 quantisation: a representative data set and "
             "inference_input_type = inference_output_type = tf.int8.";
    case Status::unsupported_operator:
    case Status::unsupported_graph:
    case Status::unsupported_activation: return "Use a chain of Dense layers without branches.";
    case Status::bad_checksum:
    case Status::damaged_marks:
    case Status::golden_mismatch: return "Copy the file again, or train again.";
    case Status::no_metadata:
      return "Make a detector of it: fettle train DATA --from FILE -o model.tflite";
    default: return "";
  }
}

[[noreturn]] void refuse(const std::string& name, std::span<const std::uint8_t> bytes,
                         const Fault& fault) {
  std::string where;
  if (fault.offset != 0) where = fmt::format(" at byte {} (0x{:x})", fault.offset, fault.offset);
  if (fault.status == Status::unsupported_operator && fault.found != 0) {
    where += fmt::format(", operator {}", fault.found);
  } else if (fault.found != 0) {
    where += fmt::format(", found {}", fault.found);
  }
  std::string size = fmt::format("{} bytes", bytes.size());
  if (bytes.empty()) size = "the file is empty";
  std::string text = fmt::format("{}{}: {} ({}).", name, where, describe(fault.status), size);
  if (const char* next = advice(fault.status); *next != '\0') text += fmt::format("\n{}", next);
  throw Error(ExitCode::bad_input, text);
}

/// Golden input: codes that spread over the whole range, so that saturation and both signs count.
std::vector<std::int8_t> golden_input(std::size_t dimensions) {
  std::vector<std::int8_t> input(dimensions);
  for (std::size_t i = 0; i < dimensions; ++i) {
    input[i] = static_cast<std::int8_t>((static_cast<int>(i) * 97 + 31) % 256 - 128);
  }
  return input;
}

std::vector<std::uint8_t> record_for(const Int8Network& network,
                                     const DetectorDescription& description) {
  const auto input = golden_input(network.inputs());
  std::vector<std::int8_t> output(network.outputs());
  network.run(input, output);
  std::vector<std::uint8_t> memory(record_bytes(description) / 16 * 16 + 16);
  const auto record = write_record(description, input, output, memory);
  return {record.begin(), record.end()};
}

std::vector<std::uint8_t> network_bytes(const QuantisedNetwork& network,
                                        std::span<const std::uint8_t> record) {
  std::vector<std::uint8_t> memory(
      (network_file_bytes(network.shape) + record.size() + 64) / 16 * 16 + 16);
  const auto file = write_network(network, record, memory);
  return {file.begin(), file.end()};
}

/// The field of the metadata buffer that leads to its bytes; the file has a record.
std::size_t record_field(std::span<const std::uint8_t> file) {
  const tflite::Model* model = tflite::GetModel(file.data());
  for (const auto* entry : *model->metadata()) {
    if (entry->name()->string_view() != kMetadataName) continue;
    const auto* buffer = model->buffers()->Get(entry->buffer());
    const auto* table = reinterpret_cast<const flatbuffers::Table*>(buffer);
    return static_cast<std::size_t>(table->GetAddressOf(tflite::Buffer::VT_DATA) - file.data());
  }
  throw Error(ExitCode::internal, "a detector without metadata");
}

void put_u32(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

std::vector<std::uint8_t> sealed(std::vector<std::uint8_t> file) {
  if (!seal(file)) throw Error(ExitCode::internal, "a detector file was made without its metadata");
  return file;
}

}  // namespace

std::unique_ptr<ModelFile> ModelFile::from_bytes(std::vector<std::uint8_t> bytes,
                                                 const std::string& name, bool detector) {
  std::unique_ptr<ModelFile> file(new ModelFile);
  file->bytes_ = std::move(bytes);
  file->workspace_.resize(Int8Network::workspace_bytes(file->bytes_));
  Fault fault;
  if (detector) {
    fault = load_detector(file->bytes_, file->workspace_, file->model_);
  } else {
    fault = find_record(file->bytes_, file->model_.record);
    if (fault.ok()) fault = Int8Network::load(file->bytes_, file->workspace_, file->model_.network);
  }
  if (!fault.ok()) refuse(name, file->bytes_, fault);
  return file;
}

std::unique_ptr<ModelFile> ModelFile::open_network(const std::filesystem::path& file) {
  return from_bytes(read_bytes(file), file.string(), false);
}

std::unique_ptr<ModelFile> ModelFile::open_detector(const std::filesystem::path& file) {
  return from_bytes(read_bytes(file), file.string(), true);
}

std::vector<std::uint8_t> plain_file(const QuantisedNetwork& network) {
  return network_bytes(network, {});
}

std::vector<std::uint8_t> detector_file(const QuantisedNetwork& network,
                                        const DetectorDescription& description) {
  const auto plain = ModelFile::from_bytes(plain_file(network), "the new network", false);
  return sealed(network_bytes(network, record_for(plain->network(), description)));
}

std::vector<std::uint8_t> detector_file(const ModelFile& foreign,
                                        const DetectorDescription& description) {
  std::unique_ptr<tflite::ModelT> model(tflite::GetModel(foreign.bytes().data())->UnPack());
  auto& graph = *model->subgraphs.at(0);
  auto& operators = graph.operators;
  // The network was loaded, so an operator at a float end is QUANTIZE or DEQUANTIZE.
  if (foreign.network().float_input()) {
    graph.inputs = operators.front()->outputs;
    operators.erase(operators.begin());
  }
  if (foreign.network().float_output()) {
    graph.outputs = {operators.back()->inputs.at(0)};
    operators.pop_back();
  }
  // An earlier record makes way, its bytes as well.
  for (const auto& entry : model->metadata) {
    if (entry->name == kMetadataName && entry->buffer < model->buffers.size()) {
      model->buffers[entry->buffer]->data.clear();
    }
  }
  auto buffer = std::make_unique<tflite::BufferT>();
  buffer->data = record_for(foreign.network(), description);
  model->buffers.push_back(std::move(buffer));
  std::erase_if(model->metadata, [](const auto& entry) { return entry->name == kMetadataName; });
  auto entry = std::make_unique<tflite::MetadataT>();
  entry->name = kMetadataName;
  entry->buffer = static_cast<std::uint32_t>(model->buffers.size() - 1);
  model->metadata.push_back(std::move(entry));
  model->description = kDescription;

  flatbuffers::FlatBufferBuilder builder;
  tflite::FinishModelBuffer(builder, tflite::Model::Pack(builder, model.get()));
  return sealed({builder.GetBufferPointer(), builder.GetBufferPointer() + builder.GetSize()});
}

RecordBase base_of(const ModelFile& model) {
  const auto file = model.bytes();
  const std::size_t at = record_field(file);
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < 4; ++i) offset |= std::uint32_t{file[at + i]} << (8 * i);
  return {static_cast<std::uint32_t>(file.size()), offset};
}

std::vector<std::uint8_t> with_record(const ModelFile& model,
                                      const metadata::DetectorRecordT& record) {
  flatbuffers::FlatBufferBuilder builder;
  builder.ForceDefaults(true);  // the checksum must have bytes of its own even while it is zero
  metadata::FinishDetectorRecordBuffer(builder, metadata::DetectorRecord::Pack(builder, &record));
  const std::size_t size = builder.GetSize();
  std::vector<std::uint8_t> file(model.bytes().begin(), model.bytes().end());
  // The bytes of the record lie at a multiple of 16, their number right before.
  const std::size_t begin = (file.size() + 4 + 15) / 16 * 16;
  const std::size_t field = record_field(file);
  file.resize(begin);
  put_u32(file, begin - 4, static_cast<std::uint32_t>(size));
  put_u32(file, field, static_cast<std::uint32_t>(begin - 4 - field));
  file.insert(file.end(), builder.GetBufferPointer(), builder.GetBufferPointer() + size);
  return sealed(std::move(file));
}

std::unique_ptr<ModelFile> without_rebase(const ModelFile& model, const std::string& name) {
  const metadata::Rebase* rebase = model.record().rebase();
  if (rebase == nullptr) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: was not rebased, so there is nothing to undo", name));
  }
  const std::size_t field = record_field(model.bytes());
  std::vector<std::uint8_t> file(model.bytes().begin(),
                                 model.bytes().begin() + rebase->base_bytes());
  if (field + 4 > file.size()) {
    throw Error(ExitCode::bad_input,
                fmt::format("{}: does not hold the model that it was made of; train again", name));
  }
  put_u32(file, field, rebase->base_record());
  return ModelFile::from_bytes(std::move(file), fmt::format("{} before it was rebased", name),
                               true);
}

}  // namespace fettle::host
