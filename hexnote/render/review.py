"""The TCP/IP review: where IP and TCP begin, how long they are, where the payload stands."""

from __future__ import annotations

from hexnote.hints import List, Tuple
from hexnote.model import Packet


def review(packet: Packet, every: bool) -> List[Tuple[int, int, str]]:
    """The labels of a packet's headers: (first dump offset, the one behind, label). `every`: of all their fields."""
    if packet.link is None or packet.ip is None:
        return []
    if packet.notice is not None:
        return list(packet.notice.labels)
    link, ip = packet.link, packet.ip
    ports = link + ip
    if packet.version == 4:
        say = [
            (link, link + 1, f"IP version 4, header 4 x {ip // 4} = {ip} bytes"),
            (link + 9, link + 10, "protocol = TCP (6)"),
        ]
    else:
        say = [(link, link + 1, f"IP version 6, headers {ip} bytes")]
    if every:
        if packet.version == 4:
            odd = packet.note.startswith("IP's total length")
            say[1:1] = [
                (link + 2, link + 4, packet.note[5:] if odd else f"total length = {packet.end - link} bytes"),
                (link + 8, link + 9, f"time to live = {packet.ttl}"),
            ]
            say += [(link + 12, link + 16, f"source = {packet.src}"), (link + 16, link + 20, f"destination = {packet.dst}")]
        else:
            say += [(link + 8, link + 24, f"source = {packet.src}"), (link + 24, link + 40, f"destination = {packet.dst}")]
        say += [
            (ports, ports + 2, f"source port = {packet.sport}"), (ports + 2, ports + 4, f"destination port = {packet.dport}"),
            (ports + 4, ports + 8, f"sequence number = {packet.seq}"),
        ]
        if packet.ack is not None:
            say.append((ports + 8, ports + 12, f"acknowledgment number = {packet.ack}"))
    if packet.tcp is not None:
        begin = packet.start
        where = f"payload begins at 0x{begin:04x}" if packet.payload else f"no payload (it would begin at 0x{begin:04x})"
        say.append((ports + 12, ports + 13, f"TCP header 4 x {packet.tcp // 4} = {packet.tcp} bytes; {where}"))
        if every:
            say.append((ports + 13, ports + 14, f"flags = {packet.flags or 'none'}"))
    return say
