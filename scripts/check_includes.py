#!/usr/bin/env python3
"""Checks the #include lines of src/ and include/ against the table in docs/architecture.md.

A room includes itself and the rooms that its row names. A codec never includes another codec, and its scene.* only rooms
of kitsink_format. A decode file never includes an encode file. An outside library appears only where the lists below put
it. Rooms include only public headers of other rooms, and the headers in CROSSING below.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Public headers of rooms that have several; any other header is named like its room.
HEADERS = {
    "base": {"at_once", "bytes", "class_maps", "coding", "contest", "crew", "file", "frame", "half", "hash", "limits", "log", "random",
             "result", "version"},
    "mask": {"mask", "mask_prices"},
    "entropy": {"adaptive_bit", "binary_coder", "bit_io", "brotli", "coded_section", "logistic", "lzma", "number_table",
                "range_coder", "real",
                "section_bits"},
    "score": {"score", "scorer"},
    "run": {"run", "manifest"},
    "kernels": {"kernels", "plane_kernels"},
    "video": {"video", "video_stream"},
    "codecs": {"codec"},
    "report": {"report", "page"},
    "jobs": {"jobs", "score_jobs"},
}
FORMAT_ROOMS = {"base", "entropy", "mask", "pose", "weights", "tensors", "archive"}
# Headers below src/ that other rooms may include: headers with LibTorch's tensors, which must not be public, and each
# codec's options, for its file of the command line.
CROSSING = re.compile(r"(nets/nets_torch|train/\w+|codecs/\w+/options)\.h|codecs/codecs\.def")
# Include prefix of an outside library -> (rooms, files) that may use it; None = any file of the room.
LIBRARIES = {
    "spdlog/": ({"base"}, {"log.cc"}),
    "openssl/": ({"base"}, {"hash.cc"}),
    "zlib.h": ({"archive", "report"}, {"zip.cc", "palette_png.cc"}),
    "brotli/": ({"entropy"}, {"brotli.cc"}),
    "lzma.h": ({"entropy"}, {"lzma.cc"}),
    "libav": ({"video"}, None),
    "libswscale/": ({"video"}, {"shrink.cc"}),
    "torch/": ({"nets", "train", "codecs"}, None),
    "ATen/": ({"nets", "train", "codecs"}, None),
    "c10/": ({"nets", "train", "codecs"}, None),
    "CLI/": ({"cli"}, None),
    "nlohmann/": ({"tensors", "score", "run", "codecs", "report", "jobs", "cli"}, None),
}


def read_table():
    """Room -> rooms that it may include, from docs/architecture.md."""
    rooms = {}
    for line in (ROOT / "docs/architecture.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 4 or not re.fullmatch(r"[a-z]+", cells[0]) or cells[0] == "room":
            continue
        rooms[cells[0]] = set(rooms) if cells[2] == "all above" else set(re.findall(r"[a-z]+", cells[2]))
    return rooms


def room_of_header(name, rooms):
    for room, headers in HEADERS.items():
        if name in headers:
            return room
    return name if name in rooms else None


def codec_of(path):
    """"search" for codecs/search/scene.cc, "" outside of a codec's folder."""
    parts = pathlib.PurePath(path).parts
    return parts[1] if len(parts) > 2 and parts[0] == "codecs" else ""


def check_target(name, target, room, rooms, source):
    """Says what is wrong with including the kitsink header `name` from a file of `room`; None if nothing."""
    if target not in rooms:
        return f"{name} belongs to no room of docs/architecture.md"
    if target != room and target not in rooms[room]:
        return f"room {room} may not include room {target} ({name})"
    if target != room and not name.startswith("kitsink/") and not CROSSING.fullmatch(name):
        return f"{name} is private to room {target}"
    if codec_of(name) and codec_of(source) and codec_of(name) != codec_of(source):
        return f"codec {codec_of(source)} may not include codec {codec_of(name)} ({name})"
    is_scene = codec_of(source) and pathlib.PurePath(source).stem == "scene"
    if is_scene and (target not in FORMAT_ROOMS | {"codecs"} or name == "kitsink/codec.h"):
        return f"a scene may only include rooms of kitsink_format, not {name}"
    return None


def check(path, room, rooms):
    errors = []
    source = str(path.relative_to(ROOT / "src")) if path.is_relative_to(ROOT / "src") else path.name
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = re.match(r'\s*#include\s+([<"])([^>"]+)[>"]', line)
        if not match:
            continue
        name = match.group(2)
        where = f"{path.relative_to(ROOT)}:{number}"
        for prefix, (users, files) in LIBRARIES.items():
            if name.startswith(prefix) and (room not in users or (files is not None and path.name not in files)):
                errors.append(f"{where}: room {room} may not include {name}")
        if match.group(1) == "<":
            continue
        stem = pathlib.PurePath(name).stem
        target = room_of_header(stem, rooms) if name.startswith("kitsink/") else name.split("/")[0]
        wrong = check_target(name, target, room, rooms, source)
        if wrong is not None:
            errors.append(f"{where}: {wrong}")
        if "decode" in path.stem and "encode" in stem:
            errors.append(f"{where}: a decode file includes {name}")
    return errors


def main():
    rooms = read_table()
    if len(rooms) < 15:
        sys.exit("check_includes: cannot read the table in docs/architecture.md")
    errors = []
    for path in sorted(p for p in (ROOT / "src").rglob("*") if p.suffix in {".h", ".cc", ".def"}):
        room = path.relative_to(ROOT / "src").parts[0]
        if room not in rooms:
            errors.append(f"{path.relative_to(ROOT)}: src/{room} is no room of docs/architecture.md")
            continue
        errors += check(path, room, rooms)
    for path in sorted((ROOT / "include/kitsink").glob("*.h")):
        room = room_of_header(path.stem, rooms)
        if room is None:
            errors.append(f"{path.relative_to(ROOT)}: belongs to no room of docs/architecture.md")
        else:
            errors += check(path, room, rooms)
    for error in errors:
        print(error)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
