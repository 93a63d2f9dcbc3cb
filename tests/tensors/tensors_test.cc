// Safetensors files and the taking of tensors out of them.

#include "kitsink/tensors.h"

#include <bit>
#include <limits>
#include <nlohmann/json.hpp>

#include "format_testlib.h"

namespace kitsink {
namespace {

using testing::ExpectDecent;

template <typename Value>
FileTensor Tensor(std::vector<int64_t> shape, std::initializer_list<Value> values) {
  return MakeTensor(std::move(shape), std::span<const Value>(values.begin(), values.size()));
}

// A file with this header and as many zero bytes of data.
Bytes FileOf(const std::string& header, size_t data_bytes) {
  ByteWriter writer;
  writer.U64(header.size());
  writer.Append(std::span(reinterpret_cast<const uint8_t*>(header.data()), header.size()));
  writer.Append(Bytes(data_bytes));
  return writer.Take();
}

// The header's JSON text, with the spaces that pad it.
std::string HeaderOf(std::span<const uint8_t> file) {
  ByteReader reader(file);
  const std::span<const uint8_t> header = reader.Take(reader.U64());
  return {header.begin(), header.end()};
}

// The code and the sentence with which a file is refused.
void ExpectRefused(const Bytes& bytes, Code code, const std::string& text) {
  const Result<TensorFile> file = ReadTensors(bytes);
  ASSERT_FALSE(file.ok()) << text;
  EXPECT_EQ(file.error().code, code) << file.error().message;
  EXPECT_NE(file.error().message.find(text), std::string::npos) << file.error().message;
}

// A printable sentence that accuses the file, not us; the file's name comes in front of it.
void ExpectDecentSentence(Error error) { ExpectDecent(Within("file", std::move(error))); }

// One tensor of every kind that the helpers make, and what a scene's file says of itself.
TensorFile EveryKind() {
  TensorFile file;
  file.metadata = {{"codec", "search"}, {"frame_width", "1164"}, {"note", "\"\xc3\xa9\"\n"}};
  file.tensors["maps"] = Tensor<uint8_t>({1, 3}, {0, 127, 255});
  file.tensors["codes"] = Tensor<int32_t>({2, 2}, {0, -1, INT32_MIN, INT32_MAX});
  file.tensors["minimum"] = Tensor<float>({3}, {-0.0F, 1e-40F, std::numeric_limits<float>::infinity()});
  const uint16_t patterns[] = {0x0000, 0x8001, 0x3c00, 0x7e00};
  file.tensors["scales"] = MakeHalfTensor({4}, patterns);
  file.tensors["scalar"] = Tensor<float>({}, {42.0F});
  file.tensors["empty"] = Tensor<int32_t>({0, 4}, {});
  return file;
}

TEST(Tensors, RoundTripKeepsNamesShapesBitsAndMetadata) {
  const TensorFile file = EveryKind();
  const Bytes bytes = WriteTensors(file);
  const Result<TensorFile> read = ReadTensors(bytes);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_TRUE(read.value() == file);
  EXPECT_EQ(WriteTensors(read.value()), bytes);
  EXPECT_EQ(read.value().Find("map"), nullptr);
  ASSERT_NE(read.value().Find("maps"), nullptr);
  EXPECT_EQ(read.value().Find("maps")->dtype, "U8");
}

TEST(Tensors, ValuesComeBackBitForBit) {
  const TensorFile file = ReadTensors(WriteTensors(EveryKind())).TakeValue();
  EXPECT_EQ(Int32sOf(*file.Find("codes")), (std::vector<int32_t>{0, -1, INT32_MIN, INT32_MAX}));
  EXPECT_EQ(HalfPatternsOf(*file.Find("scales")), (std::vector<uint16_t>{0x0000, 0x8001, 0x3c00, 0x7e00}));
  const std::vector<float> minimum = FloatsOf(*file.Find("minimum"));
  ASSERT_EQ(minimum.size(), 3U);
  EXPECT_EQ(std::bit_cast<uint32_t>(minimum[0]), 0x80000000U);
  EXPECT_EQ(minimum[1], 1e-40F);
  EXPECT_EQ(minimum[2], std::numeric_limits<float>::infinity());
  EXPECT_EQ(FloatsOf(*file.Find("scalar")), std::vector<float>{42.0F});
  EXPECT_TRUE(Int32sOf(*file.Find("empty")).empty());
}

TEST(Tensors, LoadTensorFileNamesFileAndSum) {
  const testing::TemporaryFolder folder;
  const Bytes bytes = WriteTensors(EveryKind());
  ASSERT_TRUE(WriteFile(folder / "a.safetensors", bytes, Overwrite::kRefuse).ok());
  const Result<LoadedTensors> loaded = LoadTensorFile(folder / "a.safetensors");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_TRUE(loaded.value().file == EveryKind());
  EXPECT_EQ(loaded.value().size_bytes, bytes.size());
  EXPECT_EQ(loaded.value().sha256.size(), 64U);
  const Result<LoadedTensors> none = LoadTensorFile(folder / "none.safetensors");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, Code::kIo);
  ASSERT_TRUE(WriteFile(folder / "bad", Bytes(3), Overwrite::kRefuse).ok());
  const Result<LoadedTensors> bad = LoadTensorFile(folder / "bad");
  ASSERT_FALSE(bad.ok());
  EXPECT_NE(bad.error().message.find("bad: is not a safetensors file"), std::string::npos) << bad.error().message;
}

TEST(Tensors, AnEmptyFileIsAFile) {
  const Result<TensorFile> file = ReadTensors(WriteTensors(TensorFile()));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_TRUE(file.value() == TensorFile());
}

TEST(Tensors, DtypesHaveTheirSizes) {
  const std::pair<const char*, uint64_t> sizes[] = {{"F64", 8}, {"I64", 8}, {"U64", 8}, {"F32", 4},  {"I32", 4},
                                                    {"U32", 4}, {"F16", 2}, {"I16", 2}, {"BF16", 2}, {"U16", 2},
                                                    {"U8", 1},  {"I8", 1},  {"BOOL", 1}};
  for (const auto& [dtype, bytes] : sizes) EXPECT_EQ(DtypeBytes(dtype), bytes) << dtype;
  for (const char* const dtype : {"", "f32", "F8_E4M3", "F128", "U"}) EXPECT_EQ(DtypeBytes(dtype), 0U) << dtype;
}

TEST(Tensors, WritesKnownBytes) {
  TensorFile file;
  file.metadata["codec"] = "search";
  file.tensors["x"] = Tensor<float>({2}, {1.0F, 2.0F});
  const std::string header =
      R"({"__metadata__":{"codec":"search"},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  Bytes expected = FileOf(padded, 0);
  for (const float value : {1.0F, 2.0F}) {
    for (int i = 0; i < 4; ++i) expected.push_back(static_cast<uint8_t>(std::bit_cast<uint32_t>(value) >> (8 * i)));
  }
  EXPECT_EQ(WriteTensors(file), expected);
}

// Values of 4 bytes come before those of 2 and of 1, and by name among themselves.
TEST(Tensors, EveryTensorIsAligned) {
  TensorFile file;
  file.tensors["a"] = Tensor<uint8_t>({3}, {1, 2, 3});
  file.tensors["c"] = Tensor<float>({1}, {1});
  file.tensors["d"] = Tensor<uint8_t>({1}, {1});
  file.tensors["e"] = Tensor<int32_t>({1}, {1});
  const uint16_t half = 1;
  file.tensors["b"] = MakeHalfTensor({1}, std::span(&half, 1));
  const Bytes bytes = WriteTensors(file);
  EXPECT_EQ(ByteReader(bytes).U64() % 8, 0U);
  const auto header = nlohmann::ordered_json::parse(HeaderOf(bytes));
  std::string order;
  size_t end = 0;
  for (const auto& [name, entry] : header.items()) {
    order += name;
    EXPECT_EQ(entry["data_offsets"][0], end) << name;
    EXPECT_EQ(end % DtypeBytes(entry["dtype"].get<std::string>()), 0U) << name;
    end = entry["data_offsets"][1].get<size_t>();
  }
  EXPECT_EQ(order, "cebad");
}

TEST(Tensors, AcceptsWhatOtherWritersWrite) {
  const Result<TensorFile> file =
      ReadTensors(FileOf(R"({"h":{"shape":[3],"dtype":"BF16","data_offsets":[8,14]},)"
                         R"("n":{"data_offsets":[0,8],"dtype":"I64","shape":[]},"__metadata__":{"format":"pt"}}  )",
                         14));
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file.value().tensors.size(), 2U);
  EXPECT_EQ(file.value().metadata.at("format"), "pt");
}

