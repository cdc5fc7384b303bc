"""Words that name nobody: those of dump tools and of the protocols in which TLS begins."""

# Of summary lines, log lines and headings of dump tools, in lower case.
LINES = frozenset(
    """
    ip ip6 ipv4 ipv6 arp udp tcp icmp icmp6 igmp flags seq ack win urg options mss nop nopnop wscale sack sackok ts val ecr eol
    tfo md5 length len cksum sum correct incorrect ok bad proto tos ttl id offset df mf none hlim next header payload flowlabel
    class frag hbh dstopt ether ethertype vlan p pppoe s ppp af unknown in out a f fin syn rst psh push reset urgent ece cwr ecn
    reading from file link type listening on capture size bytes byte packets packet captured received dropped by filter kernel
    snapshot en10mb linux sll sll2 sll raw null loop dlt any verbose output suppressed use v vv for full protocol decode
    b m t u d w x g z ns us ms n o e r c k h i j l q y
    jan feb mar apr may jun jul aug sep oct nov dec mon tue wed thu fri sat sun utc gmt cet cest est edt pst pdt eet bst
    tlsv1 tlsv1.1 tls tls1 ssl sslv2 sslv3 tls12 tls13 record recordheader handshake clienthello serverhello certificate
    certificaterequest certificateverify serverkeyexchange clientkeyexchange serverhellodone finished newsessionticket
    encryptedextensions changecipherspec alert application data innercontent applicationdata level fatal warning description
    client server hello key exchange done change cipher spec encrypted message new session ticket continuation segment of
    reassembled pdu previous not retransmission dup order window update zero full keep alive spurious fast
    follow node hex tcp stream frame wire bits interface eth0 eth1 lo on
    write read to the want got written tls_write tls_read bio dump follows mem openssl error debug info trace javax net
    send recv sendto recvfrom sslsocketoutputrecord sslsocketinputrecord java main raw plaintext before encryption padded cipher
    sslengineoutputrecord sslengineinputrecord sslcipher application_data change_cipher_spec close_notify pool thread after
    decryption ssl_engine_io ssl_tls.c ssl_tls ssl_msg msg dumping sent network input 'output payload msgtype msglen
    ether etherheader d tstamp port drops encap https http smtp imap ldap pop3 interfaces filters nosyn more
    transmission control port
    sends sent replies responds answers with and a an the empty secure socket layer transport security internet ver src dst
    content type version length session suite multiple messages opaque spec illegal parameter record_overflow overflow
    close notify unexpected mac decryption failed decompression failure no bad unsupported revoked expired ca access denied decode
    decrypt insufficient export restriction inappropriate fallback user canceled canceled renegotiation missing extension
    unrecognized name obtainable status response hash value psk identity required inner general tls10 tls11 captured
    tsval tsecr sack_perm ws perm eq dsn sni
    flow no such tcpdump snoop od hexdump xxd cat edt lis slot tmm0 slot1 common trunk proc svc be
    """.split()
)

# Of the dialogues before TLS, in capitals: commands, answers, and the number of LDAP's StartTLS.
DIALOGUE = frozenset(
    """
    EHLO HELO STARTTLS STLS AUTH TLS SSL CAPABILITY CAPA NOOP OK NO BAD READY BEGIN START NEGOTIATION QUIT USER PASS FEAT PBSZ PROT
    SMTP ESMTP IMAP IMAP4REV1 POP3 FTP NNTP XMPP SIEVE LOGINDISABLED LOGIN PLAIN SASL IDLE PIPELINING SIZE ENHANCEDSTATUSCODES
    CHUNKING SMTPUTF8 DSN VRFY ETRN HELP UTF8 READY SERVICE GO AHEAD PROCEED READER POST POSTING LIST MODE
    CONNECT GET HEAD PUT DELETE OPTIONS PATCH TRACE HTTP HTTPS HOST USER AGENT PROXY CONNECTION KEEP ALIVE CLOSE ESTABLISHED
    TCP4 TCP6 UNKNOWN CONTENT TYPE LENGTH TEXT HTML PLAIN SERVER DATE ACCEPT ENCODING TRANSFER FOUND REQUEST ERROR NOT FORBIDDEN
    REQUIRED UPGRADE LOCATION CHARSET UTF DOCTYPE TITLE BODY H1 P BR A HR CENTER META LINK
    STREAM STREAMS FEATURES XML XMLNS VERSION JABBER CLIENT ETHERX ORG URN IETF PARAMS NS MECHANISMS MECHANISM
    SSH RFB MYSQL MARIADB POSTGRES
    1 2 3 4 6 1466 20037
    """.split()
)
