// Encodes and scores a sample of the clip in many ways.

#include "codecs/video/choose.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <optional>

#include "codecs/entries.h"
#include "codecs/original.h"
#include "codecs/video/measure.h"
#include "codecs/video/units.h"
#include "kitsink/run.h"

namespace kitsink::video {
namespace {

// From large to small; none has less than half of the grid's sides.
constexpr std::array<FrameSize, 5> kSizes = {{{512, 384}, {448, 336}, {384, 288}, {320, 240}, {256, 192}}};
constexpr int kLastStep = 2;  // of crf

int UsualCrf(StreamCoding coding) { return coding == StreamCoding::kAv1 ? 44 : 32; }

VideoCoding CodingOf(StreamCoding coding) { return static_cast<VideoCoding>(coding); }

// Bytes of the whole clip's stream, by those of a sample: what comes up to the end of the first picture once, and the
// rest in proportion to the number of pictures.
uint64_t EstimateBytes(const Stream& sample, uint32_t num_pairs) {
  if (sample.num_pairs == num_pairs) return sample.bytes.size();
  const size_t first = KeyFrameBytes(sample.coding, sample.bytes);
  Stream whole = sample;
  whole.num_pairs = num_pairs;
  const double share = static_cast<double>(whole.num_pictures() - 1) / static_cast<double>(sample.num_pictures() - 1);
  return first + static_cast<uint64_t>(share * static_cast<double>(sample.bytes.size() - first));
}

// Scores choices, each once.
class Judge {
 public:
  Judge(const CompressOptions& options, const CompressContext& context, Nets& nets, FrameSize frame_size,
        std::span<const Observation> targets, const ResumeFolder& folder)
      : options_(options),
        context_(context),
        nets_(nets),
        frame_size_(frame_size),
        targets_(targets),
        folder_(folder) {}

  Status ReadSample() {
    const auto count = std::min<uint64_t>(targets_.size(), options_.sample_pairs);
    first_ = (targets_.size() - count) / 2;
    const uint64_t begin = context_.pairs.first + first_;
    return ForEachGridPair(context_, {begin, begin + count}, [this](const FramePair& pair) {
      sample_.insert(sample_.end(), {pair.f0, pair.f1});
      return Ok();
    });
  }

  bool may_try() const { return tries_.size() < options_.tries; }

  // True when the choice is better than all before.
  Result<bool> Try(const StreamChoice& choice) {
    const auto known = std::ranges::find(tries_, choice, &video::Try::choice);
    if (known != tries_.end()) return false;
    video::Try made{choice, {}, 0, false};
    const Stopwatch watch;
    const std::string entry = "try-" + std::to_string(tries_.size());
    if (folder_.Has(entry)) {
      KIT_ASSIGN(const Bytes bytes, folder_.Load(entry));
      ByteReader reader(bytes);
      made.score.seg = std::bit_cast<double>(reader.U64());
      made.score.pose = std::bit_cast<double>(reader.U64());
      made.score.archive_bytes = reader.U64();
      made.score.original_bytes = context_.original_bytes;
      KIT_TRY(reader.Finish("try"));
    } else {
      KIT_ASSIGN(made.score, Measure(choice));
      ByteWriter writer;
      writer.U64(std::bit_cast<uint64_t>(made.score.seg));
      writer.U64(std::bit_cast<uint64_t>(made.score.pose));
      writer.U64(made.score.archive_bytes);
      KIT_TRY(folder_.Save(entry, writer.Take()));
    }
    made.seconds = watch.seconds();
    made.promoted = !best_.has_value() || made.score.total() < tries_[*best_].score.total();
    if (made.promoted) best_ = tries_.size();
    tries_.push_back(made);
    return made.promoted;
  }

  const StreamChoice& best() const { return tries_[*best_].choice; }
  PairRange sample() const { return {first_, first_ + sample_.size() / 2}; }
  std::vector<video::Try> TakeTries() { return std::move(tries_); }

