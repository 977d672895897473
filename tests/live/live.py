"""What every live test stands on: a scene, and a runner.

A scenario is a function that gets a Scene: the home of tools/topology.py with a camera stand-in in it and the firewall
running on the router with the scenario's rules. It raises Failure when something is otherwise than it must be. After
each one the runner stops the firewall, which must end with 0, and asks the oracle whether anything left the router's
outside that never may. One line a scenario: `ok NAME` or `not ok NAME: why`; what helps to understand follows as `#` lines.

    @scenario(RULES)
    def stranger_is_refused(scene):
        expect(scene.curl('stranger', URL).status == TIMED_OUT, 'somebody answered')

    main()

A test file takes names of scenarios as arguments, to run only those. TIDEGATE names another binary than build/tidegate.
"""
import os
import signal
import socket
import sys
import threading
import traceback

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'tools'))
import oracle  # noqa: E402
from topology import Failure, Home, LIMIT, ROOT, tidegate_path, until  # noqa: E402, F401

RULES = '''\
zone wan on wan masquerade
zone lan on lan
host camera = 192.168.1.50, 2001:db8:1:1::50
set home = 198.51.100.9, 2001:db8:99::9
allow icmp6 to router
allow icmp echo-request from any to router
allow from router
allow from lan to wan
forward tcp port 8080 from wan home to camera port 80 "snapshot"
forward tcp port 554 from wan home to camera "video"
default drop
'''
SNAPSHOT = 'http://203.0.113.1:8080/snapshot.jpg'  # as the world knows it

# curl's exit statuses
CONNECTION_REFUSED, TIMED_OUT = 7, 28

_scenarios = []
_FILE_LIMIT = 150  # seconds for all scenarios of a file


def expect(truth, why):
    if not truth:
        raise Failure(why)


def refused(action, what):
    """Do `action`, which must be refused at once, by a reset or an ICMP message.
    => the OSError that told it"""
    try:
        action()
    except TimeoutError:
        raise Failure(f'{what}: no answer where a refusal was due') from None
    except OSError as told:
        return told
    raise Failure(f'{what}: not refused')


class Fetched:
    """What became of a curl: its exit status, the body, and its own words."""

    def __init__(self, done, path):
        self.status, self.words = done.returncode, done.stderr.strip()
        self.body = b''
        if os.path.exists(path):
            with open(path, 'rb') as f:
                self.body = f.read()


class Echo:
    """A server in a namespace that gives back what it gets, and remembers who came."""

    def __init__(self, scene, namespace, port, kind=socket.SOCK_STREAM, family=socket.AF_INET):
        self.peers = []  # (address, port) as seen here
        self.socket = scene.socket(namespace, family, kind)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(('::' if family == socket.AF_INET6 else '0.0.0.0', port))
        if kind == socket.SOCK_STREAM:
            self.socket.listen(1024)
        threading.Thread(target=self._accept if kind == socket.SOCK_STREAM else self._answer, daemon=True).start()

    def _accept(self):
        while True:
            connection, peer = self.socket.accept()
            self.peers.append(peer[:2])
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    @staticmethod
    def _serve(connection):
        with connection:
            try:
                while data := connection.recv(65536):
                    connection.sendall(data)
            except ConnectionError:
                pass  # the other side gave up; it knows

    def _answer(self):
        while True:
            data, peer = self.socket.recvfrom(65536)
            self.peers.append(peer[:2])
            self.socket.sendto(data, peer)


