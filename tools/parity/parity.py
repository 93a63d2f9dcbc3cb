#!/usr/bin/env python3
"""Compares kitsink score with the contest's scorer, whose rules are written again here in PyTorch: class maps, poses,
score, and pairs per second. With --tensors it checks kitsink unpack and pack against the package safetensors.

  python3 -m venv VENV; VENV/bin/pip install -r tools/parity/requirements.txt
  VENV/bin/python tools/parity/parity.py --kitsink build/release/kitsink --nets golden:FOLDER VIDEO   full-size nets
  VENV/bin/python tools/parity/parity.py --kitsink build/release/kitsink --nets models/standin VIDEO  any other
  VENV/bin/python tools/parity/parity.py --kitsink build/release/kitsink --tensors ARCHIVE            tensor files

golden:FOLDER makes full-size nets from the key lists in FOLDER (segnet_keys.tsv, posenet_keys.tsv). The inflated clip
is the original with 16 grey levels. ARCHIVE is any archive of kitsink's. Exits with 1 when a parity limit is exceeded;
speed is only printed.
"""
import argparse
import hashlib
import json
import os
import re
import select
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import av
import numpy as np
import torch
import torch.nn.functional as F
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import nets_reference
from yuv_reference import to_rgb

BATCH = 16  # the contest's
GRID = (384, 512)
PIXEL_BAR, POSE_BAR, SCORE_BAR = 1e-5, 1e-4, 1e-5


# ---- the contest's rules ----------------------------------------------------------------------------------------

def decoded_frames(path):
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            planes = [np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:, :plane.width].copy()
                      for plane in frame.planes[:3]]
            yield to_rgb(*map(torch.from_numpy, planes))


def raw_frames(path, height, width):
    frames = torch.from_numpy(np.memmap(path, np.uint8, "c").reshape(-1, height, width, 3))
    yield from frames


def batches(frames):
    """uint8 [B, 2, H, W, 3]; an odd last frame is dropped."""
    frame_pairs, pairs = [], []
    for frame in frames:
        frame_pairs.append(frame)
        if len(frame_pairs) == 2:
            pairs.append(torch.stack(frame_pairs))
            frame_pairs = []
        if len(pairs) == BATCH:
            yield torch.stack(pairs)
            pairs = []
    if pairs:
        yield torch.stack(pairs)


def yuv6(rgb):
    r, g, b = rgb.unbind(1)
    y = (0.299 * r + 0.587 * g + 0.114 * b).clamp(0, 255)
    u = ((b - y) / 1.772 + 128).clamp(0, 255)
    v = ((r - y) / 1.402 + 128).clamp(0, 255)
    phases = lambda p: (p[:, 0::2, 0::2], p[:, 1::2, 0::2], p[:, 0::2, 1::2], p[:, 1::2, 1::2])
    mean = lambda p: sum(phases(p)[1:], phases(p)[0]) * 0.25
    return torch.stack([*phases(y), mean(u), mean(v)], 1)


