#!/usr/bin/env python3
"""Compares the frames and the speed of codec hnerv with PyTorch on an archive of form v1 (u32 lengths and Brotli).

  python3 -m venv VENV; VENV/bin/pip install torch==2.10.0 numpy pillow
  VENV/bin/python tools/parity/hnerv_frames.py ARCHIVE.zip --render build/release/hnerv_render
      [--pairs 16] [--threads 2] [--frames FOLDER] [--keep FILE]

Renders the first pairs with PyTorch, one and sixteen at a time, in planes and channels last, and with hnerv_render, in
turn, and prints pairs per second of wall and CPU time. Prints the share of bytes that differ; with --frames also against frame_NNNN.png and the byte
sums of frames_sha256.txt in that folder. Exits with 1 when a share is above 0.1 % or a byte differs by more than 1.
"""
import argparse
import ctypes
import ctypes.util
import resource
import struct
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

SHARE_BAR, STEP_BAR, SIZE = 1e-3, 1, (874, 1164)
LAYERS = ["stem", *(f"blocks.{i}" for i in range(6)), "skips.2", "skips.3", "skips.4", "refine.0", "refine.1", "rgb_0",
          "rgb_1"]


# ---- the archive ------------------------------------------------------------------------------------------------

def decompress(data, limit=1 << 22):
    library = ctypes.CDLL(ctypes.util.find_library("brotlidec"))
    out, size = ctypes.create_string_buffer(limit), ctypes.c_size_t(limit)
    if library.BrotliDecoderDecompress(ctypes.c_size_t(len(data)), data, ctypes.byref(size), out) != 1:
        sys.exit("not a Brotli stream")
    return out.raw[:size.value]


