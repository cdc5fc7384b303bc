"""Pages of what other rooms find: in the dump, in the packets, in the streams, in the record layer.

malformed (error)
    meaning: Bytes break the format of TLS: a length goes past its frame, a bound is broken, bytes are left over, no record
        begins where one should. Reading went on where it could.
    known by: The formats of the RFCs, as grammars/tls has them.
    causes: A defect of the sender; a byte that was changed on the way or mistyped in the dump; hostile input.
    try: See whether the checksum is right. If it is, look at what made the message; its receiver should answer
        decode_error (50).
    source: RFC 5246 section 4, RFC 8446 section 3
    sample: tests/test_findings.py

not-tls (note)
    meaning: No TLS was found in this connection.
    known by: None of its bytes begins a record whose header and contents are believable.
    causes: Another protocol; a connection that was cut in the midst of long records; a tunnel.
    try: Ask whether this is the right port.
    source: RFC 8446 section 5.1
    sample: tests/test_findings.py

gap (warning)
    meaning: Bytes of a stream are missing from the trace. Where the other end has acknowledged them, the capture lost them;
        where not, they may have been lost on the way, which the finding then says.
    known by: Sequence numbers that came in no packet shown, and were acknowledged or stand before others that came; snapped
        packets apart.
    causes: A capture that lost packets; a filter that was too narrow; packets that took another way; a path that drops packets of
        full size.
    try: Capture nearer to the ends, with a larger buffer (tcpdump -B).
    source: RFC 9293 section 3.4
    sample: tests/test_streams.py

snapped (warning)
    meaning: Packets are shown cut short: what they held beyond that is not in the dump.
    known by: An IP total length, or a sequence number, that goes past the bytes shown; a summary line without rows.
    causes: A capture with a snap length (the default of old tcpdump: 68 or 96 bytes); rows that were left out; tcpdump
        without -X.
    try: Capture again with -s 0, and paste all rows. Where the summary lines stand alone: tcpdump -nX.
    source: tcpdump(8)
    sample: server-auth

one-sided (warning)
    meaning: Only one direction of the connection is in the trace.
    known by: Bytes of one end, and no packet of the other.
    causes: A filter on source or destination alone; asymmetric routes; a mirror port that copies one direction.
    try: Capture both directions: host ADDRESS, and not src or dst.
    source: RFC 9293 section 3.4
    sample: tests/test_streams.py

midstream (note)
    meaning: The trace begins inside the connection: what was agreed before is not in it.
    known by: No SYN. Which end is the client is then told by a hello, else by the ports alone, which the finding says.
    causes: A capture that was started after the connection.
    try: Start the capture, then the connection.
    source: RFC 9293 section 3.5
    sample: tests/test_streams.py

eviction (note)
    meaning: hexnote let the connection go before it or the trace ended, to keep its own memory small. Its end is not
        that of the connection: what comes of it later is told as a new connection, begun midstream.
    known by: What is kept of all connections came to a bound, which stands in the finding; those that had been idle
        for longest went.
    causes: Thousands of connections at a time, or hundreds with large certificates; more bytes behind gaps than are kept.
    try: Read the connection alone: tcpdump -nX -r FILE 'host ADDRESS and tcp port PORT'.
    source: none
    sample: tests/test_streams.py

out-of-order (note)
    meaning: Segments came in another order than they were sent. TCP repairs it; here it is read in the right one.
    known by: Bytes that stand before bytes seen earlier. The IP identification, where it counts up, tells a packet that
        was overtaken from one that was sent again.
    causes: Several ways through the network; several queues of a network card.
    try: Nothing, unless it happens all the time.
    source: RFC 9293 section 3.4
    sample: out-of-order

retransmission (note)
    meaning: Bytes were sent again, or a packet was seen twice: the same IP identification is the packet itself.
    known by: Sequence numbers that were seen before.
    causes: A lost packet or acknowledgement; a capture on two interfaces, which shows each packet twice.
    try: Where it delays a handshake, capture at both ends and see where packets are lost.
    source: RFC 9293 section 3.8.1
    sample: retransmission

retransmission-differs (warning)
    meaning: The same sequence numbers came with other bytes. The first ones are read; what the receiver took is not known.
    known by: The two copies, byte by byte.
    causes: Damage (then one checksum is wrong); a middlebox that rewrites; an attack; a dump that was edited.
    try: Capture at both ends and compare.
    source: RFC 9293 section 3.4
    sample: tests/test_streams.py

checksum (warning)
    meaning: An IP or TCP checksum does not match the bytes: the dump was altered or mistyped, or the packet damaged.
    known by: The sum, made anew; not where it is that of the pseudo-header alone, which network cards complete.
    causes: A typing error; an edited dump; a capture on the sender with checksum offload.
    try: Compare the row with the source of the dump; capture on the way.
    source: RFC 1071, RFC 9293 section 3.1
    sample: tests/test_verify.py

ascii-disagrees (warning)
    meaning: The text column says something else than the hexadecimal digits of the row.
    known by: The two columns, byte by byte.
    causes: A row that was typed or edited by hand.
    try: The TCP checksum tells which of the two is right.
    source: tcpdump(8)
    sample: tests/test_verify.py

length-disagrees (warning)
    meaning: What the dump says of a length and the bytes that are shown do not agree.
    known by: IP total length, the summary line, or the length that a log declares, against the bytes; offload (length
        0), snapped packets and link padding apart.
    causes: A row that lost bytes, or was pasted twice.
    try: Paste the packet again from its source.
    source: RFC 791 section 3.1
    sample: tests/test_verify.py

redaction-leak (warning)
    meaning: The dump hides something in one place and shows it in another: a name crossed out in the text column stands in
        the hexadecimal digits; an address masked in the summary line stands in the IP header.
    known by: The two places, compared.
    causes: A dump that was cleaned by hand, in the column that people read.
    try: Do not publish it so: take the bytes out of both columns.
    source: none
    sample: tests/test_verify.py

unreadable-rows (warning)
    meaning: Lines look like rows of a dump and cannot be read with certainty: they are passed over.
    known by: Digits where a row has them, in numbers or places that fit no format.
    causes: A paste that lost characters; a page that wrapped the lines.
    try: Paste the dump as the tool printed it.
    source: none
    sample: tests/test_dumps.py

no-bytes (note)
    meaning: The text is the output of a tool that prints no bytes, or not in hex: there is nothing to annotate.
    known by: The forms of tcpdump -A, of dissection trees and the like; a record header in decimal numbers, in base64 or
        among the signs of a program's string.
    causes: A dump made with other options than -x or -X.
    try: What the finding names: tcpdump -nX, tshark -x.
    source: tcpdump(8), tshark(1)
    sample: tests/test_dumps.py

keys-do-not-fit (note)
    meaning: The key log does not open this connection: it lacks its secrets, or has wrong ones.
    known by: No line of the key log for the client's random, or records that do not decrypt with what the line gives.
    causes: A key log of another run; a program that was started before SSLKEYLOGFILE was set; a handshake that is not in
        the trace.
    try: Make trace and key log in one run.
    source: draft-ietf-tls-keylogfile
    sample: tests/test_keys.py
"""
