#!/usr/bin/env python3
"""Compares the speed of kitsink inflate with a plain PyTorch search on the camera grid.

  search_reference.py KITSINK NETS_DIR ARCHIVE [--pairs 4] [--steps 12] [--threads 2]

Renders the first pairs of the archive and searches f1 with Adam, through straight-through rounding, the scorer's resize
and both nets as stored in the file (separate batch norms, all branches, default memory layout, batch of 4). The targets
are the nets' outputs for kitsink's searched frames, which are near the archive's targets. Then kitsink searches the
same pairs with as many steps on f1. Prints pair-steps per second of both, by wall time and by CPU time, which other
load disturbs less. kitsink's time is that of the whole command minus that of a run without search; it includes the
final measurement of distortion and the pre-images.
"""
import argparse
import json
import os
import pathlib
import struct
import subprocess
import tempfile
import time

import numpy as np
import torch
import torch.nn.functional as F

WIDTH, HEIGHT = 1164, 874


def load(path):
    data = path.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    tensors = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        first, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = torch.from_numpy(np.frombuffer(data[first:end], np.float32).copy()).reshape(entry["shape"])
    return tensors


class Net:
    """Layers that are called by the names of their tensors."""

    def __init__(self, path):
        self.w = load(path)

    def has(self, name):
        return name in self.w

    def count(self, prefix):
        return 1 + max(int(key[len(prefix):].split(".")[0]) for key in self.w if key.startswith(prefix))

    def conv(self, name, x, stride=1):
        weight = self.w[name + ".weight"]
        groups = x.shape[1] // weight.shape[1]
        return F.conv2d(x, weight, self.w.get(name + ".bias"), stride, weight.shape[2] // 2, 1, groups)

    def norm(self, name, x, eps=1e-5):
        w = self.w
        return F.batch_norm(x, w[name + ".running_mean"], w[name + ".running_var"], w[name + ".weight"],
                            w[name + ".bias"], False, 0.0, eps)

    def linear(self, name, x):
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])


class SegNet(Net):
    STRIDES = (1, 2, 2, 2, 1, 2, 1)

    def squeeze(self, name, x):
        mean = x.mean((2, 3), keepdim=True)
        return x * torch.sigmoid(self.conv(name + ".conv_expand", F.silu(self.conv(name + ".conv_reduce", mean))))

    def block(self, name, x, stride):
        y = x
        if self.has(name + ".conv_pwl.weight"):
            y = F.silu(self.norm(name + ".bn1", self.conv(name + ".conv_pw", y)))
            y = F.silu(self.norm(name + ".bn2", self.conv(name + ".conv_dw", y, stride)))
            y = self.norm(name + ".bn3", self.conv(name + ".conv_pwl", self.squeeze(name + ".se", y)))
        else:
            y = F.silu(self.norm(name + ".bn1", self.conv(name + ".conv_dw", y, stride)))
            y = self.norm(name + ".bn2", self.conv(name + ".conv_pw", self.squeeze(name + ".se", y)))
        return y + x if y.shape == x.shape else y

    def __call__(self, x):
        model = "encoder.model."
        x = F.silu(self.norm(model + "bn1", self.conv(model + "conv_stem", x, 2)))
        features = []
        for stage, stride in enumerate(self.STRIDES):
            prefix = f"{model}blocks.{stage}."
            for index in range(self.count(prefix)):
                x = self.block(prefix + str(index), x, stride if index == 0 else 1)
            features.append(x)
        skips = (4, 2, 1, 0)
        for index in range(self.count("decoder.blocks.")):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            if index < len(skips):
                x = torch.cat((x, features[skips[index]]), 1)
            for conv in ("conv1", "conv2"):
                name = f"decoder.blocks.{index}.{conv}."
                x = F.relu(self.norm(name + "1", self.conv(name + "0", x)))
        return self.conv("segmentation_head.0", x)


