// A minimal job for the fault tests: reads an archive, decodes it, encodes it again and writes it.
// usage: recode IN.zip OUT.zip [force]

#include <cstdio>
#include <string_view>

#include "kitsink/archive.h"
#include "kitsink/file.h"

namespace kitsink {
namespace {

Status Recode(const char* input, const char* output, Overwrite overwrite) {
  const Limits limits;
  KIT_TRY(CheckWritable(output, overwrite));
  KIT_ASSIGN(const Bytes member, LoadMember(input, limits));
  KIT_ASSIGN(const Scene scene, DecodeMember(member, 1, limits, SilentProgress()));
  KIT_ASSIGN(const Bytes again, EncodeMember(scene, ArchiveOptions{}, limits, SilentProgress()));
  KIT_ASSIGN(const Bytes zip, PackZip(again));
  KIT_ASSIGN(OutputFile file, OutputFile::Create(output, overwrite));
  // In pieces, so that several writes can fail.
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