 private:
  Result<Score> Measure(const StreamChoice& choice) {
    Scene scene;
    scene.frame_size = frame_size_;
    KIT_ASSIGN(ClipEncoder encoder, ClipEncoder::Create(choice, options_, context_.threads));
    for (const Frame& frame : sample_) KIT_TRY(encoder.Add(frame));
    KIT_ASSIGN(scene.stream, encoder.Finish());
    const Result<MeasuredMember> measured =
        MeasureScene(scene, targets_.subspan(first_, sample_.size() / 2), nets_, context_.original_bytes,
                     static_cast<const CodingContext&>(context_));
    if (!measured.ok()) return OfStream(options_, measured.error());
    if (context_.progress->stop_requested()) return Interrupted();
    Score score = measured.value().score;
    score.archive_bytes +=
        EstimateBytes(scene.stream, static_cast<uint32_t>(targets_.size())) - scene.stream.bytes.size();
    return score;
  }

  const CompressOptions& options_;
  const CompressContext& context_;
  Nets& nets_;
  FrameSize frame_size_;
  std::span<const Observation> targets_;
  const ResumeFolder& folder_;
  uint64_t first_ = 0;
  std::vector<Frame> sample_;  // of kModelGrid
  std::vector<video::Try> tries_;
  std::optional<size_t> best_;
};

StreamChoice StartChoice(const CompressOptions& options, StreamCoding coding) {
  StreamChoice start;
  start.coding = coding;
  start.size = options.size.value_or(kModelGrid);
  start.crf = options.crf.value_or(UsualCrf(coding));
  return start;
}

// FFmpeg's options for the encoder that kitsink sets itself.
std::string OwnOptions(const StreamChoice& choice, const CompressOptions& options) {
  const std::string preset = choice.coding == StreamCoding::kAv1 ? std::to_string(options.effort) : "slow";
  return "crf=" + std::to_string(choice.crf) + ":preset=" + preset;
}

// The search over what the user left open.
class Search {
 public:
  Search(const CompressOptions& options, std::span<const StreamCoding> codings, Judge& judge)
      : options_(options), codings_(codings), judge_(judge) {}

  Status Run() {
    KIT_TRY(judge_.Try(StartChoice(options_, codings_.front())));
    KIT_TRY(MoveCrf(8));
    KIT_TRY(Change([](StreamChoice& choice) { choice.lead = !choice.lead; }));
    KIT_TRY(MoveSize());
    KIT_TRY(MoveCrf(4));
    if (codings_.size() > 1) {
      KIT_TRY(Change([this](StreamChoice& choice) {
        const int moved = choice.crf - UsualCrf(choice.coding) + UsualCrf(codings_[1]);
        choice.coding = codings_[1];
        choice.crf = options_.crf.value_or(std::clamp(moved, 1, LargestCrf(choice.coding)));
      }));
    }
    return MoveCrf(kLastStep);
  }

 private:
  template <typename Edit>
  Result<bool> Change(const Edit& edit) {
    if (!judge_.may_try()) return false;
    StreamChoice choice = judge_.best();
    edit(choice);
    return judge_.Try(choice);
  }
  // Walks in the direction that helps.
  Status MoveCrf(int step) {
    if (options_.crf.has_value()) return Ok();
    for (const int sign : {1, -1}) {
      for (bool better = true, moved = false; better; moved = true) {
        const int crf = judge_.best().crf + sign * step;
        if (crf < 1 || crf > LargestCrf(judge_.best().coding)) break;
        KIT_ASSIGN(better, Change([crf](StreamChoice& choice) { choice.crf = crf; }));
        if (!better && moved) return Ok();
      }
    }
    return Ok();
  }
  Status MoveSize() {
    if (options_.size.has_value()) return Ok();
    for (const int sign : {1, -1}) {
      for (bool better = true; better;) {
        const auto at = std::ranges::find(kSizes, judge_.best().size) - kSizes.begin() + sign;
        if (at < 0 || at >= static_cast<ptrdiff_t>(kSizes.size())) break;
        // Fewer pixels bear a finer quantiser at the same bytes.
        KIT_ASSIGN(better, Change([&](StreamChoice& choice) {
                     choice.size = kSizes[static_cast<size_t>(at)];
                     if (!options_.crf.has_value()) choice.crf -= 2 * sign;
                   }));
      }
    }
    return Ok();
  }

