// Defines codec hnerv's CodecFormat, its functions that need no engine.

#include "kitsink/codec.h"

#include "codecs/hnerv/foreign/foreign.h"
#include "codecs/hnerv/scene.h"
#include "codecs/hnerv/source.h"

namespace kitsink::hnerv {
namespace {

Result<std::unique_ptr<PairSource>> Open(const Member& member, const EngineContext& context) {
  KIT_ASSIGN(const Scene scene, DecodeScene(member, context));
  return OpenPairs(scene, context);
}

}  // namespace

extern const CodecFormat kFormat;
const CodecFormat kFormat = {
    .id = kCodecId,
    .name = "hnerv",
    .summary = "an int8 decoder and a latent vector per pair; inflate renders, without the nets",
    .nets_at_inflate = false,
    .describe = Describe,
    .unpack = Unpack,
    .pack = Pack,
    .open = Open,
    .recognises = RecognisesForeign,
};

}  // namespace kitsink::hnerv
