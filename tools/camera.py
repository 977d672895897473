#!/usr/bin/env python3
"""A stand-in for an IP camera: HTTP with a real snapshot, RTSP that describes a real stream.

  camera.py serve [--http PORT] [--rtsp PORT]   be a camera, on both families; a line on standard output a request
  camera.py describe rtsp://HOST[:PORT]/PATH    be a viewer: ask a camera what it offers, and print the answer

The picture is a frame of ffmpeg's test pattern. OPTIONS and DESCRIBE are answered as RFC 2326 says, with SDP (RFC 4566);
the stand-in has no video to play, and says 501 to SETUP and PLAY.
"""
import argparse
import http.server
import socket
import socketserver
import subprocess
import sys
import threading
import urllib.parse

SERVER = 'camera stand-in'
METHODS = 'OPTIONS, DESCRIBE'
PHRASES = {200: 'OK', 400: 'Bad Request', 404: 'Not Found', 501: 'Not Implemented', 505: 'RTSP Version Not Supported'}
PATHS = ('/', '/stream1')


def snapshot():
    """=> the bytes of a baseline JPEG, 640 by 480"""
    return subprocess.run(['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', 'testsrc=size=640x480', '-frames:v', '1',
                           '-pix_fmt', 'yuvj420p', '-q:v', '4', '-f', 'mjpeg', '-'], check=True, capture_output=True).stdout


def log(client, what):
    address = client[0].removeprefix('::ffff:')
    print(f'{what} from {address} port {client[1]}', flush=True)


class Web(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    picture = b''

    def do_GET(self):
        log(self.client_address, f'GET {self.path}')
        found = self.path.partition('?')[0] == '/snapshot.jpg'
        body = self.picture if found else b'no such picture\n'
        self.send_response(200 if found else 404)
        self.send_header('Content-Type', 'image/jpeg' if found else 'text/plain')
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass  # log() has said it


class Rtsp(socketserver.StreamRequestHandler):
    def handle(self):
        while line := self.rfile.readline(4096):
            words = line.decode('latin1').split()
            headers = {}
            while (line := self.rfile.readline(4096)).strip():
                name, _, value = line.decode('latin1').partition(':')
                headers[name.strip().lower()] = value.strip()
            self.answer(words, headers)

    def answer(self, words, headers):
        if len(words) != 3:
            return self.reply(400, headers)
        method, url, version = words
        log(self.client_address, f'{method} {url}')
        if version != 'RTSP/1.0':
            return self.reply(505, headers)
        if method == 'OPTIONS':
            return self.reply(200, headers, {'Public': METHODS})
        if method != 'DESCRIBE':
            return self.reply(501, headers)
        if urllib.parse.urlparse(url).path not in PATHS:
            return self.reply(404, headers)
        mine = self.connection.getsockname()[0].removeprefix('::ffff:')
        family = 'IP6' if ':' in mine else 'IP4'
        sdp = '\r\n'.join(['v=0', f'o=- 1 1 IN {family} {mine}', 's=Front door', 't=0 0', 'm=video 0 RTP/AVP 26',
                           f'c=IN {family} ' + ('::' if family == 'IP6' else '0.0.0.0'), 'a=control:trackID=1', 'a=framerate:10',
                           'a=x-dimensions:640,480', ''])
        return self.reply(200, headers, {'Content-Base': url, 'Content-Type': 'application/sdp'}, sdp.encode())

    def reply(self, status, asked, headers=None, body=b''):
        lines = [f'RTSP/1.0 {status} {PHRASES[status]}', f'CSeq: {asked.get("cseq", "0")}', f'Server: {SERVER}',
                 *(f'{name}: {value}' for name, value in (headers or {}).items())]
        if body:
            lines.append(f'Content-Length: {len(body)}')
        self.wfile.write('\r\n'.join(lines + ['', '']).encode() + body)


class Server(socketserver.ThreadingTCPServer):
    """Both families on one socket."""
    address_family = socket.AF_INET6
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128

    def server_bind(self):
        self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()


def serve(http_port, rtsp_port):
    Web.picture = snapshot()
    servers = [Server(('::', http_port), Web), Server(('::', rtsp_port), Rtsp)]
    for server in servers:
        threading.Thread(target=server.serve_forever).start()
    print(f'camera: ready, http {http_port}, rtsp {rtsp_port}, a snapshot of {len(Web.picture)} bytes', file=sys.stderr,
          flush=True)


def describe(url):
    """=> exit status"""
    parts = urllib.parse.urlparse(url)
    with socket.create_connection((parts.hostname, parts.port or 554), timeout=10) as camera, camera.makefile('rb') as answers:
        for number, method in enumerate(('OPTIONS', 'DESCRIBE'), 1):
            accept = 'Accept: application/sdp\r\n' if method == 'DESCRIBE' else ''
            camera.sendall(f'{method} {url} RTSP/1.0\r\nCSeq: {number}\r\n{accept}\r\n'.encode())
            status, size = answers.readline().decode().strip(), 0
            print(status)
            while line := answers.readline().decode().strip():
                print(line)
                name, _, value = line.partition(':')
                size = int(value) if name.lower() == 'content-length' else size
            print()
            if ' 200 ' not in status:
                return 1
        print(answers.read(size).decode().replace('\r', ''), end='')
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest='command', required=True)
    be = commands.add_parser('serve', help='be a camera')
    be.add_argument('--http', type=int, default=80)
    be.add_argument('--rtsp', type=int, default=554)
    commands.add_parser('describe', help='ask one').add_argument('url')
    options = parser.parse_args()
    if options.command == 'describe':
        try:
            sys.exit(describe(options.url))
        except OSError as trouble:
            sys.exit(f'camera.py: {options.url}: {trouble}')
    serve(options.http, options.rtsp)


if __name__ == '__main__':
    main()
