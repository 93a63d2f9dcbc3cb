"""Reference implementations of SegNet and PoseNet in PyTorch, to compare src/nets with: with timm and
segmentation-models-pytorch at full size, and as plain functions of a state dict at any size."""
from functools import partial

import numpy as np
import timm
import torch
import torch.nn.functional as F
import segmentation_models_pytorch as smp
from torch import nn

SEG_STRIDES = (1, 2, 2, 2, 1, 2, 1)
SEG_SKIPS = (4, 2, 1, 0)


# ---- any size: functions of a state dict ----------------------------------------------------------------------

class Functions:
    """Layers that take their values, and so their shapes, by name from a state dict."""

    def __init__(self, values):
        self.values = values

    def has(self, name):
        return name in self.values

    def conv(self, x, name, stride=1):
        weight = self.values[name + ".weight"]
        return F.conv2d(x, weight, self.values.get(name + ".bias"), stride, weight.shape[-1] // 2,
                        groups=x.shape[1] // weight.shape[1])

    def norm(self, x, name, eps=1e-5):
        v = self.values
        return F.batch_norm(x, v[name + ".running_mean"], v[name + ".running_var"], v[name + ".weight"],
                            v[name + ".bias"], eps=eps)

    def linear(self, x, name):
        return F.linear(x, self.values[name + ".weight"], self.values[name + ".bias"])

    def squeeze(self, x, reduce, expand, activation):
        gate = self.conv(activation(self.conv(x.mean((2, 3), keepdim=True), reduce)), expand)
        return x * torch.sigmoid(gate)


class AnySegNet(Functions):
    def block(self, x, name, first, stride):
        squeeze = lambda y: self.squeeze(y, name + ".se.conv_reduce", name + ".se.conv_expand", F.silu)
        if first:
            y = F.silu(self.norm(self.conv(x, name + ".conv_dw", stride), name + ".bn1"))
            y = self.norm(self.conv(squeeze(y), name + ".conv_pw"), name + ".bn2")
        else:
            y = F.silu(self.norm(self.conv(x, name + ".conv_pw"), name + ".bn1"))
            y = F.silu(self.norm(self.conv(y, name + ".conv_dw", stride), name + ".bn2"))
            y = self.norm(self.conv(squeeze(y), name + ".conv_pwl"), name + ".bn3")
        return x + y if stride == 1 and x.shape == y.shape else y

    def __call__(self, x):
        model = "encoder.model."
        x = F.silu(self.norm(self.conv(x, model + "conv_stem", 2), model + "bn1"))
        features = []
        for stage, stride in enumerate(SEG_STRIDES):
            index = 0
            while self.has(f"{model}blocks.{stage}.{index}.bn1.weight"):
                x = self.block(x, f"{model}blocks.{stage}.{index}", stage == 0, stride if index == 0 else 1)
                index += 1
            features.append(x)
        for index in range(5):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            if index < len(SEG_SKIPS):
                x = torch.cat([x, features[SEG_SKIPS[index]]], 1)
            for part in ("conv1", "conv2"):
                name = f"decoder.blocks.{index}.{part}"
                x = F.relu(self.norm(self.conv(x, name + ".0"), name + ".1"))
        return self.conv(x, "segmentation_head.0")


def gelu(x):
    return F.gelu(x, approximate="tanh")


class AnyPoseNet(Functions):
    def branches(self, x, name, stride=1):
        total = None
        if self.has(name + ".conv_scale.conv.weight"):
            total = self.norm(self.conv(x, name + ".conv_scale.conv", stride), name + ".conv_scale.bn")
        if self.has(name + ".identity.weight"):
            identity = self.norm(x, name + ".identity")
            total = identity if total is None else total + identity
        last = self.norm(self.conv(x, name + ".conv_kxk.0.conv", stride), name + ".conv_kxk.0.bn")
        return last if total is None else total + last

    def residual(self, x, name):
        all_norm = lambda y, key: self.norm(y.reshape(-1, 1), key + ".bn", 1e-3).view_as(y)
        y = F.relu(all_norm(self.linear(x, f"{name}.block_a.0"), f"{name}.block_a.1"))
        x = F.relu(x + all_norm(self.linear(y, f"{name}.block_a.3"), f"{name}.block_a.4"))
        y = F.relu(all_norm(self.linear(x, f"{name}.block_b.1"), f"{name}.block_b.2"))
        return F.relu(x + all_norm(self.linear(y, f"{name}.block_b.4"), f"{name}.block_b.5"))

    def __call__(self, x):
        v = self.values
        x = (x - v["_mean"]) / v["_std"]
        for index, stride in enumerate((2, 2, 1)):
            x = gelu(self.branches(x, f"vision.stem.{index}", stride))
        for stage in range(4):
            name = f"vision.stages.{stage}"
            if stage > 0:
                proj = name + ".downsample.proj"
                x = sum(self.norm(self.conv(x, f"{proj}.0.{size}.conv", 2), f"{proj}.0.{size}.bn")
                        for size in ("large_conv", "small_conv"))
                x = gelu(self.branches(x, proj + ".1"))
            index = 0
            while self.has(f"{name}.blocks.{index}.layer_scale.gamma"):
                block = f"{name}.blocks.{index}"
                mixed = self.branches(x, block + ".token_mixer.mixer") - self.norm(
                    x, block + ".token_mixer.norm.identity")
                x = x + v[block + ".token_mixer.layer_scale.gamma"] * mixed
                y = self.norm(self.conv(x, block + ".mlp.conv.conv"), block + ".mlp.conv.bn")
                y = self.conv(gelu(self.conv(y, block + ".mlp.fc1")), block + ".mlp.fc2")
                x = x + v[block + ".layer_scale.gamma"] * y
                index += 1
        x = self.branches(x, "vision.final_conv")
        x = gelu(self.squeeze(x, "vision.final_conv.se.fc1", "vision.final_conv.se.fc2", F.relu)).mean((2, 3))
        x = F.relu(self.linear(self.linear(x, "vision.head.fc"), "summarizer.0"))
        x = self.residual(self.residual(x, "summarizer.2"), "hydra.resblock")
        x = F.relu(self.linear(x, "hydra.in_layer.pose"))
        y = self.linear(F.relu(self.linear(x, "hydra.res_layer.pose.0")), "hydra.res_layer.pose.2")
        return self.linear(F.relu(x + y), "hydra.final_layer.pose")


# ---- full size: the libraries' own modules ---------------------------------------------------------------------

class AllNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.bn = nn.BatchNorm1d(1, eps=1e-3)

    def forward(self, x):
        return self.bn(x.reshape(-1, 1)).view_as(x)


class Residual(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.block_a = nn.Sequential(nn.Linear(width, 2 * width), AllNorm(), nn.ReLU(), nn.Linear(2 * width, width),
                                     AllNorm())
        self.block_b = nn.Sequential(nn.ReLU(), nn.Linear(width, 2 * width), AllNorm(), nn.ReLU(),
                                     nn.Linear(2 * width, width), AllNorm())

    def forward(self, x):
        x = F.relu(x + self.block_a(x))
        return F.relu(x + self.block_b(x))


class FullPoseNet(nn.Module):
    """FastViT-T12 with the contest's head; its state dict keys are those of the file."""

    def __init__(self):
        super().__init__()
        self.vision = timm.create_model("fastvit_t12", pretrained=False, in_chans=12, num_classes=2048,
                                        act_layer=partial(nn.GELU, approximate="tanh"))
        self.summarizer = nn.Sequential(nn.Linear(2048, 512), nn.ReLU(), Residual(512))
        self.hydra = nn.ModuleDict({
            "resblock": Residual(512),
            "in_layer": nn.ModuleDict({"pose": nn.Linear(512, 32)}),
            "res_layer": nn.ModuleDict({"pose": nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 32))}),
            "final_layer": nn.ModuleDict({"pose": nn.Linear(32, 12)}),
        })
        self.register_buffer("_mean", torch.full((1, 12, 1, 1), 127.5))
        self.register_buffer("_std", torch.full((1, 12, 1, 1), 63.75))

    def forward(self, x):
        h = self.hydra
        x = h["resblock"](self.summarizer(self.vision((x - self._mean) / self._std)))
        x = F.relu(h["in_layer"]["pose"](x))
        return h["final_layer"]["pose"](F.relu(x + h["res_layer"]["pose"](x)))


