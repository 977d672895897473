#!/usr/bin/env python3
"""TCP and the errors about it, packet by packet through the running firewall: drill.py says how to read the scripts.

Each of them is played three ways, and once more offline.
"""
from drill import RULES, Drill
from live import main, scenario

OPEN = '''
    > S 0:0(0) <mss 1460>
    < S. 0:0(0) ack 1 <mss 1460>
    > . 1:1(0) ack 1
'''
CLOSED = OPEN + '''
    > F. 1:1(0) ack 1
    < F. 1:1(0) ack 2
    > . 2:2(0) ack 2
'''
PICKUP = RULES + 'connections pickup\nallow tcp from wan to raw port 80\n'

OPENING = {
    'the ordinary way, with every option': '''
        > SEW 0:0(0) win 64240 <mss 1460,sackok,ts,wscale 7>
        < S.E 0:0(0) ack 1 win 65160 <mss 1460,sackok,ts,wscale 7>
        > . 1:1(0) ack 1 <ts>
        > P. 1:518(517) ack 1 <ts>
        < . 1:1(0) ack 518 <ts>''',
    'simultaneous open': '''
        > S 0:0(0)
        < S 0:0(0)
        > S. 0:0(0) ack 1
        < S. 0:0(0) ack 1
        > . 1:1(0) ack 1
        < P. 1:11(10) ack 1''',
    'the answer is lost': '''
        > S 0:0(0)
        < S. 0:0(0) ack 1
        > S 0:0(0)
        < S. 0:0(0) ack 1
        > . 1:1(0) ack 1''',
    'a SYN repeated without its options': '''
        > S 0:0(0) <mss 1460,wscale 7>
        > S 0:0(0)
        < S. 0:0(0) ack 1 <wscale 7>
        > . 1:1(0) ack 1
        < . 1:1(0) ack 1
        > P. 1000001:1000002(1) ack 1''',
    'refused': '''
        > S 0:0(0)
        < R. 0:0(0) ack 1
        < . 1:1(0) ack 1 = invalid
        > S 0:0(0)
        < R. 0:0(0) ack 1''',
    'refused by who has not seen it': '''
        > S 0:0(0)
        < R. 0:0(0) ack 0 = invalid
        < R 1:1(0) = invalid
        > R 0:0(0) = invalid
        < S. 0:0(0) ack 2 = invalid
        < S. 0:0(0) ack 1''',
    'the handshake ends with what acknowledges it': '''
        > S 0:0(0)
        < S. 0:0(0) ack 1
        > . 1:1(0) ack 0 = invalid
        > . 1:1(0) ack 2 = invalid
        > . 1:1(0) ack 1''',
    'a server that is full': '''
        > S 0:0(0)
        < S. 0:0(0) ack 1
        < F. 1:1(0) ack 1
        > . 1:1(0) ack 2
        > F. 1:1(0) ack 2
        < . 2:2(0) ack 2''',
    'a host that believes in an older connection': '''
        > S 0:0(0)
        < . 500000:500000(0) ack 800000
        > R 800000:800000(0)
        > S 0:0(0)
        < S. 0:0(0) ack 1''',
    'fast open, a part of the data taken': '''
        > S 0:500(500) <cookie>
        < S. 0:0(0) ack 201
        > P. 201:501(300) ack 1
        < . 1:1(0) ack 501''',
    'nothing begins in the middle': '''
        > . 1:1(0) ack 1 = invalid
        > P. 1:11(10) ack 1 = invalid
        < S. 0:0(0) ack 1 = invalid
        > R 1:1(0) = invalid''',
    'flags that exclude each other': '''
        > SF 0:0(0) = malformed
        > - 0:0(0) = malformed
        > SR 0:0(0) = malformed''',
}

