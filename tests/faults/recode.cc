// A minimal job for the fault tests: reads an archive, decodes it, encodes it again and writes it.
// usage: recode IN.zip OUT.zip [force]

#include <cstdio>
#include <string_view>

#include "codecs/search/scene.h"
#include "kitsink/archive.h"
#include "kitsink/file.h"

namespace kitsink {
namespace {

Status Recode(const char* input, const char* output, Overwrite overwrite) {
  const Limits limits;
  KIT_TRY(CheckWritable(output, overwrite));
  const CodingContext context{limits};
  KIT_ASSIGN(const LoadedArchive archive, LoadArchive(input, limits));
  KIT_ASSIGN(const search::Scene scene, search::DecodeScene(archive.member, context));
  KIT_ASSIGN(const Member again, search::EncodeScene(scene, 2, context));
  KIT_ASSIGN(const Bytes bytes, WriteMember(again, limits));
  KIT_ASSIGN(const Bytes zip, PackZip(bytes));
  KIT_ASSIGN(OutputFile file, OutputFile::Create(output, overwrite));
  // Writes in pieces, so that several writes can fail.
  constexpr size_t kPiece = 100;
  for (size_t i = 0; i < zip.size(); i += kPiece) {
    KIT_TRY(file.Write(std::span(zip).subspan(i, std::min(kPiece, zip.size() - i))));
  }
  return file.Commit();
}

}  // namespace
}  // namespace kitsink

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const bool force = argc > 3 && std::string_view(argv[3]) == "force";
  const kitsink::Status status =
      kitsink::Recode(argv[1], argv[2], force ? kitsink::Overwrite::kAllow : kitsink::Overwrite::kRefuse);
  if (status.ok()) return 0;
  std::fprintf(stderr, "recode: %s\n", status.error().message.c_str());
  return 1;
}
