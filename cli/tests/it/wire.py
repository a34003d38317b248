"""A long or bad wire between two interfaces of this machine: hands every frame of one to the other after a delay, or loses it.

`wire.py ONE OTHER SEED`, then lines `DELAY_MS LOSS` (a share from 0 to 1) on standard input, each from then on. Says `ready` once it
carries. Needs the right to open raw sockets.
"""

import heapq
import random
import select
import socket
import sys
import time

EVERY_PROTOCOL = 3
OUTGOING = 4


def finished(frame):
    """What a network card would have done: the kernel leaves checksums to it. UDP over IPv4 may go without."""
    if frame[12:14] == b"\x08\x00" and frame[23] == socket.IPPROTO_UDP:
        checksum = 14 + (frame[14] & 15) * 4 + 6
        return frame[:checksum] + b"\0\0" + frame[checksum + 2 :]
    return frame



ends = []
for name in sys.argv[1:3]:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(EVERY_PROTOCOL))
    end.bind((name, 0))
    ends.append(end)
dice = random.Random(int(sys.argv[3]))
delay, loss = 0.0, 0.0
under_way, count = [], 0
print("ready", flush=True)
while True:
    patience = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
    readable = select.select([*ends, sys.stdin], [], [], patience)[0]
    if sys.stdin in readable:
        line = sys.stdin.readline()
        if not line:
            sys.exit()
        delay, loss = float(line.split()[0]) / 1000, float(line.split()[1])
    for at, end in enumerate(ends):
        if end in readable:
            try:
                frame, (_, _, kind, *_) = end.recvfrom(65536)
            except OSError:
                continue  # It was taken down.
            if kind != OUTGOING and dice.random() >= loss:
                count += 1
                heapq.heappush(under_way, (time.monotonic() + delay, count, 1 - at, finished(frame)))
    while under_way and under_way[0][0] <= time.monotonic():
        _, _, to, frame = heapq.heappop(under_way)
        try:
            ends[to].send(frame)
        except OSError:
            pass  # The interface is down, or its queue is full: lost, as on any wire.
