#!/usr/bin/env python3
"""Checks the #include lines of src/ and include/ against the table in src/README.md.

Rules: a room includes itself and the rooms its row names; an outside library appears only where the table puts it;
a *_decode file never includes a *_encode file.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Public headers of rooms that have several; any other header is named like its room.
HEADERS = {
    "base": {"at_once", "result", "limits", "bytes", "contest", "frame", "file", "half", "log", "hash", "random", "version"},
    "entropy": {"adaptive_bit", "binary_coder", "bit_io", "logistic", "range_coder"},
    "codec": {"codec", "jobs", "manifest"},
}
# Include prefix of an outside library -> (rooms, files) that may use it; None = any file of the room.
LIBRARIES = {
    "spdlog/": ({"base"}, {"log.cc"}),
    "openssl/": ({"base"}, {"hash.cc"}),
    "zip.h": ({"archive"}, {"zip.cc"}),
    "libav": ({"video"}, None),
    "torch/": ({"nets", "train", "refine"}, None),
    "ATen/": ({"nets", "train", "refine"}, None),
    "c10/": ({"nets", "train", "refine"}, None),
    "CLI/": ({"cli"}, None),
    "nlohmann/": ({"nets", "score", "report", "codec", "cli"}, None),
}

# Headers below src/ that other rooms may include; so are all of src/train/.
TENSOR_HEADERS = {"nets/nets_torch.h", "nets/preimage.h"}


def read_table():
    """Room -> rooms it may include, from src/README.md."""
    rooms = {}
    for line in (ROOT / "src/README.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|") or len(cells) != 4 or not re.fullmatch(r"[a-z]+", cells[0]) or cells[0] == "room":
            continue
        allowed = set(rooms) if cells[2] == "all above" else set(re.findall(r"[a-z]+", cells[2]))
        rooms[cells[0]] = allowed
    return rooms


def room_of_header(name, rooms):
    for room, headers in HEADERS.items():
        if name in headers:
            return room
    return name if name in rooms else None


def check(path, room, rooms):
    errors = []
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
        target = room_of_header(pathlib.Path(name).stem, rooms) if name.startswith("kitsink/") else name.split("/")[0]
        if target not in rooms:
            errors.append(f"{where}: {name} belongs to no room of src/README.md")
        elif target != room and target not in rooms[room]:
            errors.append(f"{where}: room {room} may not include room {target} ({name})")
        # Between rooms only public headers cross, and those that speak of tensors.
        elif target != room and not name.startswith(("kitsink/", "train/")) and name not in TENSOR_HEADERS:
            errors.append(f"{where}: {name} is private to room {target}")
        if "decode" in path.stem and "encode" in pathlib.Path(name).stem:
            errors.append(f"{where}: a decode file includes {name}")
    return errors


def main():
    rooms = read_table()
    if len(rooms) < 10:
        sys.exit("check_includes: cannot read the table in src/README.md")
    errors = []
    for path in sorted([*ROOT.glob("src/*/*.h"), *ROOT.glob("src/*/*.cc")]):
        errors += check(path, path.parent.name, rooms)
    for path in sorted(ROOT.glob("include/kitsink/*.h")):
        room = room_of_header(path.stem, rooms)
        if room is None:
            errors.append(f"{path.relative_to(ROOT)}: belongs to no room of src/README.md")
        else:
            errors += check(path, room, rooms)
    for error in errors:
        print(error)
    sys.exit(1 if errors else 0)


if __name__ == "__main__":
    main()
