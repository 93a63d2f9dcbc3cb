#!/usr/bin/env python3
"""Writes a scene of codec strict from PyTorch and compares kitsink's frames with PyTorch's.

docs/bring-your-tensors.md explains it.

  python3 -m venv VENV; VENV/bin/pip install torch==2.10.0 numpy safetensors
  VENV/bin/python tools/parity/strict_scene.py --kitsink build/release/kitsink [--keep FOLDER]

Makes a small scene with random weights whose pairs have the selector's modes 0 to 7, runs kitsink pack and inflate, and
renders the same tensors with PyTorch. Prints the share of bytes that differ. Exits with 1 when it is above 0.1 %, when
a byte differs by more than 1, or when a mode changes one byte in another way than select() below.
"""
import argparse
import json
import math
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import nn

SHARE_BAR, STEP_BAR = 1e-3, 1
EMBEDDINGS = ("token_embed.weight", "frame_embed.weight")


# ---- the model --------------------------------------------------------------------------------------------------

class Block(nn.Module):
    def __init__(self, width, frame_dims, dilation):
        super().__init__()
        self.dw = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, groups=width)
        self.pw = nn.Conv2d(width, width, 1)
        self.norm = nn.GroupNorm(width // 8, width)
        self.film = nn.Linear(frame_dims, 2 * width)

    def forward(self, x, frame):
        scale, shift = self.film(frame)[:, :, None, None].chunk(2, 1)
        return x + F.gelu(self.norm(self.pw(self.dw(x))) * (1 + scale) + shift)


class Renderer(nn.Module):
    def __init__(self, num_pairs, num_classes=5, width=96, frame_dims=8, dilations=(1, 1, 2, 4)):
        super().__init__()
        self.token_embed = nn.Embedding(num_classes, width)
        self.frame_embed = nn.Embedding(num_pairs, frame_dims)
        self.coord_mix = nn.Conv2d(width + 4, width, 1)
        self.blocks = nn.ModuleList(Block(width, frame_dims, dilation) for dilation in dilations)
        self.head = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, maps, pairs):  # int64 [B, H, W] and [B]; gives [B, 3, H, W] of 0 to 255
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, n) for n in maps.shape[1:]), indexing="ij")
        planes = torch.stack((x, y, x * x, y * y)).expand(len(maps), -1, -1, -1)
        x = self.coord_mix(torch.cat((self.token_embed(maps).permute(0, 3, 1, 2), planes), 1))
        for block in self.blocks:
            x = block(x, self.frame_embed(pairs))
        return torch.sigmoid(self.head(F.gelu(x))) * 255


def to_bytes(x):
    return x.clamp(0, 255).round()  # ties to even


def render_f1(renderer, maps, pairs, size):
    return to_bytes(F.interpolate(renderer(maps, pairs), size, mode="bilinear"))


def atoms_of(basis, map_size):  # [A, 3, h, w]
    atoms = F.interpolate(basis, map_size, mode="bicubic")
    atoms = atoms - atoms.mean((1, 2, 3), keepdim=True)
    return atoms / atoms.square().mean((1, 2, 3), keepdim=True).sqrt().clamp_min(1e-5)


def render_f0(atoms, coefficients, size, grey=127.5, amplitude=64.0):  # coefficients [B, A]
    picture = grey + amplitude / math.sqrt(len(atoms)) * torch.einsum("bk,kchw->bchw", coefficients, atoms)
    return to_bytes(F.interpolate(to_bytes(picture), size, mode="bicubic"))


# ---- quantise and write -----------------------------------------------------------------------------------------

def quantize(values, kept, most, scale_type):
    """Symmetric integers of -most to most with a scale for each index of the dimension `kept`."""
    others = [dim for dim in range(values.ndim) if dim != kept]
    scales = (values.abs().amax(others, keepdim=True) / most).to(scale_type)
    codes = torch.where(scales > 0, values / scales.float(), 0.0).round().clamp(-most, most)
    return codes, scales.flatten()


def renderer_tensors(renderer):
    tensors = {"renderer.dilations": torch.tensor([b.dw.dilation[0] for b in renderer.blocks], dtype=torch.uint8)}
    for name, values in renderer.state_dict().items():
        name = "renderer." + name
        if values.ndim == 1:
            tensors[name] = values.half()
            continue
        codes, tensors[name + ".scales"] = quantize(values, int(name.endswith(EMBEDDINGS)), 7, torch.float16)
        tensors[name + ".codes"] = codes.to(torch.int8)
    return tensors


def carrier_tensors(basis, coefficients, grey=127.5, amplitude=64.0):
    basis_codes, basis_scales = quantize(basis, 0, 15, torch.float32)
    codes, scales = quantize(coefficients, 1, 2047, torch.float32)
    return {"carrier.basis.codes": basis_codes.to(torch.int8), "carrier.basis.scales": basis_scales,
            "carrier.coefficients.codes": codes.to(torch.int16), "carrier.coefficients.scales": scales,
            "carrier.levels": torch.tensor([grey, amplitude])}


def write_scene(path, maps, renderer, carrier, selector, frame_size):  # frame_size is (height, width)
    tensors = {"maps": maps.to(torch.uint8), **renderer_tensors(renderer), **carrier, "selector": selector}
    save_file({name: values.contiguous() for name, values in tensors.items()}, path,
              {"codec": "strict", "frame_width": str(frame_size[1]), "frame_height": str(frame_size[0])})


# ---- read and render --------------------------------------------------------------------------------------------

def metadata_of(path):
    with open(path, "rb") as file:
        return json.loads(file.read(struct.unpack("<Q", file.read(8))[0])).get("__metadata__", {})


