"""What the Client Portal Gateway needs to run: Java, its files, a certificate, a configuration."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ..errors import BezantError

_JAR: Final = "dist/ibgroup.web.core.iblink.router.clientportal.gw.jar"
_DOWNLOAD: Final = "https://download2.interactivebrokers.com/portal/clientportal.gw.zip"
_OLDEST_JAVA: Final = 8
# Named on the command line in place of the password, which everybody could read there.
_PASSWORD_VARIABLE: Final = "BEZANT_KEY_STORE_PASSWORD"  # noqa: S105 - a name
_DAYS: Final = 397
_TOOL_SECONDS: Final = 60

# The shipped configuration without its demo, with a certificate that can be checked. Its log holds
# cookies in clear, so nothing is logged.
_CONF: Final = """\
ip2loc: "US"
proxyRemoteSsl: {remote_tls}
proxyRemoteHost: "{remote}"
listenPort: {port}
listenSsl: true
ccp: false
svcEnvironment: "v1"
authDelay: 3000
portalBaseURL: ""
sslCert: "localhost.p12"
sslPwd: "{password}"
serverOptions:
  blockedThreadCheckInterval: 1000000
  eventLoopPoolSize: 20
  workerPoolSize: 20
  maxWorkerExecuteTime: 100
  internalBlockingPoolSize: 20
cors:
  origin.allowed: "*"
  allowCredentials: false
ips:
  allow: [127.0.0.1]
  deny: [212.90.324.10]
"""
_LOGBACK: Final = '<configuration><root level="OFF"/></configuration>\n'
_LOGGING: Final = "io.vertx.core.logging.SLF4JLogDelegateFactory"


def find_home(folder: str) -> Path:
    """Return the gateway's own folder: the one named, or one right below it.

    Raises:
        BezantError: it is not there.
    """
    named = Path(folder).expanduser()
    for home in (named, named / "clientportal.gw"):
        if (home / _JAR).is_file():
            return home.resolve()
    raise BezantError(
        f"{folder} holds no Client Portal Gateway (no {_JAR}); download {_DOWNLOAD}, unpack it and "
        "name the folder with --home"
    )


def find_java() -> str:
    """Return the path of a Java that the gateway runs on.

    Raises:
        BezantError: there is none, or it is too old.
    """
    java = _tool("java")
    done = subprocess.run(
        [java, "-version"], capture_output=True, text=True, timeout=_TOOL_SECONDS, check=False
    )
    words = done.stderr + done.stdout
    found = re.search(r'version "(?:1\.)?(\d+)', words)
    if done.returncode or found is None:
        raise BezantError(f"{java} does not work: {words.strip()[:200] or 'it says nothing'}")
    if int(found[1]) < _OLDEST_JAVA:
        raise BezantError(f"the gateway needs Java {_OLDEST_JAVA} or newer; {java} is {found[1]}")
    return java


def _tool(name: str) -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(name, path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which(name)
    if found is None:
        raise BezantError(
            f"there is no {name}: install a Java runtime (8 or newer) or set JAVA_HOME"
        )
    return found


def data_folder() -> Path:
    """Return where the configuration and the certificate are kept by default."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "bezant" / "gateway"


@dataclass(frozen=True, slots=True)
class Files:
    """The folder that a gateway runs in.

    Attributes:
        folder: it is readable by its owner only.
    """

    folder: Path

    @property
    def certificate(self) -> Path:
        """The certificate, with which clients verify the gateway."""
        return self.folder / "localhost.pem"

    @property
    def _store(self) -> Path:
        return self.folder / "localhost.p12"

    def write(self, port: int, remote: str) -> None:
        """Write a configuration, with a certificate of its own.

        Both are made anew for each start, so that the certificate never expires while the gateway
        runs and its key's password is nowhere else.

        Raises:
            BezantError: they cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            password = secrets.token_hex(16)
            self._make_certificate(password)
            conf = _CONF.format(
                port=port,
                password=password,
                remote=remote,
                remote_tls=str(remote.startswith("https:")).lower(),
            )
            _write_private(self.folder / "conf.yaml", conf)
            _write_private(self.folder / "logback.xml", _LOGBACK)
        except OSError as error:
            raise BezantError(f"{self.folder} cannot be written: {error}") from error

    def _make_certificate(self, password: str) -> None:
        self._store.unlink(missing_ok=True)
        self.certificate.unlink(missing_ok=True)
        common = ["-alias", "gateway", "-keystore", str(self._store)]
        common += ["-storepass:env", _PASSWORD_VARIABLE]
        key = ["-keyalg", "RSA", "-keysize", "2048"]
        key += ["-validity", str(_DAYS), "-storetype", "PKCS12"]
        names = ["-dname", "CN=localhost", "-ext", "SAN=dns:localhost,ip:127.0.0.1"]
        self._keytool(password, "-genkeypair", *common, *key, *names)
        self._store.chmod(0o600)
        self._keytool(password, "-exportcert", "-rfc", *common, "-file", str(self.certificate))

    def _keytool(self, password: str, *arguments: str) -> None:
        done = subprocess.run(
            [_tool("keytool"), *arguments],
            env=os.environ | {_PASSWORD_VARIABLE: password},
            capture_output=True,
            text=True,
            timeout=_TOOL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise BezantError(f"keytool failed: {(done.stdout + done.stderr).strip()[:300]}")

    def command(self, java: str, home: Path, options: tuple[str, ...] = ()) -> list[str]:
        """Return the command that starts the gateway; it is run in the folder.

        Args:
            java: Java's path.
            home: the gateway's own folder, which is only read.
            options: further options of Java.
        """
        # The folder comes first: that is where it looks for its configuration and its key.
        parts = (self.folder, home / "root", home / _JAR, home / "build/lib/runtime/*")
        return [
            java,
            "-server",
            "-Dvertx.disableDnsResolver=true",
            "-Djava.net.preferIPv4Stack=true",
            f"-Dvertx.logger-delegate-factory-class-name={_LOGGING}",
            *options,
            *("-cp", os.pathsep.join(map(str, parts))),
            *("ibgroup.web.core.clientportal.gw.GatewayStart", "--conf", "conf.yaml"),
        ]


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