TALKING = {
    'lost, repeated, out of order, with SACK': OPEN + '''
        > P. 1:1001(1000) ack 1
        > P. 2001:3001(1000) ack 1
        < . 1:1(0) ack 1001 <sack 2001-3001>
        > P. 1001:2001(1000) ack 1
        > P. 1:1001(1000) ack 1
        < . 1:1(0) ack 3001
        < . 1:1(0) ack 1001''',
    'urgent': OPEN + '''
        > .U 1:11(10) ack 1 urg 10
        < .U 1:1(0) ack 11 urg 1
        < P.U 1:2(1) ack 11 urg 1''',
    'keepalive, empty and with a byte': OPEN + '''
        > P. 1:101(100) ack 1
        < . 1:1(0) ack 101
        > . 100:100(0) ack 1
        < . 1:1(0) ack 101
        > . 100:101(1) ack 1
        < . 0:0(0) ack 101''',
    'a closed window is probed, and opens': OPEN + '''
        > P. 1:1001(1000) ack 1
        < . 1:1(0) ack 1001 win 0
        > . 1001:1002(1) ack 1
        < . 1:1(0) ack 1001 win 0
        > . 1000:1000(0) ack 1
        < . 1:1(0) ack 1002 win 20000
        > P. 15000:16000(1000) ack 1
        > . 21003:21004(1) ack 1 = invalid''',
    'windows, each scaled by its own': '''
        > S 0:0(0) <wscale 2>
        < S. 0:0(0) ack 1 <wscale 5>
        > P. 10002:10003(1) ack 1 = invalid   # those of the SYNs are not
        > . 1:1(0) ack 1
        < . 1:1(0) ack 1
        > P. 320001:320002(1) ack 1
        > P. 320003:320004(1) ack 1 = invalid
        < P. 40001:40002(1) ack 1
        < P. 40003:40004(1) ack 1 = invalid''',
    'scaled by one is scaled by none': '''
        > S 0:0(0) <wscale 7>
        < S. 0:0(0) ack 1
        > . 1:1(0) ack 1
        < . 1:1(0) ack 1
        > P. 10002:10003(1) ack 1 = invalid
        < P. 10002:10003(1) ack 1 = invalid''',
    'what was never sent is not acknowledged': OPEN + '''
        < . 1:1(0) ack 2 = invalid
        > . 1:1(0) ack 90000 = invalid
        > P. 900000:900009(9) ack 1 = invalid
        > P. 1:11(10) ack 1''',
}

CLOSING = {
    'half closed by the beginner': OPEN + '''
        > F. 1:1(0) ack 1
        < . 1:1(0) ack 2
        < P. 1:1401(1400) ack 2
        > . 2:2(0) ack 1401
        < F. 1401:1401(0) ack 2
        > . 2:2(0) ack 1402''',
    'half closed by the other': OPEN + '''
        < F. 1:1(0) ack 1
        > P. 1:1401(1400) ack 2
        < . 2:2(0) ack 1401
        > F. 1401:1401(0) ack 2
        < . 2:2(0) ack 1402''',
    'both at once, and repeated': OPEN + '''
        > F. 1:1(0) ack 1
        < F. 1:1(0) ack 1
        > F. 1:1(0) ack 1
        > . 2:2(0) ack 2
        < . 2:2(0) ack 2
        < F. 1:1(0) ack 2''',
    'the same ports anew': CLOSED + '''
        > S 90000:90000(0)
        < S. 700:700(0) ack 90001
        > . 90001:90001(0) ack 701''',
    'anew with a lower number, and the last words of the old': CLOSED + '''
        > S 1:1(0)
        < F. 1:1(0) ack 2
        > . 2:2(0) ack 2
        < F. 2:2(0) ack 2 = invalid
        < S. 90000:90000(0) ack 2
        > . 2:2(0) ack 90001''',
    'anew, and the host has not forgotten': CLOSED + '''
        > S 1:1(0)
        < . 2:2(0) ack 2
        > R 2:2(0)
        > S 1:1(0)
        < S. 90000:90000(0) ack 2''',
}

REFUSED_SYN = CLOSED + '''
    < S 90000:90000(0) = default
    < S. 0:0(0) ack 1
    > . 2:2(0) ack 2'''

