#!/usr/bin/env python3
"""SIP through the helper: real phones (baresip) that call each other through the gate, and a real registrar (sipp). Rules let
nothing but SIP itself through: both hear each other only where what they said in it has made way for their voices."""
import itertools
import math
import os
import re
import signal
import socket
import time
import wave

from live import LIMIT, Echo, Failure, expect, main, scenario

HELPER = 'helper sip on udp port 5060\n'
ZONES = '''\
zone wan on wan masquerade
zone lan on lan
allow icmp6 to router
allow from router
'''
RULES = HELPER + ZONES + 'allow udp from lan to wan port 5060\ndefault drop\n'
BEHIND = HELPER + ZONES + 'forward udp port 5060 from wan to 192.168.1.77\ndefault drop\n'
OUTSIDE, INSIDE, GATE = '198.51.100.9', '192.168.1.77', '203.0.113.1'

CONFIG = '''\
sip_listen {address}:5060
net_interface eth0
rtp_ports 10000-10099
audio_source aufile,{tone}
ausrc_channels 1
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module_tmp account.so
module_app menu.so
'''

# Take what is registered, and say when it is at the end.
REGISTRAR = '''\
<?xml version="1.0" encoding="UTF-8"?>
<scenario name="registrar">
  <recv request="REGISTER"/>
  <send><![CDATA[

    SIP/2.0 200 OK
    [last_Via:]
    [last_From:]
    [last_To:];tag=[call_number]
    [last_Call-ID:]
    [last_CSeq:]
    [last_Contact:]
    Expires: 600
    Content-Length: 0

  ]]></send>
  <pause milliseconds="100"/>
</scenario>
'''


class Phone:
    """baresip with one account, which picks up whatever call there is and plays a tone into it."""

    def __init__(self, scene, namespace, address, account, *commands):
        folder = os.path.join(scene.directory, f'phone-{next(scene.numbers)}')
        os.mkdir(folder)
        tone = os.path.join(folder, 'tone.wav')
        with wave.open(tone, 'wb') as f:
            f.setnchannels(1)
            f.setsampwidth(2)
            f.setframerate(8000)
            f.writeframes(b''.join(int(8000 * math.sin(i / 3)).to_bytes(2, 'little', signed=True) for i in range(8000 * 10)))
        for name, text in (('config', CONFIG.format(address=address, tone=tone)),
                           ('accounts', f'{account};answermode=auto\n')):
            with open(os.path.join(folder, name), 'w') as f:
                f.write(text)
        self.process = scene.spawn(namespace, 'baresip', '-4', '-s', '-f', folder,
                                   *itertools.chain.from_iterable(('-e', command) for command in commands),
                                   ready='baresip is ready')

    def hear(self):
        """Wait until the meter of the call shows that sound is sent and comes in."""
        self.process.wait_text('Call established')
        self.process.wait_text(r'audio=[1-9]\d*/[1-9]')

    def hang_up(self):
        self.process.stop()

    def unplug(self):
        """It says no farewell to whom it is registered at."""
        self.process.stop(signal.SIGKILL)

    @property
    def said(self):
        """What it said and was told: all of the SIP messages."""
        return self.process.out


def both_speak(caller, called):
    for phone in (caller, called):
        phone.hear()
    caller.hang_up()
    called.process.wait_text('session closed')
    called.unplug()


def no_word_of_inside(phone):
    expect('192.168.' not in phone.said, 'an inside address went out, in what a phone said')


@scenario(RULES)
def a_phone_inside_calls_out(scene):
    called = Phone(scene, 'home', OUTSIDE, f'<sip:one@{OUTSIDE}>;regint=0')
    caller = Phone(scene, 'phone', INSIDE, f'<sip:two@{OUTSIDE}>;regint=0', f'/dial sip:one@{OUTSIDE}')
    both_speak(caller, called)
    no_word_of_inside(called)
    expect(f'received={INSIDE}' in caller.said, 'the answers name the phone otherwise than it knows itself')


@scenario(RULES)
def two_phones_inside_speak_from_one_port(scene):
    """Which only one of them has outside: the other one's messages name another."""
    calls = []
    for inside, address, outside, number in (('phone', INSIDE, 'home', OUTSIDE),
                                             ('camera', '192.168.1.50', 'web', '198.51.100.80')):
        called = Phone(scene, outside, number, f'<sip:one@{number}>;regint=0')
        calls.append((Phone(scene, inside, address, f'<sip:two@{number}>;regint=0', f'/dial sip:one@{number}'), called))
    for caller, called in calls:
        caller.hear()
        called.hear()
        no_word_of_inside(called)
    ports = [re.search(r'^Contact: <sip:two\S*@203\.0\.113\.1:(\d+)>', called.said, re.M)[1] for _, called in calls]
    expect(ports[0] == '5060' != ports[1], f'the phones are called at ports {ports}')
    for caller, called in calls:
        caller.hang_up()
        called.unplug()


@scenario(RULES)
def a_phone_inside_registers_and_is_called(scene):
    registrar = scene.spawn('home', 'sipp', '-sf', scene.write('registrar.xml', REGISTRAR), '-i', OUTSIDE, '-p', '5060', '-m', '1',
                            '-nostdin', '-trace_msg', '-message_file', os.path.join(scene.directory, 'messages'))
    scene.wait_port('home', 5060, 'udp')
    called = Phone(scene, 'phone', INSIDE, f'<sip:two@{OUTSIDE}>;regint=600')
    called.process.wait_text('200 OK')
    expect(registrar.wait() == 0, 'the registrar is not content')
    with open(os.path.join(scene.directory, 'messages')) as f:
        asked = f.read()
    contact = re.search(r'^Contact: <(sip:\S+@203\.0\.113\.1:\d+)>', asked, re.M)
    expect(contact and '192.168.' not in asked, f'what was registered is no outside address: {asked}')
    expect(f'Contact: <{contact[1].replace(GATE, INSIDE)}>' in called.said.partition('200 OK')[2],
           'the phone was told of another contact than it registered')
    caller = Phone(scene, 'home', OUTSIDE, f'<sip:one@{OUTSIDE}>;regint=0', f'/dial {contact[1]}')
    both_speak(caller, called)
    no_word_of_inside(caller)


