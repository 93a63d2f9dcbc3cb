#!/usr/bin/env python3
"""The scorer's conversion of YUV 4:2:0 to RGB in PyTorch, to compare src/video/colour.cc with.

  yuv_reference.py rgb WIDTH HEIGHT < planes.yuv > frames.rgb   converts raw yuv420p frames
  yuv_reference.py noise WIDTH HEIGHT COUNT SEED > planes.yuv   uniform random planes
  yuv_reference.py golden > tests/golden/yuv420_rgb.bin         the known bytes of the test: for each size in
      GOLDEN_SIZES uint16 width and height, y, u, v planes and the rgb24 frame
"""
import struct
import sys
import time

import torch
import torch.nn.functional as F

GOLDEN_SIZES = [(2, 2), (6, 4), (16, 10), (1, 1), (7, 5), (13, 6), (12, 9)]


def half(n):
    return (n + 1) // 2


def to_rgb(y, u, v):
    """Converts uint8 planes (H, W) and twice (ceil(H/2), ceil(W/2)) to uint8 (H, W, 3)."""
    size = tuple(y.shape)

    def chroma(plane):
        up = F.interpolate(plane.float()[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
        return (up - 128.0) * (255.0 / 224.0)

    luma, blue, red = (y.float() - 16.0) * (255.0 / 219.0), chroma(u), chroma(v)
    channels = [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue]
    return torch.stack([c.clamp(0, 255) for c in channels], dim=-1).round().to(torch.uint8)


def split(data, width, height):
    """Splits one frame of raw yuv420p into its three planes."""
    flat = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    luma, chroma = width * height, half(width) * half(height)
    return (flat[:luma].view(height, width), flat[luma:luma + chroma].view(half(height), half(width)),
            flat[luma + chroma:].view(half(height), half(width)))


def frame_bytes(width, height):
    return width * height + 2 * half(width) * half(height)


def noise(width, height, generator):
    return torch.randint(0, 256, (frame_bytes(width, height),), generator=generator, dtype=torch.uint8).numpy().tobytes()


def main():
    torch.set_num_threads(1)
    out = sys.stdout.buffer
    if sys.argv[1:] == ["golden"]:
        generator = torch.Generator().manual_seed(20)
        for width, height in GOLDEN_SIZES:
            planes = noise(width, height, generator)
            rgb = to_rgb(*split(planes, width, height)).numpy().tobytes()
            out.write(struct.pack("<HH", width, height) + planes + rgb)
    elif len(sys.argv) == 6 and sys.argv[1] == "noise":
        width, height, count, seed = map(int, sys.argv[2:])
        generator = torch.Generator().manual_seed(seed)
        for _ in range(count):
            out.write(noise(width, height, generator))
    elif len(sys.argv) == 4 and sys.argv[1] == "rgb":
        width, height = map(int, sys.argv[2:])
        seconds, count = 0.0, 0
        while data := sys.stdin.buffer.read(frame_bytes(width, height)):
            start = time.perf_counter()
            rgb = to_rgb(*split(data, width, height))
            seconds, count = seconds + time.perf_counter() - start, count + 1
            out.write(rgb.numpy().tobytes())
        print(f"{count} frames, {1000 * seconds / max(count, 1):.2f} ms a frame, 1 thread", file=sys.stderr)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