class PoseNet(Net):
    def conv_norm(self, name, x, stride=1):
        return self.norm(name + ".bn", self.conv(name + ".conv", x, stride))

    def mobile_one(self, name, x, stride=1, gelu=True):
        y = self.conv_norm(name + ".conv_kxk.0", x, stride)
        if self.has(name + ".conv_scale.conv.weight"):
            y = y + self.conv_norm(name + ".conv_scale", x, stride)
        if self.has(name + ".identity.weight"):
            y = y + self.norm(name + ".identity", x)
        if self.has(name + ".se.fc1.weight"):
            mean = y.mean((2, 3), keepdim=True)
            y = y * torch.sigmoid(self.conv(name + ".se.fc2", F.relu(self.conv(name + ".se.fc1", mean))))
        return F.gelu(y, approximate="tanh") if gelu else y

    def block(self, name, x):
        mixed = self.mobile_one(name + ".token_mixer.mixer", x, gelu=False)
        mixed = mixed - self.norm(name + ".token_mixer.norm.identity", x)
        x = x + self.w[name + ".token_mixer.layer_scale.gamma"] * mixed
        y = F.gelu(self.conv(name + ".mlp.fc1", self.conv_norm(name + ".mlp.conv", x)), approximate="tanh")
        return x + self.w[name + ".layer_scale.gamma"] * self.conv(name + ".mlp.fc2", y)

    def all_norm(self, name, x):
        return self.norm(name + ".bn", x.reshape(-1, 1), 1e-3).view_as(x)

    def res_block(self, name, x):
        y = F.relu(self.all_norm(name + ".block_a.1", self.linear(name + ".block_a.0", x)))
        x = F.relu(x + self.all_norm(name + ".block_a.4", self.linear(name + ".block_a.3", y)))
        y = F.relu(self.all_norm(name + ".block_b.2", self.linear(name + ".block_b.1", x)))
        return F.relu(x + self.all_norm(name + ".block_b.5", self.linear(name + ".block_b.4", y)))

    def __call__(self, x):
        x = (x - self.w["_mean"]) / self.w["_std"]
        for index, stride in enumerate((2, 2, 1)):
            x = self.mobile_one(f"vision.stem.{index}", x, stride)
        for stage in range(4):
            name = f"vision.stages.{stage}."
            if stage > 0:
                proj = name + "downsample.proj."
                x = self.conv_norm(proj + "0.large_conv", x, 2) + self.conv_norm(proj + "0.small_conv", x, 2)
                x = self.mobile_one(proj + "1", x)
            for index in range(self.count(name + "blocks.")):
                x = self.block(f"{name}blocks.{index}", x)
        x = self.linear("vision.head.fc", self.mobile_one("vision.final_conv", x).mean((2, 3)))
        x = self.res_block("hydra.resblock", self.res_block("summarizer.2", F.relu(self.linear("summarizer.0", x))))
        x = F.relu(self.linear("hydra.in_layer.pose", x))
        y = self.linear("hydra.res_layer.pose.2", F.relu(self.linear("hydra.res_layer.pose.0", x)))
        return self.linear("hydra.final_layer.pose", F.relu(x + y))[:, :6]


def resize(frames):
    return F.interpolate(frames, size=(384, 512), mode="bilinear", align_corners=False)


def yuv6(rgb):
    r, g, b = rgb[:, 0], rgb[:, 1], rgb[:, 2]
    y = (0.299 * r + 0.587 * g + 0.114 * b).clamp(0, 255)
    u = F.avg_pool2d(((b - y) / 1.772 + 128).clamp(0, 255)[:, None], 2)
    v = F.avg_pool2d(((r - y) / 1.402 + 128).clamp(0, 255)[:, None], 2)
    planes = [y[:, None, i::2, j::2] for i, j in ((0, 0), (1, 0), (0, 1), (1, 1))]
    return torch.cat(planes + [u, v], 1)


def read_pairs(path, count):
    raw = np.fromfile(path, np.uint8, count * 2 * HEIGHT * WIDTH * 3).reshape(count, 2, HEIGHT, WIDTH, 3)
    frames = torch.from_numpy(raw).permute(0, 1, 4, 2, 3).float().contiguous()
    return frames[:, 0], frames[:, 1]


