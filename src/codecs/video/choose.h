#pragma once
// Chooses how the stream is coded: encodes a sample of the clip in many ways and scores each by the nets.

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "codecs/video/options.h"
#include "codecs/video/scene.h"
#include "kitsink/codec.h"
#include "kitsink/nets.h"
#include "kitsink/score.h"
#include "kitsink/video_stream.h"

namespace kitsink::video {

// One way to code the stream.
struct StreamChoice {
  StreamCoding coding = StreamCoding::kAv1;
  FrameSize size = kModelGrid;
  int crf = 40;
  bool lead = true;
  bool operator==(const StreamChoice&) const = default;
};
// "av1 512 x 384 crf 40 lead"
std::string ChoiceText(const StreamChoice& choice);
int LargestCrf(StreamCoding coding);
// FFmpeg's options for the encoder, the user's last.
std::string EncoderOptions(const StreamChoice& choice, const CompressOptions& options);

// The codings that the options leave open and whose encoders take the options: one or two. The error of the first
// where there is none.
Result<std::vector<StreamCoding>> UsableCodings(const CompressOptions& options, int threads);

// The error of measuring a stream. Where the stream itself is bad, it is the fault of the user's options for the
// encoder if there are any.
Error OfStream(const CompressOptions& options, Error error);

// What a sample came to. The score's bytes are those of the whole clip's archive: exact where the sample is the clip,
// else estimated from the sample's first picture and the mean of the others.
struct Try {
  StreamChoice choice;
  Score score;
  double seconds = 0;
  bool promoted = false;  // better than all before
};

// Encodes frames of kModelGrid as a stream.
class ClipEncoder {
 public:
  static Result<ClipEncoder> Create(const StreamChoice& choice, const CompressOptions& options, int threads);
  Status Add(const Frame& frame);
  // REQUIRES: an even number of frames was added.
  Result<Stream> Finish();
  // "libsvtav1"
  std::string name() const { return encoder_.name(); }

 private:
  ClipEncoder(const StreamChoice& choice, StreamEncoder encoder) : choice_(choice), encoder_(std::move(encoder)) {}
  StreamChoice choice_;
  StreamEncoder encoder_;
  uint32_t num_frames_ = 0;
};

struct ChosenStream {
  StreamChoice best;
  std::vector<Try> tries;  // in order
  PairRange sample;        // the pairs of the clip that were coded and scored
};
// Starts at a usual choice, and changes one property after another while that lowers the score. `codings` are one or
// two, `targets` those of all pairs of the clip. Tries that an earlier job finished are read from its folder.
Result<ChosenStream> ChooseStream(const CompressOptions& options, std::span<const StreamCoding> codings,
                                  const CompressContext& context, Nets& nets, FrameSize frame_size,
                                  std::span<const Observation> targets, const ResumeFolder& folder);

}  // namespace kitsink::video