class Scene(Home):
    def __init__(self, rules, options, network):
        super().__init__(**network)
        try:
            self.eye = self.outside()
            self.run('router', 'ping', '-c', '1', '-W', '2', '203.0.113.254', check=True)  # what it is sure to see
            self.camera_log = self.camera()
            self.picture = self.curl('camera', 'http://192.168.1.50/snapshot.jpg').body
            expect(self.picture[:2] == b'\xff\xd8', 'the camera stand-in has no picture')
            self.rules = self.write('test.rules', rules)
            self.firewall = self.tidegate(self.rules, *options)
        except BaseException:
            self.close()
            raise

    def curl(self, namespace, *arguments, limit=2):
        """Fetch with curl, which gives up after `limit` seconds; Failure only if curl hangs."""
        path = os.path.join(self.directory, f'{next(self.numbers)}.body')
        done = self.run(namespace, 'curl', '-sS', '-o', path, '--max-time', str(limit), *arguments,
                        limit=limit + LIMIT)
        return Fetched(done, path)

    def snapshot(self, namespace, url=SNAPSHOT):
        """Fetch the picture, which must come as the camera has it."""
        got = self.curl(namespace, url, limit=LIMIT)
        expect(got.status == 0, f'{namespace} could not fetch {url}: {got.words}')
        expect(got.body == self.picture, f'{namespace} got {len(got.body)} bytes of {url}, not the {len(self.picture)} that '
                                         'the camera has')

    def unanswered(self, namespace, url):
        """Fetch, and be left without any answer."""
        got = self.curl(namespace, url)
        expect(got.status == TIMED_OUT, f'{namespace} at {url}: curl ended with {got.status}, not with a time-out: {got.words}')

    def web(self):
        """Start a web server in `web`; its log of visitors is what it writes."""
        site = os.path.join(self.directory, 'site')
        os.mkdir(site)
        with open(os.path.join(site, 'page.html'), 'w') as f:
            f.write('<h1>the world</h1>\n' * 1000)
        server = self.spawn('web', sys.executable, '-u', '-m', 'http.server', '80', '--directory', site)
        self.wait_port('web', 80)
        return server

    def connect(self, namespace, host, port, limit=LIMIT):
        """=> a TCP socket that is connected; OSError otherwise"""
        made = self.socket(namespace, socket.AF_INET6 if ':' in host else socket.AF_INET)
        made.settimeout(limit)
        try:
            made.connect((host, port))
        except BaseException:
            made.close()
            raise
        return made

    def datagrams(self, namespace, host, port):
        """=> a UDP socket towards host and port: it gets answers, and ICMP errors, from there alone"""
        made = self.socket(namespace, socket.AF_INET6 if ':' in host else socket.AF_INET, socket.SOCK_DGRAM)
        made.connect((host, port))
        return made

    def finish(self):
        """What must hold at the end of every scenario."""
        if self.firewall.is_running():
            status = self.firewall.stop()
            expect(status == 0, f'tidegate ended with {status} on SIGTERM')
        lost = self.eye.stop()
        expect(lost == 0, f'the sniffer outside lost {lost} packets')
        expect(any(True for _ in oracle.packets(self.eye.path)), 'the sniffer outside saw nothing at all')
        faults = oracle.faults(self.eye.path)
        expect(not faults, f'{len(faults)} faults in what left the router, first: {"; ".join(faults[:3])}')


def scenario(rules=RULES, *options, **network):
    """Register a function as a scenario: the firewall runs `rules` with these options. `network`: see topology.Home."""
    def register(function):
        _scenarios.append((function, lambda: Scene(rules, options, network)))
        return function
    return register


def alone(function):
    """Register a function that wants no scene."""
    _scenarios.append((function, None))
    return function


def _play(function, make):
    if make is None:
        function()
        return
    with make() as scene:
        try:
            function(scene)
            scene.finish()
        except Exception:
            for line in scene.firewall.err.splitlines()[-20:]:
                print(f'# tidegate: {line}')
            raise


def main():
    wanted, failed = sys.argv[1:], 0
    chosen = [s for s in _scenarios if not wanted or s[0].__name__ in wanted]
    if not chosen:
        sys.exit(f'no such scenario; there are: {" ".join(f.__name__ for f, _ in _scenarios)}')
    if any(make for _, make in chosen) and not os.access(tidegate_path(), os.X_OK):
        sys.exit(f'not ok live: there is no {tidegate_path()}; run make first, or say another with TIDEGATE=PATH')

    def too_long(number, frame):
        raise Failure(f'the whole file took longer than {_FILE_LIMIT} s')
    signal.signal(signal.SIGALRM, too_long)
    signal.alarm(_FILE_LIMIT)
    for function, make in chosen:
        name = function.__name__.replace('_', ' ')
        try:
            _play(function, make)
        except Exception as trouble:
            failed += 1
            why = str(trouble) if isinstance(trouble, Failure) else f'{type(trouble).__name__}: {trouble}'
            print(f'not ok {name}: {" ".join(why.split())}', flush=True)
            if not isinstance(trouble, Failure):
                print('# ' + traceback.format_exc().strip().replace('\n', '\n# '), flush=True)
        else:
            print(f'ok {name}', flush=True)
    sys.exit(1 if failed else 0)