@scenario(BEHIND)
def a_phone_behind_a_forward_is_called(scene):
    called = Phone(scene, 'phone', INSIDE, f'<sip:two@{GATE}>;regint=0')
    caller = Phone(scene, 'home', OUTSIDE, f'<sip:one@{OUTSIDE}>;regint=0', f'/dial sip:two@{GATE}')
    both_speak(caller, called)
    no_word_of_inside(caller)


@scenario(RULES.replace(HELPER, ''))
def without_the_helper_nobody_hears_anything(scene):
    called = Phone(scene, 'home', OUTSIDE, f'<sip:one@{OUTSIDE}>;regint=0')
    caller = Phone(scene, 'phone', INSIDE, f'<sip:two@{OUTSIDE}>;regint=0', f'/dial sip:one@{OUTSIDE}')
    called.process.wait_text('answering call')
    caller.process.wait_text('Call established')
    time.sleep(2)  # as long as a meter takes to show what comes
    for phone in (caller, called):
        expect(not re.search(r'audio=\d+/[1-9]', phone.process.out), 'sound came without the helper')
    caller.hang_up()
    called.unplug()


# What opens nothing.

INVITE = '''\
INVITE sip:one@198.51.100.9 SIP/2.0
Via: SIP/2.0/UDP 192.168.1.77:5060;branch=z9hG4bK1
From: <sip:two@198.51.100.9>;tag=1
To: <sip:one@198.51.100.9>
Call-ID: {port}
CSeq: 1 INVITE
Contact: <sip:two@192.168.1.77:5060>
Content-Type: application/sdp
Content-Length: {length}

{body}'''
BODY = '''\
v=0
o=- 1 1 IN IP4 {address}
s=-
c=IN IP4 {address}
t=0 0
m=audio {port} RTP/AVP 0
'''


def invite(address, port, cut=0):
    body = BODY.format(address=address, port=port).replace('\n', '\r\n')
    text = INVITE.format(address=address, port=port, length=len(body) + cut, body='{}').replace('\n', '\r\n')
    return text.format(body).encode()


def reaches(scene, sender, port):
    """=> whether a datagram from there to that port of the router's outside comes in at the phone"""
    with scene.socket('phone', kind=socket.SOCK_DGRAM) as phone, scene.socket(sender, kind=socket.SOCK_DGRAM) as other:
        phone.bind(('0.0.0.0', port))
        phone.settimeout(0.5)
        other.sendto(b'sound', (GATE, port))
        try:
            return phone.recv(100) == b'sound'
        except TimeoutError:
            return False


@scenario(RULES)
def nothing_is_opened_that_a_phone_may_not_announce(scene):
    with scene.socket('home', kind=socket.SOCK_DGRAM) as there, scene.socket('phone', kind=socket.SOCK_DGRAM) as here:
        there.bind(('0.0.0.0', 5060))
        here.bind(('0.0.0.0', 5060))
        for text in (invite('192.168.1.50', 10000), invite(INSIDE, 1000), invite(INSIDE, 5060), invite(INSIDE, 10000, cut=10),
                     invite(INSIDE, 10000).replace(b'SIP/2.0\r\nVia', b'SIP/3.0\r\nVia')):
            here.sendto(text, (OUTSIDE, 5060))
            there.recv(4096)
        for port in (10000, 1000):
            expect(not reaches(scene, 'home', port), f'port {port} has been opened')
        here.sendto(invite(INSIDE, 10000), (OUTSIDE, 5060))
        got = there.recv(4096)
        expect(b'192.168.' not in got and b'm=audio 10000 ' in got, f'not written anew: {got}')
        expect(not reaches(scene, 'stranger', 10000), 'what was announced to one is open to another')
        expect(reaches(scene, 'home', 10000), 'what may be announced was not opened: this test could not fail')


@scenario(RULES.replace('default', 'allow tcp from lan to wan\ndefault'))
def a_web_page_opens_nothing(scene):
    """NAT slipstreaming: a browser posts text to port 5060 of its attacker's, who hopes that it is read as SIP."""
    listening = scene.socket('home')
    listening.bind(('0.0.0.0', 5060))
    listening.listen(8)
    Echo(scene, 'phone', 4242)
    register = (f'REGISTER sip:{OUTSIDE};transport=TCP SIP/2.0\r\nVia: SIP/2.0/TCP {INSIDE}:5060;branch=z9hG4bK1\r\n'
                f'Contact: <sip:two@{INSIDE}:4242;transport=tcp>\r\nContent-Length: 0\r\n\r\n')
    for padding in (0, 1460, 5000):
        body = 'x' * padding + '\r\n' + register
        path = scene.write('form.txt', body)
        browser = scene.spawn('phone', 'curl', '-sS', '--max-time', str(LIMIT), '--data-binary', f'@{path}',
                              f'http://{OUTSIDE}:5060/')
        there, _ = listening.accept()
        with there:
            there.settimeout(LIMIT)
            got = b''
            while body.encode() not in got:
                part = there.recv(65536)
                expect(part, f'the text has changed on its way: {got[-200:]!r}')
                got += part
            try:
                scene.connect('home', GATE, 4242, limit=0.5).close()
            except TimeoutError:
                pass
            else:
                raise Failure(f'a web page behind {padding} bytes has opened port 4242')
        browser.wait()


main()
