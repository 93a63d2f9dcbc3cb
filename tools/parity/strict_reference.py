#!/usr/bin/env python3
"""Compares frames and speed of kitsink inflate with PyTorch's on a scene of codec strict.

  VENV/bin/python tools/parity/strict_reference.py --kitsink build/release/kitsink --scene scene.safetensors
      [--archive scene.zip] [--pairs 0,1,85,300,599] [--time 4] [--repeat 3]

The scene may be compressed (.xz). Without --archive it is packed at level 1. Prints for each of --pairs the share of
bytes that differ. Then measures CPU seconds on one thread. PyTorch renders --time pairs, in its default
memory layout and in channels_last; the atoms and a first pair come before its clock starts. kitsink renders 8 times as
many; a run of one pair is subtracted, so that its start and the decoding of the class maps do not count. Exits with 1
when more than 0.1 % of a frame's bytes differ or one differs by more than 1. Set-up: see strict_scene.py.
"""
import argparse
import lzma
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

from strict_scene import Scene, compare, inflate

PAIRS_PER_TORCH_PAIR = 8  # the difference of two runs needs more pairs than a loop does


def clocks(children=False):
    """CPU seconds so far: in user mode, and in all."""
    times = os.times()
    user, system = (times.children_user, times.children_system) if children else (times.user, times.system)
    return np.array([user, user + system])


def kitsink_seconds(options, archive, folder, size, num_pairs):
    def run(end):
        before = clocks(children=True)
        inflate(options.kitsink, archive, folder, size, "--pairs", f"0:{end}", "--threads", "1")
        return clocks(children=True) - before

    num_pairs = min(PAIRS_PER_TORCH_PAIR * options.time, num_pairs - 1)
    return (run(1 + num_pairs) - run(1)) / num_pairs


def torch_seconds(render, num_pairs):
    render(0)
    before = clocks()
    for pair in range(1, num_pairs + 1):
        render(pair)
    return (clocks() - before) / num_pairs


def time_both(options, scene, archive, folder):
    torch.set_num_threads(1)
    print(f"CPU seconds a pair in user mode (and with system), one thread each, torch {torch.__version__}")
    for _ in range(options.repeat):
        ours = kitsink_seconds(options, archive, folder, scene.size, len(scene.maps))
        f0 = torch_seconds(scene.f0, options.time)
        for name, layout in (("default", torch.contiguous_format), ("channels_last", torch.channels_last)):
            scene.renderer.to(memory_format=layout)
            f1 = torch_seconds(scene.f1, options.time)
            parts = (("PyTorch " + name, "f1", f1), ("", "f0", f0), ("kitsink", "both", ours),
                     ("", "ratio", (f1 + f0) / ours))
            print("  " + ", ".join(f"{' '.join((who, what)).strip()} {user:.3f} ({total:.3f})"
                                   for who, what, (user, total) in parts), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kitsink", required=True)
    parser.add_argument("--scene", type=Path, required=True)
    parser.add_argument("--archive", type=Path)
    parser.add_argument("--pairs", default="0,1")
    parser.add_argument("--time", type=int, default=4, metavar="PAIRS", help="0: no timing; less than the scene's")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        folder, tensors, archive = Path(name), options.scene, options.archive
        if tensors.suffix == ".xz":
            tensors = folder / "scene.safetensors"
            with lzma.open(options.scene) as packed, open(tensors, "wb") as file:
                shutil.copyfileobj(packed, file)
        if archive is None:
            archive = folder / "scene.zip"
            subprocess.run([options.kitsink, "pack", tensors, "-o", archive, "--level", "1", "-q"], check=True)
        scene, good = Scene(tensors), True
        for pair in map(int, filter(None, options.pairs.split(","))):
            ours = inflate(options.kitsink, archive, folder, scene.size, "--pairs", f"{pair}:{pair + 1}")[0]
            good &= compare(f"pair {pair} f0, mode {scene.selector[pair]}", ours[0], scene.f0(pair))
            good &= compare(f"pair {pair} f1", ours[1], scene.f1(pair))
        if options.time > 0:
            time_both(options, scene, archive, folder)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