def full_nets(seg_values, pose_values):
    segnet = smp.Unet("tu-efficientnet_b2", encoder_weights=None, classes=5, activation=None).eval()
    posenet = FullPoseNet().eval()
    for net, values in ((segnet, seg_values), (posenet, pose_values)):
        odd = net.load_state_dict(values, strict=False)
        missing = [key for key in odd.missing_keys if not key.endswith("num_batches_tracked")]
        assert not missing and not odd.unexpected_keys, (missing[:5], odd.unexpected_keys[:5])
    return segnet, posenet


# ---- deterministic weights -----------------------------------------------------------------------------------------

def golden_values(keys_file, is_segnet):
    """Weights computed from their names (FNV-1a, then SplitMix64), scaled to keep activations in range."""
    values = {}
    with open(keys_file) as lines:
        next(lines)
        for line in lines:
            _, name, shape, dtype = line.rstrip("\n").split("\t")[:4]
            if dtype == "F32":
                values[name] = golden_tensor(name, [int(n) for n in shape.strip("[]").split(",")], is_segnet)
    return values


def golden_tensor(name, shape, is_segnet):
    seed = 0xcbf29ce484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001b3 % 2**64
    count = int(np.prod(shape))
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    f = ((z >> np.uint64(40)).astype(np.int64) - 2**23).astype(np.float32) * np.float32(2**-23)
    if name in ("_mean", "_std"):
        f = np.full(count, 127.5 if name == "_mean" else 63.75, np.float32)
    elif name == "segmentation_head.0.bias":
        f = np.array([-1.25, -3.75, 4.0, -7.5, -2.0], np.float32)
    elif name.endswith((".running_mean", ".bias")):
        f = np.float32(0.125) * f
    elif name.endswith(".running_var"):
        f = np.float32(1) + np.float32(0.5) * f
    elif name.endswith(".gamma"):
        f = np.float32(0.25) + np.float32(0.125) * f
    elif len(shape) == 1:
        f = np.float32(1) + np.float32(0.25) * f
    else:
        gain = (6.25 if name.startswith("encoder.") else 6.0) if is_segnet else 3.0
        if name.startswith(tuple(f"encoder.model.blocks.{s}." for s in "3456")) and name.endswith(".conv_pwl.weight"):
            gain = 2.0
        scale = np.float32(np.sqrt(gain / float(np.prod(shape[1:]))))
        if name == "encoder.model.conv_stem.weight":
            scale *= np.float32(2**-6)
        f = scale * f
    return torch.from_numpy(f.reshape(shape))