def band_of(maps, radius=2):
    edge = torch.zeros(maps.shape)
    for axis in (1, 2):
        size = maps.shape[axis]
        differs = maps.narrow(axis, 1, size - 1).ne(maps.narrow(axis, 0, size - 1)).float()
        edge.narrow(axis, 1, size - 1).add_(differs)
        edge.narrow(axis, 0, size - 1).add_(differs)
    return F.max_pool2d(edge[:, None], 2 * radius + 1, 1, radius)[:, 0].gt(0).float()


def read(segnet, posenet, f0, f1):
    small = resize(f1)
    return segnet(small), posenet(torch.cat((yuv6(resize(f0)), yuv6(small)), 1))


def search(segnet, posenet, f0, f1, maps, poses, steps):
    """Adam on f1. Every 10 steps keeps the frames with the lowest 10 * margin + sqrt(10 * pose); returns them."""
    band = band_of(maps)
    f1 = f1.clone().requires_grad_(True)
    best, best_score = f1.detach().clone(), torch.full((len(f1),), torch.inf)
    optimiser = torch.optim.Adam([f1], lr=0.05)

    def losses():
        clamped = f1.clamp(0, 255)
        logits, outputs = read(segnet, posenet, f0, clamped + (clamped.round() - clamped).detach())
        own = logits.gather(1, maps[:, None])[:, 0]
        other = logits.scatter(1, maps[:, None], -1e9).max(1).values
        margin = (F.relu(other - own) * band).sum((1, 2)) / band.sum((1, 2)).clamp_min(1)
        return margin, (outputs - poses).square().mean(1)

    for step in range(1, steps + 1):
        optimiser.zero_grad()
        margin, pose = losses()
        (10 * margin + 1000 * pose).sum().backward()
        optimiser.step()
        if step % 10 == 0 or step == steps:
            with torch.no_grad():
                margin, pose = losses()
                score = 10 * margin + (10 * pose).sqrt()
                better = score < best_score
                best_score = torch.where(better, score, best_score)
                best[better] = f1.detach()[better]
    return best.clamp(0, 255).round()


def cpu_of_children():
    times = os.times()
    return times.children_user + times.children_system


def inflate(options, folder, *arguments):
    command = [options.kitsink, "inflate", options.archive, folder, "--name", "x", "--pairs", f"0:{options.pairs}",
               "--nets", options.nets, "--device", "cpu", "--threads", options.threads, "-q", "-f", *arguments]
    wall, cpu = time.perf_counter(), cpu_of_children()
    subprocess.run([str(part) for part in command], check=True)
    return folder / "x.raw", time.perf_counter() - wall, cpu_of_children() - cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kitsink")
    parser.add_argument("nets", type=pathlib.Path)
    parser.add_argument("archive")
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    segnet = SegNet(options.nets / "segnet.safetensors")
    posenet = PoseNet(options.nets / "posenet.safetensors")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        start, idle_wall, idle_cpu = inflate(options, folder / "start", "--steps", 0)
        ours, our_wall, our_cpu = inflate(options, folder / "ours", "--steps", options.steps, "--prepass-steps", 0,
                                          "--repair-steps", 0)
        with torch.no_grad():
            logits, poses = read(segnet, posenet, *read_pairs(ours, options.pairs))
        maps = logits.argmax(1)
        f0, f1 = read_pairs(start, options.pairs)
        wall, cpu = time.perf_counter(), time.process_time()
        for first in range(0, options.pairs, 4):
            part = slice(first, first + 4)
            search(segnet, posenet, f0[part], f1[part], maps[part], poses[part], options.steps)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"torch {torch.__version__}, {options.threads} threads, {options.pairs} pairs, {options.steps} steps")
    pair_steps = options.pairs * options.steps
    for clock, plain, kitsink in (("wall", wall, our_wall - idle_wall), ("CPU", cpu, our_cpu - idle_cpu)):
        print(f"{clock}: plain loop {pair_steps / plain:.2f} pair-steps/s, kitsink {pair_steps / kitsink:.2f}, "
              f"{plain / kitsink:.2f} times as many")


if __name__ == "__main__":
    main()