TEST(Tensors, RefusesWhatIsNoSuchFile) {
  ExpectRefused({}, Code::kCorrupt, "not a safetensors file");
  ExpectRefused(Bytes(8), Code::kCorrupt, "not a safetensors file");
  ExpectRefused(Bytes(64, 0xff), Code::kCorrupt, "not a safetensors file");
  ExpectRefused(FileOf("[1, 2]", 0), Code::kCorrupt, "no JSON object");
  ExpectRefused(FileOf(R"({"x":)", 0), Code::kCorrupt, "no JSON object");
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 38502892\n";
  ExpectRefused(Bytes(pointer.begin(), pointer.end()), Code::kUnsupported, "git lfs pull");
}

TEST(Tensors, RefusesHeadersThatContradictTheData) {
  const auto x = [](const std::string& rest) { return R"({"x":{"dtype":"F32",)" + rest + "}}"; };
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[0,8])"), 7), Code::kCorrupt, "cut short");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[0,8])"), 9), Code::kCorrupt, "its tensors take 8");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[4,12])"), 12), Code::kCorrupt, "gap at byte 0");
  ExpectRefused(FileOf(x(R"("shape":[3],"data_offsets":[0,8])"), 8), Code::kCorrupt, "its shape needs 12");
  ExpectRefused(FileOf(x(R"("shape":[-2],"data_offsets":[0,8])"), 8), Code::kCorrupt, "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[2.5],"data_offsets":[0,8])"), 8), Code::kCorrupt, "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0), Code::kCorrupt,
                "impossible shape");
  ExpectRefused(FileOf(x(R"("shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,8])"), 8), Code::kCorrupt, "dimensions");
  ExpectRefused(FileOf(x(R"("shape":[2],"data_offsets":[8,0])"), 8), Code::kCorrupt, "impossible data_offsets");
  ExpectRefused(FileOf(x(R"("shape":[2])"), 8), Code::kCorrupt, "lacks");
  ExpectRefused(FileOf(R"({"x":7})", 8), Code::kCorrupt, "lacks");
  ExpectRefused(FileOf(R"({"x":{"dtype":"F4","shape":[2],"data_offsets":[0,8]}})", 8), Code::kUnsupported, "F4");
  ExpectRefused(FileOf(R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                       R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                       12),
                Code::kCorrupt, "overlap at byte 4");
}