  const CompressOptions& options_;
  std::span<const StreamCoding> codings_;
  Judge& judge_;
};

}  // namespace

std::string ChoiceText(const StreamChoice& choice) {
  return std::string(VideoCodingName(CodingOf(choice.coding))) + " " + std::to_string(choice.size.width) + "x" +
         std::to_string(choice.size.height) + " crf " + std::to_string(choice.crf) + (choice.lead ? " lead" : "");
}

int LargestCrf(StreamCoding coding) { return coding == StreamCoding::kAv1 ? 63 : 51; }

std::string EncoderOptions(const StreamChoice& choice, const CompressOptions& options) {
  return OwnOptions(choice, options) + (options.encoder_options.empty() ? "" : ":" + options.encoder_options);
}

Result<std::vector<StreamCoding>> UsableCodings(const CompressOptions& options, int threads) {
  std::vector<StreamCoding> usable;
  std::optional<Error> first_error;
  for (const StreamCoding coding : {StreamCoding::kAv1, StreamCoding::kHevc}) {
    if (options.coding.value_or(coding) != coding) continue;
    const Result<ClipEncoder> encoder = ClipEncoder::Create(StartChoice(options, coding), options, threads);
    if (encoder.ok()) {
      usable.push_back(coding);
    } else if (!first_error.has_value()) {
      first_error = encoder.error();
    }
  }
  if (usable.empty()) return *first_error;
  return usable;
}

Error OfStream(const CompressOptions& options, Error error) {
  const bool is_of_stream = error.code == Code::kCorrupt || error.code == Code::kInvalidArgument;
  if (options.encoder_options.empty() || !is_of_stream) return error;
  return Error{Code::kInvalidArgument, "--encoder-options: the stream that they make is of no use: " + error.message};
}

Result<ClipEncoder> ClipEncoder::Create(const StreamChoice& choice, const CompressOptions& options, int threads) {
  const StreamOptions encoding{CodingOf(choice.coding), OwnOptions(choice, options), options.encoder_options, 20,
                               threads};
  KIT_ASSIGN(StreamEncoder encoder, StreamEncoder::Create(choice.size, encoding));
  return ClipEncoder(choice, std::move(encoder));
}

Status ClipEncoder::Add(const Frame& frame) {
  const Yuv420 picture = ConvertToYuv420(Shrink(frame, choice_.size));
  if (num_frames_++ == 0 && choice_.lead) KIT_TRY(encoder_.Write(picture));
  return encoder_.Write(picture);
}

Result<Stream> ClipEncoder::Finish() {
  Stream stream;
  stream.coding = choice_.coding;
  stream.size = choice_.size;
  stream.num_pairs = num_frames_ / 2;
  stream.lead = choice_.lead;
  KIT_ASSIGN(const std::vector<Bytes> packets, encoder_.Finish());
  StreamPacker packer(choice_.coding);
  for (const Bytes& packet : packets) {
    if (const Status added = packer.Add(packet); !added.ok()) {
      return Error{Code::kInternal, "encoder: wrote " + added.error().message};
    }
  }
  stream.bytes = packer.Take();
  return stream;
}

Result<ChosenStream> ChooseStream(const CompressOptions& options, std::span<const StreamCoding> codings,
                                  const CompressContext& context, Nets& nets, FrameSize frame_size,
                                  std::span<const Observation> targets, const ResumeFolder& folder) {
  Judge judge(options, context, nets, frame_size, targets, folder);
  KIT_TRY(judge.ReadSample());
  KIT_TRY(Search(options, codings, judge).Run());
  const StreamChoice best = judge.best();
  const PairRange sample = judge.sample();
  return ChosenStream{best, judge.TakeTries(), sample};
}

}  // namespace kitsink::video