class Scene:
    """What a file holds, as floats. Renders one pair at a time."""

    def __init__(self, path):
        tensors, metadata = load_file(path), metadata_of(path)
        self.size = int(metadata.get("frame_height", 874)), int(metadata.get("frame_width", 1164))
        self.maps = tensors["maps"]
        self.selector = tensors.get("selector", torch.zeros(len(self.maps), dtype=torch.uint8)).tolist()
        self.levels = tensors.get("carrier.levels", torch.tensor([127.5, 64.0])).tolist()
        self.atoms = atoms_of(tensors["carrier.basis.codes"] * tensors["carrier.basis.scales"][:, None, None, None],
                              self.maps.shape[1:])
        self.coefficients = tensors["carrier.coefficients.codes"] * tensors["carrier.coefficients.scales"]
        self.renderer = self.renderer_of({name.removeprefix("renderer."): values for name, values in tensors.items()
                                          if name.startswith("renderer.")})

    def renderer_of(self, tensors):
        values = {}
        for name, tensor in tensors.items():
            if name.endswith(".codes"):
                name = name.removesuffix(".codes")
                scales, kept = tensors[name + ".scales"].float(), int(name in EMBEDDINGS)
                values[name] = tensor * scales.reshape([-1 if dim == kept else 1 for dim in range(tensor.ndim)])
            elif not name.endswith(".scales") and name != "dilations":
                values[name] = tensor.float()
        num_blocks = sum(name.endswith(".dw.bias") for name in values)
        dilations = tensors.get("dilations", torch.tensor([1, 1, 2, 4] * 2)[:num_blocks]).tolist()
        (num_classes, width), (num_pairs, dims) = values[EMBEDDINGS[0]].shape, values[EMBEDDINGS[1]].shape
        renderer = Renderer(num_pairs, num_classes, width, dims, dilations)
        renderer.load_state_dict(values)
        return renderer.eval()

    def f0(self, pair):
        frame = render_f0(self.atoms, self.coefficients[pair:pair + 1], self.size, *self.levels)
        return select(frame[0].permute(1, 2, 0).numpy().astype(np.uint8), self.selector[pair])

    def f1(self, pair):
        frame = render_f1(self.renderer, self.maps[pair:pair + 1].long(), torch.tensor([pair]), self.size)
        return frame[0].permute(1, 2, 0).numpy().astype(np.uint8)


def select(frame, mode):
    """The selector's modes, on uint8 [H, W, 3]."""
    if mode in (4, 5):
        return np.roll(frame, 1, 1 if mode == 4 else 0)
    y, x = np.indices(frame.shape[:2])
    cell = 4 if mode == 7 else 1
    board = np.where((x // cell + y // cell) % 2 == 0, -1, 1)[:, :, None]
    step = {0: 0, 1: 1, 2: -1, 3: np.array([1, 0, -1]), 6: board, 7: board}[mode]
    return np.clip(frame.astype(np.int16) + step, 0, 255).astype(np.uint8)


# ---- kitsink ----------------------------------------------------------------------------------------------------

def inflate(kitsink, archive, folder, size, *arguments):
    """uint8 [pairs, 2, H, W, 3]."""
    subprocess.run([kitsink, "inflate", archive, folder, "--name", "x", "-q", "-f", *arguments], check=True)
    return np.fromfile(Path(folder) / "x.raw", np.uint8).reshape(-1, 2, *size, 3)


def compare(label, ours, theirs):
    """Prints how two frames differ. True when that is within the bars."""
    step = np.abs(ours.astype(np.int16) - theirs)
    print(f"{label}: {100 * np.mean(step > 0):.4f} % of the bytes differ, by at most {step.max()}")
    return np.mean(step > 0) <= SHARE_BAR and step.max() <= STEP_BAR


def random_scene(num_pairs=8, num_classes=5, map_size=(96, 128), width=32, dilations=(1, 2, 3)):
    renderer = Renderer(num_pairs, num_classes, width, 4, dilations)
    nn.init.normal_(renderer.head.weight, 0, 0.1)  # for colours other than grey
    coarse = torch.rand(num_pairs, num_classes, 6, 8)
    maps = F.interpolate(coarse, map_size, mode="bicubic").argmax(1)  # areas, as in a real map
    carrier = carrier_tensors(torch.randn(6, 3, 12, 16), 2 * torch.randn(num_pairs, 6), 120.0, 70.0)
    return maps, renderer, carrier


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kitsink", required=True)
    parser.add_argument("--keep", type=Path, help="a folder for the scene, the archive and the frames")
    options = parser.parse_args()
    torch.manual_seed(1)
    with tempfile.TemporaryDirectory() as name, torch.inference_mode():
        folder = options.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        tensors, archive, size = folder / "scene.safetensors", folder / "scene.zip", (218, 290)
        maps, renderer, carrier = random_scene()
        frames = []
        for selector in (torch.zeros(8, dtype=torch.uint8), torch.arange(8, dtype=torch.uint8)):
            write_scene(tensors, maps, renderer, carrier, selector, size)
            subprocess.run([options.kitsink, "pack", tensors, "-o", archive, "-f"], check=True)
            frames.append(inflate(options.kitsink, archive, folder, size))
        scene, (plain, ours), good = Scene(tensors), frames, True
        for pair in range(len(maps)):
            good &= compare(f"pair {pair} f0, mode {pair}", ours[pair, 0], scene.f0(pair))
            good &= compare(f"pair {pair} f1", ours[pair, 1], scene.f1(pair))
            if not np.array_equal(ours[pair, 0], select(plain[pair, 0], pair)):
                print(f"mode {pair} is not select() of the frame without a mode")
                good = False
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