def observe(segnet, posenet, batch):
    """(class maps, poses) of one batch; each net has its own resize, as in the contest's code."""
    resize = lambda x: F.interpolate(x, size=GRID, mode="bilinear", align_corners=False)
    x = batch.permute(0, 1, 4, 2, 3).float()
    count = x.shape[0]
    small = resize(x.reshape(2 * count, *x.shape[2:]))
    poses = posenet(yuv6(small).reshape(count, 12, GRID[0] // 2, GRID[1] // 2))[:, :6]
    return segnet(resize(x[:, -1])).argmax(1), poses


def score_reference(segnet, posenet, video, raw, archive_bytes):
    """The figures that the contest prints, and the observations of the original."""
    maps, poses, seg, pose, count = [], [], torch.zeros([]), torch.zeros([]), 0
    originals = batches(decoded_frames(video))
    first = next(originals)
    trials = batches(raw_frames(raw, *first.shape[2:4]))
    with torch.inference_mode():
        while first is not None:
            trial = next(trials)
            truth_maps, truth_poses = observe(segnet, posenet, first)
            trial_maps, trial_poses = observe(segnet, posenet, trial)
            seg += (truth_maps != trial_maps).float().mean((1, 2)).sum()
            pose += (truth_poses - trial_poses).square().mean(1).sum()
            count += len(first)
            maps.append(truth_maps)
            poses.append(truth_poses)
            first = next(originals, None)
    seg, pose = (seg / count).item(), (pose / count).item()
    score = 100 * seg + (10 * pose) ** 0.5 + 25 * archive_bytes / os.path.getsize(video)
    return {"score": score, "seg": seg, "pose": pose, "pairs": count, "maps": torch.cat(maps).numpy(),
            "poses": torch.cat(poses).numpy()}


# ---- kitsink ----------------------------------------------------------------------------------------------------

def read_observations(path):
    """Reads a cache file of src/score/observation_cache.cc: (class maps, poses)."""
    data = Path(path).read_bytes()
    assert data[:8] == b"KITOBS1\n" and data[-64:].decode() == hashlib.sha256(data[:-64]).hexdigest()
    at = 8 + 4 + struct.unpack_from("<I", data, 8)[0] + 8
    maps, poses = [], []
    while (size := struct.unpack_from("<I", data, at)[0]) > 0:
        record, at = data[at + 4:at + 4 + size], at + 4 + size
        poses.append(np.frombuffer(record[:24], "<f4"))
        ids, lengths, i = [], [], 24
        while i < size:
            ids.append(record[i])
            length, shift, i = 0, 0, i + 1
            while True:
                length, shift, i = length | (record[i] & 127) << shift, shift + 7, i + 1
                if record[i - 1] < 128:
                    break
            lengths.append(length)
        maps.append(np.repeat(np.array(ids, np.uint8), lengths).reshape(GRID))
    return np.stack(maps), np.stack(poses)


def run_kitsink(options, nets, raw, archive, cache, *more):
    command = [options.kitsink, "score", raw, "--original", options.video, "--archive", archive, "--nets", nets,
               "--device", "cpu", "--threads", str(options.threads), "--json", "-q", *more]
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE,
                               env={**os.environ, "XDG_CACHE_HOME": str(cache)})
    peak_kb = 0
    # Not ru_maxrss, because a child's value starts with its parent's memory before exec.
    while not select.select([process.stdout], [], [], 0.02)[0]:
        status = Path(f"/proc/{process.pid}/status").read_text()
        peak_kb = max(peak_kb, *(int(kb) for kb in re.findall(r"VmHWM:\s+(\d+)", status)), 0)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"kitsink failed: {command}"
    return json.loads(text) | {"peak_mb": peak_kb / 1000, "cpu_seconds": usage.ru_utime + usage.ru_stime}


def check_tensors(kitsink, archive, work):
    """The package reads every tensor that kitsink unpacks, and what it writes of them packs to the same bytes."""
    def run(verb, source, target, *more):
        subprocess.run([kitsink, verb, source, "-o", target, "-q", *more], check=True)
        return target

    level = ("--level", "1")  # the fastest; equal integers give equal bytes at every level
    packed = run("repack", archive, work / "packed.zip", *level)
    unpacked = run("unpack", packed, work / "unpacked.safetensors")
    with safe_open(unpacked, "pt") as file:
        metadata = file.metadata()
    tensors = load_file(unpacked)
    values = sum(tensor.numel() for tensor in tensors.values())
    print(f"codec {metadata['codec']}: the package reads {len(tensors)} tensors of {values} values")
    save_file(tensors, work / "saved.safetensors", metadata)
    again = run("pack", work / "saved.safetensors", work / "again.zip", *level)
    good = again.read_bytes() == packed.read_bytes()
    print(f"the package's file is {'the same' if good else 'ANOTHER'} archive of {packed.stat().st_size} bytes")
    return good


# ---- comparison -------------------------------------------------------------------------------------------------

def centre_classes(seg_values, video):
    """Shifts the last layer's bias so that no class dominates on this clip's first pair."""
    with torch.inference_mode():
        first = next(batches(decoded_frames(video)))[:1, -1].permute(0, 3, 1, 2).float()
        small = F.interpolate(first, size=GRID, mode="bilinear", align_corners=False)
        logits = nets_reference.AnySegNet(seg_values)(small)
    seg_values["segmentation_head.0.bias"] -= logits.mean((0, 2, 3))


def prepare_nets(spec, video, centre, work):
    """Returns the folder of nets for kitsink, and the reference's two nets."""
    if not spec.startswith("golden:"):
        values = [load_file(f"{spec}/{name}.safetensors") for name in ("segnet", "posenet")]
        stem, features = values[0]["encoder.model.conv_stem.weight"], values[1]["vision.head.fc.weight"]
        if stem.shape[0] != 32 or features.shape[0] != 2048:
            return spec, nets_reference.AnySegNet(values[0]), nets_reference.AnyPoseNet(values[1])
        return spec, *nets_reference.full_nets(*values)
    folder = spec.removeprefix("golden:")
    seg_values = nets_reference.golden_values(f"{folder}/segnet_keys.tsv", True)
    pose_values = nets_reference.golden_values(f"{folder}/posenet_keys.tsv", False)
    if centre:
        centre_classes(seg_values, video)
    nets = work / "nets"
    nets.mkdir()
    save_file(seg_values, nets / "segnet.safetensors")
    save_file(pose_values, nets / "posenet.safetensors")
    segnet, posenet = nets_reference.full_nets(seg_values, pose_values)
    # The plain functions, used for nets of other sizes, must agree with the libraries.
    with torch.inference_mode():
        pictures = torch.rand(1, 12, *GRID) * 255
        seg_gap = (segnet(pictures[:, :3]) - nets_reference.AnySegNet(seg_values)(pictures[:, :3])).abs().max().item()
        pose_in = pictures[:, :, ::2, ::2]
        pose_gap = (posenet(pose_in) - nets_reference.AnyPoseNet(pose_values)(pose_in)).abs().max().item()
    print(f"timm and smp against plain functions: logits within {seg_gap:.1e}, poses within {pose_gap:.1e}")
    return str(nets), segnet, posenet


def relative(poses, expected):
    """The largest distance of a pose from the expected pose, relative to the expected pose's length."""
    return float(np.max(np.linalg.norm(poses - expected, axis=1) / np.linalg.norm(expected, axis=1)))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kitsink", required=True)
    parser.add_argument("--nets")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--repeat", type=int, default=3, help="timed runs of each, alternating; the best counts")
    parser.add_argument("--centre", action="store_true",
                        help="shift the golden nets so that they see every class in this clip; unshifted they see one, "
                        "and equal maps prove little, but shifted they are undecided at many pixels")
    parser.add_argument("--tensors", metavar="ARCHIVE", type=Path, help="check unpack and pack on this archive instead")
    parser.add_argument("video", nargs="?")
    options = parser.parse_args()
    if options.tensors:
        with tempfile.TemporaryDirectory() as folder:
            sys.exit(0 if check_tensors(options.kitsink, options.tensors, Path(folder)) else 1)
    if not options.video or not options.nets:
        parser.error("expected --nets and VIDEO, or --tensors ARCHIVE")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        nets, segnet, posenet = prepare_nets(options.nets, options.video, options.centre, work)
        raw, archive = work / "clip.raw", work / "archive.zip"
        archive.write_bytes(bytes(10000))
        with open(raw, "wb") as out:
            for frame in decoded_frames(options.video):
                out.write((frame // 16 * 16 + 8).numpy().tobytes())

        runs = {"reference": [], "cold": [], "cached": []}
        for _ in range(options.repeat):
            begin, begin_cpu = time.perf_counter(), time.process_time()
            reference = score_reference(segnet, posenet, options.video, raw, archive.stat().st_size)
            runs["reference"].append((time.perf_counter() - begin, time.process_time() - begin_cpu))
            with tempfile.TemporaryDirectory() as cache:
                cold = run_kitsink(options, nets, raw, archive, cache)
                cached = run_kitsink(options, nets, raw, archive, cache)
                maps, poses = read_observations(next(Path(cache, "kitsink").glob("*.obs")))
            remembered = [run["ground_truth"]["observations_from_cache"] for run in (cold, cached)]
            assert remembered == [False, True], remembered
            runs["cold"].append((cold["seconds"], cold["cpu_seconds"]))
            runs["cached"].append((cached["seconds"], cached["cpu_seconds"]))

    # The reference's own noise: one thread sums in another order.
    torch.set_num_threads(1)
    with torch.inference_mode():
        single_maps, single_poses = observe(segnet, posenet, next(batches(decoded_frames(options.video))))
    own_pixels = float(np.mean(single_maps.numpy() != reference["maps"][:BATCH]))
    own_pose = relative(single_poses.numpy(), reference["poses"][:BATCH])

    pixels = float(np.mean(maps != reference["maps"]))
    pose = relative(poses, reference["poses"])
    score = abs(cold["upstream_float32"]["score"] - reference["score"])
    print(f"reference: torch {torch.__version__}; kitsink: {cold['torch']}; nets {options.nets}")
    print(f"{Path(options.video).name}, {cold['num_pairs']} pairs; reference score {reference['score']:.8f}, seg "
          f"{reference['seg']:.8f}, pose {reference['pose']:.8f}")
    shares = ", ".join(f"{share:.3f}" for share in np.bincount(reference["maps"].ravel(), minlength=5) / maps.size)
    print(f"shares of the classes in the original: {shares}")
    print(f"class maps: {pixels:.2e} of the pixels differ (bar {PIXEL_BAR:.0e})")
    print(f"poses: within {pose:.2e} relative (bar {POSE_BAR:.0e})")
    print(f"score: within {score:.2e} (bar {SCORE_BAR:.0e}); cached equals cold: "
          f"{cached['upstream_float32'] == cold['upstream_float32']}")
    print(f"reference with one thread against itself: {own_pixels:.2e} of the pixels, poses {own_pose:.2e}")
    base = None
    for name, times in runs.items():
        wall, cpu = min(times)
        rate = cold["num_pairs"] / wall
        base = base or rate
        print(f"{name:10} {rate:6.2f} pairs/s, {rate / base:4.2f} x, {wall:6.2f} s, {cpu:6.2f} s of CPU")
    print(f"peak memory of kitsink: cold {cold['peak_mb']:.0f} MB, cached {cached['peak_mb']:.0f} MB")
    good = pixels <= PIXEL_BAR and pose <= POSE_BAR and score <= SCORE_BAR
    sys.exit(0 if good and cached["upstream_float32"] == cold["upstream_float32"] else 1)


if __name__ == "__main__":
    main()