// The format has texts only in there.
TEST(Tensors, RefusesNamesThatOccurTwice) {
  const std::string tensor = R"({"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  const std::string header = "{\"a\":" + tensor + ",\"a\":" + tensor + "}";
  ByteWriter writer;
  writer.U64(header.size());
  writer.Append(std::span(reinterpret_cast<const uint8_t*>(header.data()), header.size()));
  writer.U8(7);
  ExpectRefused(writer.Take(), Code::kCorrupt, "has \"a\" twice");
}

TEST(Tensors, RefusesMetadataThatAreNoTexts) {
  for (const char* const metadata : {"7", "\"search\"", "[\"search\"]", "{\"codec\":7}", "{\"a\":{}}"}) {
    ExpectRefused(FileOf(R"({"__metadata__":)" + std::string(metadata) + "}", 0), Code::kCorrupt, "__metadata__");
  }
}

TEST(Tensors, SurvivesAnyFlippedHeaderByteAndAnyLength) {
  const Bytes bytes = WriteTensors(EveryKind());
  const size_t header_end = 8 + HeaderOf(bytes).size();
  for (size_t position = 0; position < header_end; ++position) {
    for (const int flip : testing::kEveryFlip) {
      Bytes damaged = bytes;
      damaged[position] = static_cast<uint8_t>(damaged[position] ^ flip);
      const Result<TensorFile> file = ReadTensors(damaged);
      if (!file.ok()) ExpectDecentSentence(file.error());
    }
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    const Result<TensorFile> file = ReadTensors(std::span(bytes).first(size));
    ASSERT_FALSE(file.ok()) << "cut at byte " << size;
    ExpectDecentSentence(file.error());
  }
}