RESETS = {
    'exact': OPEN + '''
        < R 1:1(0)
        > S 5000:5000(0)''',
    'not exact': OPEN + '''
        < R 2:2(0) = invalid
        < R 0:0(0) = invalid
        < R 9999:9999(0) = invalid
        < R 20000:20000(0) = invalid
        > R. 100:100(0) ack 1 = invalid
        > P. 1:11(10) ack 1''',
    'not believed: the challenge, and another': OPEN + '''
        < P. 1:1001(1000) ack 1
        < R 1001:1001(0)
        > . 1:1(0) ack 1
        < R 1:1(0)''',
    'not heard: talk goes on': OPEN + '''
        < R 1:1(0)
        > P. 1:101(100) ack 1
        < P. 1:101(100) ack 101''',
    'a SYN in the midst, its challenge, and its reset': OPEN + '''
        > S 77777:77777(0)
        < . 1:1(0) ack 1
        > R 1:1(0)
        > S 77777:77777(0)
        < S. 9:9(0) ack 77778''',
    'an answer in the midst': OPEN + '''
        < S. 77777:77777(0) ack 1
        > . 1:1(0) ack 1
        < P. 77778:77788(10) ack 1 = invalid
        < P. 1:11(10) ack 1''',
}

ERRORS = {
    'about data, whole and in part': OPEN + '''
        > P. 1:301(300) ack 1
        < icmp 3/1
        < icmp 3/1 quote 60
        < icmp 11/0 hop
        < icmp 3/4 mtu 1300 hop
        < icmp 12/0
        < . 1:1(0) ack 301''',
    'about a SYN': '''
        > S 0:0(0) <mss 1460,wscale 7>
        < icmp 3/1 hop
        < icmp 3/13
        < icmp 11/0
        < S. 0:0(0) ack 1''',
    'with extensions behind the quote': OPEN + '''
        > P. 1:301(300) ack 1
        < icmp 11/0 ext hop
        < icmp 11/0 ext quote 128
        < icmp 11/0 ext quote 63
        < icmp 3/1 ext
        < . 1:1(0) ack 301''',
    'by the beginner, about answers': OPEN + '''
        < P. 1:201(200) ack 1
        > icmp 3/3
        > icmp 11/0 hop
        > icmp 3/4 mtu 1280 quote 68
        > icmp 11/0 ext
        > . 1:1(0) ack 201''',
    'about what was not sent': OPEN + '''
        > P. 1:301(300) ack 1
        < icmp 3/1 off 1000 = invalid
        < icmp 3/4 mtu 68 off 100000 hop = invalid
        < icmp 3/3 off 2147483648 = invalid
        < . 1:1(0) ack 301''',
}
SHORT = {
    'with the eight bytes that RFC 792 asks for, and less': OPEN + '''
        > P. 1:301(300) ack 1
        < icmp 3/1 quote 28
        < icmp 3/1 quote 27 = invalid
        < icmp 3/1 quote 24 = invalid
        < icmp 3/1 quote 20 = invalid''',
}

PICKED_UP = {
    'heard from both sides, and no windows': '''
        > . 1:1(0) ack 1
        < . 1:1(0) ack 1
        > P. 900000:900100(100) ack 1
        < P. 1:101(100) ack 900100''',
    'with its end': '''
        > F. 1:1(0) ack 1
        < F. 1:1(0) ack 2
        > . 2:2(0) ack 2''',
    'a reset must be exact': '''
        > . 1:1(0) ack 1
        < . 1:1(0) ack 1
        < R 77:77(0) = invalid
        < R 1:1(0)''',
}


def play(scene, *tables, also=()):
    drill = Drill(scene)
    for table in tables:
        for name, text in table.items():
            drill.play(name, text)
    for name, text, ways in also:
        drill.play(name, text, ways)
    drill.replayed()


@scenario(RULES, '--json')
def connections_open(scene):
    play(scene, OPENING)


@scenario(RULES, '--json')
def they_talk(scene):
    play(scene, TALKING)


@scenario(RULES, '--json')
def they_close_and_begin_anew(scene):
    play(scene, CLOSING, also=[('a SYN that the rules refuse ends nothing', REFUSED_SYN, ('out', 'six'))])


@scenario(RULES, '--json')
def resets_count_if_they_are_exact(scene):
    play(scene, RESETS)


@scenario(RULES, '--json')
def errors_are_translated_with_what_they_quote(scene):
    play(scene, ERRORS, also=[(name, text, ('out', 'in')) for name, text in SHORT.items()])


@scenario(PICKUP, '--json')
def connections_begun_unseen_are_picked_up(scene):
    play(scene, PICKED_UP)


main()
