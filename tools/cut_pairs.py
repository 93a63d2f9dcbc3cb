#!/usr/bin/env python3
"""Cuts pairs out of a scene of codec hnerv: cut_pairs.py SCENE.safetensors FIRST:END OUT.safetensors"""

import json
import struct
import sys

PER_PAIR = {"latents.codes", "latents.corrections.dims", "latents.corrections.steps", "selector"}


def main():
    source, pairs, target = sys.argv[1:]
    first, end = map(int, pairs.split(":"))
    data = open(source, "rb").read()
    start = 8 + struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:start])
    body = b""
    for name, entry in sorted(header.items(), key=lambda item: item[1].get("data_offsets", [0])[0]):
        if name == "__metadata__":
            continue
        begin, stop = entry["data_offsets"]
        values = data[start + begin:start + stop]
        if name in PER_PAIR:
            row = len(values) // entry["shape"][0]
            entry["shape"][0] = end - first
            values = values[first * row:end * row]
        entry["data_offsets"] = [len(body), len(body) + len(values)]
        body += values
    text = json.dumps(header).encode()
    open(target, "wb").write(struct.pack("<Q", len(text)) + text + body)


main()