// What was wrong with the file that a taker looked at; empty when nothing was.
std::string Complaints(TensorTaker& taker) {
  const Status status = taker.Finish();
  if (status.ok()) return "";
  EXPECT_EQ(status.error().code, Code::kInvalidArgument);
  ExpectDecent(status.error());
  return status.error().message;
}

TEST(TensorTaker, TakesWhatFits) {
  const TensorFile file = EveryKind();
  TensorTaker taker(file);
  EXPECT_TRUE(taker.Has("maps"));
  EXPECT_FALSE(taker.Has("Maps"));
  EXPECT_EQ(taker.Take("maps", "U8", {1, -1}, 3), file.Find("maps"));
  EXPECT_EQ(taker.Take("codes", "I32", {2, 2}, 4), file.Find("codes"));
  EXPECT_EQ(taker.Take("scales", "F16", {-1}, 1000), file.Find("scales"));
  EXPECT_EQ(taker.Take("scalar", "F32", {}, 1), file.Find("scalar"));
  EXPECT_EQ(taker.Take("empty", "I32", {0, 4}, 0), file.Find("empty"));
  taker.Pass("min");
  EXPECT_EQ(Complaints(taker), "");
}

TEST(TensorTaker, ListsAllComplaintsInOneSentence) {
  const TensorFile file = EveryKind();
  TensorTaker taker(file);
  EXPECT_EQ(taker.Take("poses", "I32", {-1, 6}, 100), nullptr);
  EXPECT_EQ(taker.Take("maps", "I32", {1, 3}, 100), nullptr);
  EXPECT_EQ(taker.Take("codes", "I32", {2, 3}, 100), nullptr);
  EXPECT_EQ(taker.Take("scalar", "F32", {1}, 100), nullptr);
  EXPECT_EQ(taker.Take("empty", "I32", {-1, 4}, 100), nullptr);
  EXPECT_EQ(taker.Take("scales", "F16", {-1}, 3), nullptr);
  taker.Complain("codes hold 7, expected 0 to 4");
  EXPECT_EQ(Complaints(taker),
            "tensors do not fit the codec: poses is missing; maps is U8 [1,3], expected I32 [1,3]; "
            "codes is I32 [2,2], expected I32 [2,3]; scalar is F32 [], expected F32 [1]; "
            "empty is I32 [0,4], expected I32 [any,4], no size 0; scales has 4 values, limit 3; "
            "codes hold 7, expected 0 to 4; \"minimum\" is unknown");
}

TEST(TensorTaker, LeavesOutComplaintsBeyondTwelve) {
  TensorFile file;
  for (int i = 0; i < 20; ++i) file.tensors["t" + std::to_string(10 + i)] = Tensor<uint8_t>({1}, {1});
  TensorTaker taker(file);
  const std::string text = Complaints(taker);
  EXPECT_NE(text.find("\"t21\" is unknown; and 8 more"), std::string::npos) << text;
  EXPECT_EQ(text.find("t22"), std::string::npos) << text;
}

TEST(TensorTaker, PassLetsOnlyItsPrefixThrough) {
  TensorFile file;
  for (const char* const name : {"generator.a", "generator.b", "gene", "x\x01"}) {
    file.tensors[name] = Tensor<uint8_t>({1}, {1});
  }
  TensorTaker taker(file);
  taker.Pass("generator.");
  EXPECT_EQ(Complaints(taker), "tensors do not fit the codec: \"gene\" is unknown; \"x\\x01\" is unknown");
}

}  // namespace
}  // namespace kitsink