def unzigzag(values):
    return np.where(values % 2 == 0, values // 2, -(values + 1) // 2)


class Archive:
    """codes and scales by name; minimum, scale and codes of the latents."""

    def __init__(self, path):
        with zipfile.ZipFile(path) as archive:
            member = archive.read(archive.namelist()[0])
        parts, at = [], 0
        while at < len(member):
            size, = struct.unpack_from("<I", member, at)
            parts.append(decompress(member[at + 4:at + 4 + size]))
            at += 4 + size
        self.tensors = self.read_tensors(parts[1])
        pairs, dims = struct.unpack_from("<II", parts[2])
        self.minimum, self.scale = np.frombuffer(parts[2], "<f2", 2 * dims, 8).reshape(2, dims)
        low, high = np.frombuffer(parts[2], np.uint8, 2 * pairs * dims, 8 + 4 * dims).astype(int).reshape(2, pairs, dims)
        self.codes = (np.cumsum(unzigzag(low + 256 * high), 0) % 256).astype(np.uint8)

    @staticmethod
    def read_tensors(payload):
        count, = struct.unpack_from("<I", payload)
        tensors, at = {}, 4
        for _ in range(count):
            size, = struct.unpack_from("<I", payload, at)
            name = payload[at + 4:at + 4 + size].decode()
            at += 4 + size
            ndim, = struct.unpack_from("<I", payload, at)
            shape = struct.unpack_from(f"<{ndim}I", payload, at + 4)
            scale, values = struct.unpack_from("<fI", payload, at + 4 + 4 * ndim)
            at += 12 + 4 * ndim
            codes = unzigzag(np.frombuffer(payload, np.uint8, values, at).astype(int))
            tensors[name] = codes.astype(np.int8).reshape(shape), np.float32(scale)
            at += values
        return tensors

    def write(self, path):
        with open(path, "wb") as file:
            for layer in LAYERS:
                for part in ("weight", "bias"):
                    codes, scale = self.tensors[f"{layer}.{part}"]
                    file.write(struct.pack("<If", codes.size, scale) + codes.tobytes())
            file.write(struct.pack("<II", *self.codes.shape) + self.minimum.tobytes() + self.scale.tobytes())
            file.write(self.codes.tobytes())


# ---- the model --------------------------------------------------------------------------------------------------

class Reference:
    def __init__(self, archive, layout):
        self.layout = layout
        self.values = {name: torch.from_numpy(codes.astype(np.float32) * scale)
                       for name, (codes, scale) in archive.tensors.items()}
        for name, values in self.values.items():
            if values.ndim == 4:
                self.values[name] = values.contiguous(memory_format=layout)
        self.latents = torch.from_numpy(archive.codes.astype(np.float32) * archive.scale.astype(np.float32) +
                                        archive.minimum.astype(np.float32))

    def conv(self, x, layer, **options):
        return F.conv2d(x, self.values[layer + ".weight"], self.values[layer + ".bias"], **options)

    def pictures(self, latents):  # [B, 28] to [2 B, 3, 384, 512]
        x = F.linear(latents, self.values["stem.weight"], self.values["stem.bias"]).view(len(latents), -1, 6, 8)
        x = x.contiguous(memory_format=self.layout).sin()
        for i in range(6):
            skip = F.interpolate(x, scale_factor=2, mode="bilinear")
            if f"skips.{i}.weight" in self.values:
                skip = self.conv(skip, f"skips.{i}")
            x = (F.pixel_shuffle(self.conv(x, f"blocks.{i}", padding=1), 2) + skip).sin()
        change = self.conv(self.conv(x, "refine.0", padding=2, dilation=2), "refine.1", padding=1)
        x = x + 0.1 * change.sin()
        heads = [255 * torch.sigmoid(self.conv(x, f"rgb_{i}", padding=1)) for i in (0, 1)]
        return torch.stack(heads, 1).flatten(0, 1)

    def frames(self, first, count):  # uint8 [2 B, H, W, 3]
        with torch.inference_mode():
            large = F.interpolate(self.pictures(self.latents[first:first + count]), SIZE, mode="bicubic")
            return large.clamp(0, 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


# ---- comparison -------------------------------------------------------------------------------------------------

def compare(label, ours, theirs):
    """Prints how frames differ. True when that is within the bars."""
    step = np.abs(ours.astype(np.int16) - theirs)
    print(f"{label}: {100 * np.mean(step > 0):.4f} % of the bytes differ, by at most {step.max()}")
    return np.mean(step > 0) <= SHARE_BAR and step.max() <= STEP_BAR


def time_reference(reference, pairs, batch):
    before, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    frames = [reference.frames(first, min(batch, pairs - first)) for first in range(0, pairs, batch)]
    after, wall = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - wall
    user, system = (1e3 * (getattr(after, name) - getattr(before, name)) / pairs for name in ("ru_utime", "ru_stime"))
    layout = "planes" if reference.layout == torch.contiguous_format else "channels last"
    print(f"PyTorch, {layout}, {batch} at a time: {pairs / wall:.2f} pairs per second, {user:.1f} + {system:.1f} ms of user "
          f"and system time a pair")
    return np.concatenate(frames)


def render(program, flat, raw, *arguments):
    run = subprocess.run([program, flat, "--raw", raw, *map(str, arguments)], check=True, capture_output=True, text=True)
    print("hnerv_render:", run.stderr.strip())
    return np.fromfile(raw, np.uint8).reshape(-1, *SIZE, 3)


def compare_stored(program, flat, raw, folder):
    from PIL import Image  # pylint: disable=import-outside-toplevel
    good = True
    for path in sorted(folder.glob("frame_*.png")):
        index = int(path.stem[6:])
        ours = render(program, flat, raw, "--pairs", index // 2, 1)[index % 2]
        good &= compare(path.name, ours, np.asarray(Image.open(path).convert("RGB")))
    listed = subprocess.run([program, flat, "--list", "--threads", "2"], check=True, capture_output=True, text=True)
    print("hnerv_render:", listed.stderr.strip())
    ours, theirs = ([line.split() for line in text.splitlines()]
                    for text in (listed.stdout, (folder / "frames_sha256.txt").read_text()))
    differences = np.array([int(a[2]) - int(b[2]) for a, b in zip(ours, theirs, strict=True)])
    same = sum(a[1] == b[1] for a, b in zip(ours, theirs))
    print(f"byte sums of {len(ours)} frames differ by {differences.mean():.1f} on average, {abs(differences).max()} at most "
          f"of {np.prod(SIZE) * 3} bytes; {same} frames are equal")
    return good and abs(differences).max() <= SHARE_BAR * np.prod(SIZE) * 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive")
    parser.add_argument("--render", required=True)
    parser.add_argument("--pairs", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--frames", type=Path)
    parser.add_argument("--keep", help="the plain file that hnerv_render reads")
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    archive = Archive(settings.archive)
    with tempfile.TemporaryDirectory() as folder:
        flat, raw = settings.keep or f"{folder}/flat", f"{folder}/raw"
        archive.write(flat)
        good = True
        for layout in (torch.contiguous_format, torch.channels_last):
            reference = Reference(archive, layout)
            reference.frames(0, 1)
            for batch in (1, 16):
                theirs = time_reference(reference, settings.pairs, batch)
                ours = render(settings.render, flat, raw, "--pairs", 0, settings.pairs, "--threads", settings.threads)
                good &= compare(f"{settings.pairs} pairs", ours, theirs)
        if settings.frames:
            good &= compare_stored(settings.render, flat, raw, settings.frames)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
