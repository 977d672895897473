"""Datagrams in fragments of one's own making."""
import os
import socket
import sys

from live import ROOT, expect

sys.path.insert(0, os.path.join(ROOT, 'tests', 'replay'))
import lab  # noqa: E402


class Sender:
    """Sends datagrams as fragments of its own making, and gets the answers to them."""

    def __init__(self, scene, namespace, source, server, port):
        family = socket.AF_INET6 if ':' in source else socket.AF_INET
        self.scene, self.family, self.server = scene, family, (server, port)
        self.raw = scene.socket(namespace, family, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.ear = scene.socket(namespace, family, socket.SOCK_DGRAM)
        self.ear.bind((source, 0))
        self.number = 1000

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.raw.close()
        self.ear.close()

    def cut(self, data, size=1200):
        """=> a new datagram in fragments"""
        self.number += 1
        source, port = self.ear.getsockname()[:2]
        return lab.fragments(lab.udp(source, port, *self.server, data), self.number, size)

    def send(self, *fragments):
        for fragment in fragments:
            self.raw.sendto(fragment, (self.server[0], 0))

    def answer(self):
        return self.ear.recvfrom(65536)[0]

    def expect_silence(self):
        """Nothing of what was sent before arrived: what is sent now does, and is the first to do so."""
        self.send(*self.cut(b'whole', 1400))
        expect(self.answer() == b'whole', 'what should not have arrived was answered')
